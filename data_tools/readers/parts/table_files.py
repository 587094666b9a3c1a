"""Reads tables beside images: .npy and .npz files here, others as `pzbias_tf.tables` does."""

from __future__ import annotations

import os

import numpy as np

from data_tools.readers.parts import npy_access
from data_tools.readers.parts.cutout_source import Columns
from pzbias_tf import tables
from pzbias_tf.tables import num_rows

__all__ = ["NAMES", "column_names", "columns_of", "find", "num_rows"]

SUFFIXES = (".npy", ".npz", *tables.SUFFIXES)
NAMES = tuple(f"{stem}{suffix}" for stem in ("labels", "catalog") for suffix in SUFFIXES)
"""File names of tables that are tried beside images."""


def find(folder: str) -> str:
  """The table of a folder: the first existing one of NAMES, "" if there is none."""
  for name in NAMES:
    if os.path.isfile(os.path.join(folder, name)):
      return os.path.join(folder, name)
  return ""


def columns_of(path: str) -> Columns:
  """All one-dimensional columns of a table file.

  Raises:
    OSError, ValueError: the file cannot be read.
  """
  if path.endswith(".npz"):
    columns: dict[str, np.ndarray] = {}
    for name in npy_access.members(path):
      shape, dtype = npy_access.peek(path, name)
      if len(shape) == 1 and dtype.names:
        columns.update(_fields(npy_access.load(path, name)))
      elif len(shape) == 1:
        columns[name] = npy_access.load(path, name)
    return columns
  if path.endswith(".npy"):
    array = npy_access.load(path)
    if not array.dtype.names:
      raise ValueError(f"{path}: not a record array; its type is {array.dtype}")
    return _fields(array)
  return tables.read_table(path)


def column_names(path: str) -> tuple[str, ...]:
  """Column names of a numpy table, from its headers alone; () for other files."""
  if path.endswith(".npz"):
    types = {name: npy_access.peek(path, name) for name in npy_access.members(path)}
    fields = [dtype.names for shape, dtype in types.values() if dtype.names]
    return tuple(types) + tuple(name for names in fields for name in names)
  if path.endswith(".npy"):
    return npy_access.peek(path)[1].names or ()
  return ()


def _fields(array: np.ndarray) -> Columns:
  return {name: array[name] for name in array.dtype.names if array[name].ndim == 1}
