"""catalog.fits: one row per record, in record order; several files where it is very long.

A record's labels (redshift bin, magnitude row) are computed from its row, in
double precision, so that records and tables never disagree about a bin.
"""

from __future__ import annotations

import io
import os
from typing import Iterable, Sequence

from astropy.io import fits
from astropy.table import Column, Table, vstack
import numpy as np

from pzbias_tf import storage
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.data import reference_columns

# Column -> (dtype, unit, description).  Missing numbers are NaN, missing texts "".
OBJECT_COLUMNS = {
    "id": (str, None, "object id"),
    "z_spec": (np.float64, None, "spectroscopic redshift, NaN where unknown"),
    "r_mag": (np.float64, "mag", "r magnitude (AB) that selects the magnitude row"),
    "r_err": (np.float64, "mag", "error of r_mag"),
    "i_mag": (np.float64, "mag", "i magnitude (AB)"),
    "i_err": (np.float64, "mag", "error of i_mag"),
    "ebv": (np.float64, "mag", "Galactic reddening E(B-V)"),
    reference_columns.COLUMN: (
        np.float64, None, reference_columns.description(reference_columns.COLUMN)),
    "field": (str, None, "part of the survey, e.g. W or D"),
    "sample": (str, None, "spectroscopic sample, e.g. HQ or LR"),
    "ra": (np.float64, "deg", "right ascension (ICRS)"),
    "dec": (np.float64, "deg", "declination (ICRS)"),
}
RECORD_COLUMNS = {
    "copy": (np.int16, None, "0, or the number of the augmented copy"),
    "split": (str, None, "train, validation, test or target"),
    "shard": (np.int32, None, "number of the shard within its split"),
    "position": (np.int32, None, "number of the record within its shard"),
    "number": (np.int64, None, "the record's own number; gaps are images that were rejected"),
}
ROWS_PER_FILE = 10_000_000
"""Longer catalogues are split into catalog-00000-of-00003.fits and so on."""

_ROWS_PER_BLOCK = 50_000
_FITS_BLOCK_BYTES = 2880


def object_columns(names: Iterable[str]) -> dict[str, tuple]:
  """OBJECT_COLUMNS of a table; several photometric redshifts replace the only one.

  Args:
    names: some or all of the table's columns.

  Returns:
    {column: (dtype, unit, description)}.
  """
  several = {name: (np.float64, None, reference_columns.description(name))
             for name in reference_columns.columns_in(names)}
  columns: dict[str, tuple] = {}
  for name, what in OBJECT_COLUMNS.items():
    columns.update(several if several and name == reference_columns.COLUMN else {name: what})
  return columns


def object_table(num: int, **columns) -> Table:
  """A table of `num` objects with every column of `object_columns`.

  Args:
    num: number of objects.
    **columns: arrays [num] for some of the columns; the others hold missing
      values (NaN or "").

  Returns:
    The table, in the dtypes of `object_columns`.

  Raises:
    ValueError: a column is unknown, or has another length than `num`.
  """
  known = object_columns(columns)
  unknown = sorted(set(columns) - set(known))
  if unknown:
    raise ValueError(f"no catalogue column is called {', '.join(unknown)}; "
                     f"known are {', '.join(known)}")
  arrays: dict[str, np.ndarray] = {}
  for name, (dtype, _, _) in known.items():
    # A broadcast value takes no memory.
    missing = np.broadcast_to("" if dtype is str else np.nan, num)
    values = np.asarray(columns.get(name, missing))
    if values.shape != (num,):
      raise ValueError(f"column {name} has shape {values.shape}, expected ({num},); pass one "
                       "value per object")
    arrays[name] = values.astype(dtype, copy=False)
  table = Table(arrays, copy=False)
  for name, (_, _, description) in known.items():
    table[name].description = description
  return table


def put_column(table: Table, name: str, values: np.ndarray) -> None:
  """Adds a column, or replaces it, without another copy of its values in memory."""
  column = Column(values, name=name, copy=False)
  if name in table.colnames:
    table.replace_column(name, column, copy=False)
  else:
    table.add_column(column, copy=False)


def save_catalog(table: Table, folder: str) -> tuple[str, ...]:
  """Writes a table of records with its units as catalog.fits, or as several files.

  Args:
    table: a table with all columns, or an object whose slices are such tables.
    folder: the data set's folder.

  Returns:
    The names of the files, in order.

  Raises:
    OSError: a file cannot be written.
  """
  total = max(1, -(-len(table) // ROWS_PER_FILE))
  names = (manifest_lib.CATALOG_NAME,) if total == 1 else tuple(
      part_name(number, total) for number in range(total))
  for number, name in enumerate(names):
    start = number * ROWS_PER_FILE
    with storage.whole_file(os.path.join(folder, name)) as hidden:
      _write_part(table, range(len(table))[start:start + ROWS_PER_FILE], hidden)
  return names


def _write_part(table, rows, path):
  """Writes some rows as one FITS file, block by block, which takes less memory than all at once."""
  with open(path, "wb") as file:
    for start in range(rows.start, rows.stop, _ROWS_PER_BLOCK) or [rows.start]:
      header, data = _fits_block(table[start:min(start + _ROWS_PER_BLOCK, rows.stop)])
      if start == rows.start:
        header["NAXIS2"] = len(rows)
        file.write((fits.PrimaryHDU().header.tostring() + header.tostring()).encode("ascii"))
      file.write(data)
    file.write(bytes(-file.tell() % _FITS_BLOCK_BYTES))


def _fits_block(part) -> tuple[fits.Header, bytes]:
  """Header and data of some rows as a FITS table."""
  columns = {**object_columns(part.colnames), **RECORD_COLUMNS}
  for column, (_, unit, description) in columns.items():
    part[column].unit = unit
    part[column].description = description
  file = io.BytesIO()
  part.write(file, format="fits")
  whole = file.getvalue()
  with fits.open(io.BytesIO(whole)) as hdus:
    header, start = hdus[1].header, hdus[1].fileinfo()["datLoc"]
  return header, whole[start:start + header["NAXIS1"] * len(part)]


def part_name(number: int, total: int) -> str:
  """File name of one part of a catalogue of several files."""
  stem, suffix = os.path.splitext(manifest_lib.CATALOG_NAME)
  return f"{stem}-{number:05d}-of-{total:05d}{suffix}"


def load_catalog(folder: str,
                 names: Sequence[str] = (manifest_lib.CATALOG_NAME,)) -> Table:
  """Reads a catalogue.

  Args:
    folder: the data set's folder.
    names: its files, in order: the manifest's `catalogs`.

  Returns:
    A table in record order; text columns are str, missing numbers NaN.

  Raises:
    OSError: a file is missing or is not a FITS file.
    ValueError: a column is missing.
  """
  parts = [_load_part(os.path.join(folder, name)) for name in names]
  return parts[0] if len(parts) == 1 else vstack(parts, metadata_conflicts="silent")


def load_rows(folder: str, names: Sequence[str], rows: range) -> Table:
  """Reads some neighbouring rows of a catalogue, of which the others stay on disk.

  Args:
    folder: the data set's folder.
    names: its files, in order: the manifest's `catalogs`.
    rows: the rows, counted over all files.

  Returns:
    These rows of `load_catalog`; fewer where the catalogue is shorter.

  Raises:
    OSError, ValueError: as `load_catalog`.
  """
  parts: list[Table] = []
  before = 0
  for name in names:
    path = os.path.join(folder, name)
    with _open_part(path) as hdus:
      num = hdus[1].header["NAXIS2"]
      own = range(*(min(max(row - before, 0), num) for row in (rows.start, rows.stop)))
      if own or name == names[-1] and not parts:
        parts.append(_as_catalog(_cut(path, hdus, own), path))
    before += num
  return parts[0] if len(parts) == 1 else vstack(parts, metadata_conflicts="silent")


def _cut(path, hdus, rows) -> io.BytesIO:
  """A FITS file of some rows; the others are not read."""
  header = hdus[1].header.copy()
  row_bytes, header["NAXIS2"] = header["NAXIS1"], len(rows)
  file = io.BytesIO()
  file.write((fits.PrimaryHDU().header.tostring() + header.tostring()).encode("ascii"))
  with storage.opened(path) as source:
    source.seek(hdus[1].fileinfo()["datLoc"] + row_bytes * rows.start)
    file.write(source.read(row_bytes * len(rows)))
  file.write(bytes(-file.tell() % _FITS_BLOCK_BYTES))
  file.seek(0)
  return file


def text_bytes(folder: str, names: Sequence[str]) -> dict[str, int]:
  """{column of texts: bytes of its longest text} of a catalogue, from its headers alone."""
  widths: dict[str, int] = {}
  for name in names:
    with _open_part(os.path.join(folder, name)) as hdus:
      for column in hdus[1].columns:
        if column.format.endswith("A"):
          width = int(column.format[:-1] or 1)
          widths[column.name] = max(width, widths.get(column.name, 1))
  return widths


def _load_part(path: str) -> Table:
  # Astropy reads local files itself; remote ones are read into memory first.
  return _as_catalog(io.BytesIO(storage.read_bytes(path)) if storage.is_remote(path) else path,
                     path)


def _open_part(path: str) -> fits.HDUList:
  """The open file of a catalogue, of which astropy reads the headers alone at first."""
  if storage.is_remote(path):
    return fits.open(io.BytesIO(storage.read_bytes(path)))
  return fits.open(path)


def _as_catalog(file, path: str) -> Table:
  table = Table.read(file, format="fits", mask_invalid=False)
  wanted = {**object_columns(table.colnames), **RECORD_COLUMNS}
  missing = [name for name in wanted if name not in table.colnames]
  if missing:
    raise ValueError(f"{path}: no column {', '.join(missing)}; convert the data set again")
  table.convert_bytestring_to_unicode()
  return table
