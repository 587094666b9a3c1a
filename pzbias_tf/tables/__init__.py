"""Reads tables of any usual kind: one array per column, and ids as the file has them.

The kind of a file is known by its first bytes; its name only says whether it is a table.
"""

from __future__ import annotations

import lzma
import re
from typing import Mapping
import zlib

import numpy as np

from pzbias_tf.guards import plain_files, unpacking
from pzbias_tf.tables import binary_tables, text_tables
from pzbias_tf.tables.binary_tables import PARQUET, parquet_parts
from pzbias_tf.tables.table_contents import TableColumns

__all__ = ["Columns", "PACKED", "SUFFIXES", "TableColumns", "is_table", "num_rows",
           "parquet_parts", "read_table"]

Columns = Mapping[str, np.ndarray]
"""{name: values [rows]}."""

SUFFIXES = (".fits", ".csv", ".parquet", ".ecsv", ".tsv", ".vot", ".votable", ".xml", ".fit")
_TEXT = (".txt", ".dat", ".cat", ".tab", ".ascii", ".tbl")
PACKED = (".gz", ".bz2", ".xz")
"""Endings that may follow those of files other than Parquet."""


def read_table(path: str) -> TableColumns:
  """All columns of a table that hold one value per row; masked numbers become NaN, texts "".

  Args:
    path: FITS, Parquet (also a folder of parts), VOTable, ECSV, or text with a line of names:
      CSV, columns separated by ; or tabs or | or blanks, decimal points or commas, lines of
      comments; packed or not.

  Raises:
    OSError: the file is missing.
    ValueError: it is no readable table.
  """
  if path.lower().endswith(PARQUET) or parquet_parts(path):
    return binary_tables.read_parquet(path).apply_masks()
  content = _read_bytes(path)
  try:
    return _reader_of(content)(path, content).apply_masks()
  except Exception as error:  # astropy's readers raise many kinds of errors
    raise ValueError(f"{path}: not a readable table: {error}") from error


def is_table(path: str) -> bool:
  """Whether `read_table` knows the ending of this name, in any case, or a folder has such parts."""
  name = path.lower()
  return name.endswith(PARQUET) or bool(parquet_parts(path)) or name.endswith(tuple(
      suffix + packed for suffix in (*SUFFIXES, *_TEXT) for packed in ("", *PACKED)
      if suffix not in PARQUET))


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


def _reader_of(content: bytes):
  """What reads a file of these bytes."""
  head = content[:4096].lstrip()
  if content.startswith(b"SIMPLE  ="):
    return binary_tables.read_fits
  if content.startswith(b"PAR1"):
    raise ValueError("it is a Parquet file; call it .parquet")
  if content.startswith(b"\x89HDF"):
    raise ValueError("it is an HDF5 file; save the columns as FITS, CSV or Parquet")
  if content.startswith(b"PK\x03\x04"):
    raise ValueError("it is an Excel or zip file; save the table as CSV, or unpack it")
  if re.match(rb"[{\[]\s*[{\"]", head):
    raise ValueError("it is JSON; save the table as CSV, FITS or Parquet")
  if head.startswith(b"<"):
    if b"<VOTABLE" not in content[:1 << 16]:
      raise ValueError("it is a web page, or XML of another kind than VOTable; fetch it again")
    return binary_tables.read_votable
  return text_tables.read_text


def _read_bytes(path: str) -> bytes:
  """Reads a whole file, unpacked where its first bytes say that it is packed.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is packed and damaged.
  """
  try:
    return unpacking.contents(path)
  except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
    if isinstance(error, OSError) and (error.errno or isinstance(error, plain_files.NotPlainError)):
      raise
    raise ValueError(f"{path}: not a readable table: damaged or cut short ({error}); fetch it "
                     "again") from error
