"""One catalogue from the tables of several files, each of which is read and dropped in turn."""

from __future__ import annotations

import contextlib
from typing import Iterator, Sequence

from absl import logging
from astropy.table import Column, Table
import numpy as np

from data_tools.fits_headers import sky_columns
from data_tools.readers.parts import columns as columns_lib
from data_tools.readers.parts import compact_ids, table_files
from data_tools.readers.parts.cutout_source import ReaderOptions
from pzbias_tf.tables import TableColumns


class Parts:
  """The catalogues of several files, which must have the same columns.

  Only the columns of the catalogue are kept, ids of several files as bytes, so that a galaxy takes
  less than 100 bytes however many columns its files have.
  """

  def __init__(self, files: Sequence[str]):
    self._files = files
    self._parts: dict[str, list[Column]] = {}
    self._chosen: dict[str, str] | None = None
    self._num = 0

  def add(self, origin: str, table: TableColumns, num: int, options: ReaderOptions) -> None:
    """Adds the next file's objects.

    Args:
      origin: the file of the table.
      table: its columns, [num].
      num: number of objects.
      options: the user's column names and constants.

    Raises:
      ValueError: a column is missing, or is another one than in the first file.
    """
    if not num and len(self._files) > 1:
      return  # a partition without objects, which has no types
    if table_files.num_rows(table, origin) != num:
      raise ValueError(f"{origin}: columns of different lengths")
    with _silent() if self._parts else contextlib.nullcontext():
      catalog, chosen = columns_lib.build_catalog(
          table, columns_lib.USUAL_NAMES, num, options, origin=origin)
      sky_columns.correct(catalog, chosen, table, origin)
    if "id" not in chosen:
      catalog["id"] = (self._num + np.arange(num)).astype(str)
    if self._chosen not in (None, chosen):
      raise ValueError(
          f"{origin}: the columns {_differences(chosen, self._chosen)}; name them with "
          f"--id_column, --r_column and so on, or with {columns_lib.NONE} to go without")
    self._chosen, self._num = chosen, self._num + num
    for name in catalog.colnames:
      column = catalog[name]
      self._parts.setdefault(name, []).append(
          compact_ids.packed(column) if name == "id" and len(self._files) > 1 else column)

  def catalog(self) -> tuple[Table, dict[str, str]]:
    """The catalogue of all objects and {role: name of its column}.

    Raises:
      ValueError: there are none.
    """
    if not self._parts:
      raise ValueError(f"{self._files[0]} and {len(self._files) - 1} others hold no objects")
    columns = {name: _joined(self._parts.pop(name)) for name in list(self._parts)}
    return Table(columns, copy=False), dict(self._chosen or {})


def _joined(parts: list[Column]) -> Column:
  """One column from those of the files; a column without values takes no memory."""
  values = np.asarray(parts[0])
  if all(np.asarray(part).strides == (0,) for part in parts):
    values = np.broadcast_to(values[:1].ravel()[0], sum(map(len, parts)))
  elif len(parts) > 1:
    values = np.concatenate([np.asarray(part) for part in parts])
  column = Column(values, copy=False, description=parts[0].description)
  widths = [part.meta[compact_ids.WIDTH] for part in parts if compact_ids.WIDTH in part.meta]
  column.meta.update({compact_ids.WIDTH: max(widths)} if widths else {})
  return column


def _differences(chosen: dict[str, str], first: dict[str, str]) -> str:
  roles = sorted(role for role in {*chosen, *first} if chosen.get(role) != first.get(role))
  return ", ".join(f"{role} = {chosen.get(role, 'none')} (in the first file "
                   f"{first.get(role, 'none')})" for role in roles)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
  """Without warnings: what the first file was told about counts for all of them."""
  before = logging.get_verbosity()
  logging.set_verbosity(logging.ERROR)
  try:
    yield
  finally:
    logging.set_verbosity(before)
