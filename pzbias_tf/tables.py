"""Reads tables from FITS, CSV, Parquet and text files: one array per column."""

from __future__ import annotations

import gzip
from typing import Mapping
import warnings

from astropy.table import Table
import numpy as np

from pzbias_tf.guards import unpacking

Columns = Mapping[str, np.ndarray]
"""{name: values [rows]}."""

SUFFIXES = (".fits", ".csv", ".parquet")
_TEXT = (".txt", ".dat", ".cat")
PACKED = ("", ".gz")
"""Endings that may follow those of files other than Parquet."""


def read_table(path: str) -> dict[str, np.ndarray]:
  """All one-dimensional columns of a table; masked numbers become NaN, missing texts "".

  Args:
    path: a file whose name ends on one of SUFFIXES, or on .txt, .dat or .cat for
      columns of text; all but .parquet also with .gz.

  Raises:
    OSError: the file is missing.
    ValueError: it is no readable table.
  """
  unpacking.check(path)
  return _parquet_columns(path) if path.endswith(".parquet") else _astropy_columns(path)


def is_table(path: str) -> bool:
  """Whether `read_table` knows the ending of this file's name."""
  return path.endswith(tuple(suffix + packed for suffix in (*SUFFIXES, *_TEXT)
                             for packed in PACKED if suffix != ".parquet" or not packed))


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


def _parquet_columns(path: str) -> dict[str, np.ndarray]:
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


def _astropy_columns(path: str) -> dict[str, np.ndarray]:
  try:
    with warnings.catch_warnings():
      # Ids of 20 digits are too large for integers, and are texts anyway.
      warnings.filterwarnings("ignore", "OverflowError converting to IntType")
      table = Table.read(path, format=_format_of(path))
    if _format_of(path) == "fits":
      table.convert_bytestring_to_unicode()
  except Exception as error:  # astropy's readers raise many kinds of errors
    raise ValueError(f"{path}: not a readable table: {error}") from error
  return {name: _unmasked(table[name]) for name in table.colnames if table[name].ndim == 1}


def _format_of(path: str) -> str:
  """Astropy's name of the format; text names its columns in its first line, after # or not."""
  plain = path.removesuffix(".gz")
  if plain.endswith(".csv"):
    return "ascii.csv"
  if not plain.endswith(_TEXT):
    return "fits"
  with gzip.open(path) if plain != path else open(path, "rb") as file:
    return "ascii.commented_header" if file.read(1) == b"#" else "ascii.basic"


def _unmasked(column) -> np.ndarray:
  """A column as an array; masked numbers become NaN."""
  if getattr(column, "mask", None) is None or not np.any(column.mask):
    return np.asarray(column)
  if column.dtype.kind in "iuf":
    return np.ma.filled(np.ma.asarray(column).astype(np.float64), np.nan)
  return np.asarray(column.filled(""))
