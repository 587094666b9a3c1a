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
from pzbias_tf.tables.disk_columns import ColumnWriter
from pzbias_tf.tables.scratch_file import release_pages


class Parts:
  """The catalogues of several files, which must have the same columns.

  Only the columns of the catalogue are kept, on disk where they are long.
  """

  def __init__(self, files: Sequence[str]):
    self._files = files
    self._parts: dict[str, _StackedColumn] = {}
    self._chosen: dict[str, str] | None = None
    self._named: dict[str, str] = {}
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
      sky_columns.correct(catalog, chosen, table, origin, options.scratch)
    if "id" not in chosen:
      catalog.replace_column("id", compact_ids.packed(
          self._num + np.arange(num), lambda rows: rows.astype(str), scratch=options.scratch))
    if self._chosen not in (None, chosen):
      raise ValueError(
          f"{origin}: the columns {_differences(chosen, self._chosen)}; name them with "
          f"--id_column, --r_column and so on, or with {columns_lib.NONE} to go without")
    self._chosen, self._num = chosen, self._num + num
    self._named |= catalog.meta[columns_lib.NAMED]
    for name in catalog.colnames:
      column = catalog[name]
      self._parts.setdefault(name, _StackedColumn(column, options.scratch)).append(column)
    release_pages()

  def catalog(self) -> tuple[Table, dict[str, str]]:
    """The catalogue of all objects and {role: name of its column}.

    Raises:
      ValueError: there are none.
    """
    if not self._parts:
      raise ValueError(f"{self._files[0]} and {len(self._files) - 1} others hold no objects")
    columns = {name: self._parts.pop(name).column() for name in list(self._parts)}
    catalog = Table(columns, copy=False, meta={columns_lib.NAMED: self._named})
    return catalog, dict(self._chosen or {})


class _StackedColumn:
  """One column from those of the files; one value for all rows takes no space.

  Args:
    first: the first file's.
    scratch: folder for a long column.
  """

  def __init__(self, first: Column, scratch: str):
    self._first, self._writer = first, ColumnWriter(scratch)
    self._num_same, self._width = 0, 0  # rows so far that have one value, none written

  def append(self, column: Column) -> None:
    """Adds the rows of the next file."""
    values = np.asarray(column)
    self._width = max(self._width, column.meta.get(compact_ids.WIDTH, 0))
    if values.strides == (0,) and not self._writer.rows and (
        not self._num_same or _equal(values[0], self._same())):
      self._num_same += len(values)
      return
    if self._num_same:
      self._writer.append(np.broadcast_to(self._same(), self._num_same))
      self._num_same = 0
    self._writer.append(values)

  def column(self) -> Column:
    """The column of all files."""
    values = (np.broadcast_to(self._same(), self._num_same) if self._num_same else
              self._writer.array())
    column = Column(values, copy=False, description=self._first.description)
    column.meta.update({compact_ids.WIDTH: self._width} if self._width else {})
    return column

  def _same(self):
    """The value of all rows so far."""
    return np.asarray(self._first)[0]


def _equal(first, second) -> bool:
  return bool(first == second or first != first and second != second)


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
