"""Reads tables from .npy, .npz, .fits, .csv, .parquet and text files."""

from __future__ import annotations

import gzip
import os

from astropy.table import Table
import numpy as np

from data_tools.readers.parts import npy_access
from data_tools.readers.parts.cutout_source import Columns

SUFFIXES = (".npy", ".npz", ".fits", ".csv", ".parquet")
_CSV = (".csv", ".csv.gz")
_TEXT = tuple(f"{suffix}{packed}" for suffix in (".txt", ".dat", ".cat") for packed in ("", ".gz"))
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
  return _parquet_columns(path) if path.endswith(".parquet") else _astropy_columns(path)


def column_names(path: str) -> tuple[str, ...]:
  """Column names of a numpy table, from its headers alone; () for other files."""
  if path.endswith(".npz"):
    types = {name: npy_access.peek(path, name) for name in npy_access.members(path)}
    fields = [dtype.names for shape, dtype in types.values() if dtype.names]
    return tuple(types) + tuple(name for names in fields for name in names)
  if path.endswith(".npy"):
    return npy_access.peek(path)[1].names or ()
  return ()


def num_rows(columns: Columns, path: str) -> int:
  """Number of rows of a table.

  Raises:
    ValueError: the table is empty, or its columns differ in length.
  """
  lengths = {name: len(values) for name, values in columns.items()}
  if len(set(lengths.values())) != 1:
    raise ValueError(f"{path}: columns of different lengths: {lengths}" if lengths else
                     f"{path}: no columns")
  return next(iter(lengths.values()))


def _fields(array: np.ndarray) -> Columns:
  return {name: array[name] for name in array.dtype.names if array[name].ndim == 1}


def _parquet_columns(path: str) -> Columns:
  try:
    from pyarrow import parquet  # an optional dependency
  except ImportError as error:
    raise ValueError(f"{path}: Parquet needs pyarrow: pip install '.[parquet]'") from error
  try:
    table = parquet.read_table(path)
  except Exception as error:  # pyarrow raises many kinds of errors
    raise ValueError(f"{path}: not a readable table: {error}") from error
  columns = {name: table[name].to_numpy() for name in table.column_names}
  return {name: _without_objects(values) for name, values in columns.items()
          if values.ndim == 1 and not _holds_lists(values)}


def _holds_lists(values: np.ndarray) -> bool:
  return values.dtype == object and any(
      isinstance(value, (list, dict, np.ndarray)) for value in values[:100])


def _without_objects(values: np.ndarray) -> np.ndarray:
  """Objects as text, missing ones as ""; numbers with missing values are doubles already."""
  if values.dtype != object:
    return values
  return np.array(["" if value is None else str(value) for value in values], str)


def _astropy_columns(path: str) -> Columns:
  try:
    if path.endswith(_CSV):
      table = Table.read(path, format="ascii.csv")
    elif path.endswith(_TEXT):
      table = Table.read(path, format=_text_format(path))
    else:
      table = Table.read(path, format="fits")
      table.convert_bytestring_to_unicode()
  except Exception as error:  # astropy's readers raise many kinds of errors
    raise ValueError(f"{path}: not a readable table: {error}") from error
  return {name: _unmasked(table[name]) for name in table.colnames if table[name].ndim == 1}


def _text_format(path: str) -> str:
  """Astropy's name for text in columns whose names stand in the first line, after a # or not."""
  with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
    return "ascii.commented_header" if file.read(1) == b"#" else "ascii.basic"


def _unmasked(column) -> np.ndarray:
  """A column as an array; masked numbers become NaN."""
  if getattr(column, "mask", None) is None or not np.any(column.mask):
    return np.asarray(column)
  if column.dtype.kind in "iuf":
    return np.ma.filled(np.ma.asarray(column).astype(np.float64), np.nan)
  return np.asarray(column.filled(""))
