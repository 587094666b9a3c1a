"""Writes the columns of a catalogue, as they were read, and further ones as a FITS table."""

from __future__ import annotations

import re
from typing import Mapping

from astropy import units
from astropy.io import fits
from astropy.table import Column, MaskedColumn, Table
import numpy as np

from pzbias_tf.data.galaxy_origin import FITS_MARK
from pzbias_tf.files import whole_file
from pzbias_tf.tables import TableColumns

_WHOLE = re.compile(r"[+-]?\d+")
_NULL = np.iinfo(np.int64).min


def write_table(path: str, columns: Mapping[str, np.ndarray], new: Mapping[str, Column], *,
                ids: str, mark: str, origin: str) -> None:
  """Writes a FITS table, whole or not at all.

  Args:
    path: the file.
    columns: columns as they were read, [rows]; `TableColumns` have units, descriptions and texts.
    new: further columns, which replace those of the same name.
    ids: name of the column of ids, "" for none, whose texts are kept as they are.
    mark: what is simulated, for the header; "" for nothing.
    origin: the catalogue, for messages.

  Raises:
    OSError: the file cannot be written.
    ValueError: a text is not plain ASCII.
  """
  known = columns if isinstance(columns, TableColumns) else TableColumns(columns)
  kept = [name for name in known if name not in new]
  table = Table({**{name: _as_read(known, name, is_id=name == ids) for name in kept}, **new})
  table.meta |= {FITS_MARK: mark} if mark else {}
  try:
    unit = fits.table_to_hdu(table)
  except UnicodeEncodeError as error:
    raise ValueError(f"{origin}: a FITS table takes plain ASCII only, not {error.object!r}; "
                     "leave that column out") from error
  for number, name in enumerate(table.colnames, 1):  # astropy leaves out units it does not know
    _describe(unit.header, number, known.unit(name) if name in kept else "",
              known.description(name) if name in kept else new[name].description)
  with whole_file(path) as hidden:
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(hidden)


def _as_read(columns: TableColumns, name: str, *, is_id: bool) -> np.ndarray | MaskedColumn:
  """A column with all digits that the file has: numbers, whole ones of 64 bits, or texts."""
  values, texts = columns[name], columns.texts.get(name)
  if texts is None or values.dtype.kind in "US":
    return values
  texts = texts.astype(str)
  missing = texts == ""
  filled = texts[~missing].tolist()
  if not filled or not all(map(_WHOLE.fullmatch, filled)):
    return texts if is_id and filled else values
  numbers = [int(text) for text in filled]
  as_they_are = all(str(number) == text for number, text in zip(numbers, filled))
  if not as_they_are or max(map(abs, numbers)) > np.iinfo(np.int64).max:
    return texts
  whole = np.full(len(texts), _NULL)
  whole[~missing] = numbers
  return MaskedColumn(whole, mask=missing, fill_value=_NULL) if missing.any() else whole


def _describe(header: fits.Header, number: int, unit: str, description: str) -> None:
  """Notes the unit and the description of a column in the header of a FITS table."""
  if not unit.isascii():
    unit = units.Unit(unit, parse_strict="silent").to_string()
  if unit and unit.isascii() and unit.isprintable():
    header[f"TUNIT{number}"] = unit
  if description:
    header[f"TCOMM{number}"] = description
