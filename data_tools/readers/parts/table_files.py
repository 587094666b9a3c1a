"""Reads tables beside images: .npy and .npz files here, others as `pzbias_tf.tables` does."""

from __future__ import annotations

import os

import numpy as np

from data_tools.readers.parts import npy_access
from pzbias_tf import tables
from pzbias_tf.tables import TableColumns, num_rows

__all__ = ["NAMES", "column_names", "columns_of", "find", "num_rows"]

SUFFIXES = (".npy", ".npz", *tables.SUFFIXES)
_STEMS = ("labels", "catalog")
NAMES = tuple(f"{stem}{suffix}" for stem in _STEMS for suffix in SUFFIXES)
"""File names of tables that are tried beside images."""


def find(folder: str) -> str:
  """The table of a folder: the first existing one of NAMES, "" if there is none.

  Capitals do not count, and the files may be packed (.csv.gz).  A Parquet table may be a folder of
  parts, called catalog.parquet or catalog.
  """
  names = sorted(os.listdir(folder or ".")) if os.path.isdir(folder or ".") else []
  for wanted in NAMES:
    for packed in ("", *tables.PACKED):
      for name in (wanted, *names):
        path = os.path.join(folder, name)
        if name.lower() == wanted + packed and (os.path.isfile(path) or tables.parquet_parts(path)):
          return path
  for name in names:
    path = os.path.join(folder, name)
    if name.lower() in _STEMS and tables.parquet_parts(path):
      return path
  return ""


def columns_of(path: str, scratch: str = "") -> TableColumns:
  """All columns of a table file that hold one value per row.

  Args:
    path: the file, or a folder of Parquet files.
    scratch: folder for long columns; "" is the system's folder for temporary files.

  Raises:
    OSError, ValueError: the file cannot be read.
  """
  if path.lower().endswith(".npz"):
    columns = TableColumns()
    for name in npy_access.members(path):
      _add_member(columns, path, name)
    return columns.apply_masks()
  if path.lower().endswith(".npy"):
    array = npy_access.load(path)
    if not array.dtype.names:
      raise ValueError(f"{path}: not a record array; its type is {array.dtype}")
    return _with_fields(TableColumns(), array).apply_masks()
  return tables.read_table(path, scratch)


def _add_member(columns: TableColumns, path: str, name: str) -> None:
  """Adds a column of an .npz file; larger arrays are not read."""
  shape, dtype = npy_access.peek(path, name)
  if len(shape) == 1 and dtype.names:
    _with_fields(columns, npy_access.load(path, name))
  elif len(shape) == 1 or len(shape) == 2 and shape[1] == 1:
    try:
      columns.add(name, npy_access.load(path, name))
    except ValueError as error:
      if not dtype.hasobject:
        raise
      columns.skip(name, str(error))


def column_names(path: str) -> tuple[str, ...]:
  """Column names of a numpy table, from its headers alone; () for other files."""
  if path.endswith(".npz"):
    types = {name: npy_access.peek(path, name) for name in npy_access.members(path)}
    fields = [dtype.names for shape, dtype in types.values() if dtype.names]
    return tuple(types) + tuple(name for names in fields for name in names)
  if path.endswith(".npy"):
    return npy_access.peek(path)[1].names or ()
  return ()


def _with_fields(columns: TableColumns, array: np.ndarray) -> TableColumns:
  for name in array.dtype.names or ():
    columns.add(name, array[name])
  return columns
