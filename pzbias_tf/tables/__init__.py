"""Reads tables of any usual kind: one array per column, and ids as the file has them.

The kind of a file is known by its first bytes; its name only says whether it is a table.
"""

from __future__ import annotations

import contextlib
import lzma
import re
from typing import BinaryIO, Iterator, Mapping
import zlib

import numpy as np

from pzbias_tf.guards import plain_files, unpacking
from pzbias_tf.tables import binary_tables, fits_tables, parquet_tables, text_tables
from pzbias_tf.tables.parquet_tables import PARQUET, parquet_parts
from pzbias_tf.tables.scratch_file import ScratchCopy, ScratchError
from pzbias_tf.tables.table_contents import TableColumns

__all__ = ["Columns", "PACKED", "SUFFIXES", "TableColumns", "is_table", "num_rows",
           "parquet_parts", "read_table"]

Columns = Mapping[str, np.ndarray]
"""{name: values [rows]}."""

SUFFIXES = (".fits", ".csv", ".parquet", ".ecsv", ".tsv", ".vot", ".votable", ".xml", ".fit")
_TEXT = (".txt", ".dat", ".cat", ".tab", ".ascii", ".tbl")
PACKED = (".gz", ".bz2", ".xz")
"""Endings that may follow those of files other than Parquet."""


def read_table(path: str, scratch: str = "") -> TableColumns:
  """All columns of a table that hold one value per row; masked numbers become NaN, texts "".

  Args:
    path: FITS, Parquet (also a folder of parts), VOTable, ECSV, or text with a line of names:
      CSV, columns separated by ; or tabs or | or blanks, decimal points or commas, lines of
      comments; packed or not.
    scratch: folder for long columns of FITS and Parquet, which are read-only arrays there; "" is
      the system's folder for temporary files.

  Raises:
    OSError: the file is missing, or the scratch folder is full.
    ValueError: it is no readable table.
  """
  if path.lower().endswith(PARQUET) or parquet_parts(path):
    return parquet_tables.read_parquet(path, scratch).apply_masks()
  if _start(path).startswith(fits_tables.START):
    with _unpacked(path, scratch) as file, _one_error(path):
      return fits_tables.read_fits(path, file, scratch).apply_masks()
  content = _read_bytes(path)
  with _one_error(path):
    return _reader_of(content)(path, content).apply_masks()


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
  if content.startswith(b"PAR1"):
    raise ValueError("it is a Parquet file; call it .parquet")
  if content.startswith(b"\x89HDF"):
    raise ValueError("it is an HDF5 file; save the columns as FITS, CSV or Parquet")
  if content.startswith((b"ARROW1", b"FEA1")):
    raise ValueError("it is a Feather file; save the table as Parquet")
  if content.startswith(b"SQLite format"):
    raise ValueError("it is a database; export the table as CSV")
  if content.startswith(b"PK\x03\x04"):
    raise ValueError("it is an Excel or zip file; save the table as CSV, or unpack it")
  if re.match(rb"[{\[]\s*[{\"]", head):
    raise ValueError("it is JSON; save the table as CSV, FITS or Parquet")
  if head.startswith(b"<"):
    if b"<VOTABLE" not in content[:1 << 16]:
      raise ValueError("it is a web page, or XML of another kind than VOTable; fetch it again")
    return binary_tables.read_votable
  return text_tables.read_text


@contextlib.contextmanager
def _one_error(path: str) -> Iterator[None]:
  """Errors of a table's contents as one kind."""
  try:
    yield
  except ScratchError:
    raise
  except Exception as error:  # astropy's readers raise many kinds of errors
    raise ValueError(f"{path}: not a readable table: {error}") from error


@contextlib.contextmanager
def _whole_file(path: str) -> Iterator[None]:
  """Errors of a file that is packed and damaged, told from those of the system."""
  try:
    yield
  except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
    if isinstance(error, OSError) and (error.errno or isinstance(
        error, (plain_files.NotPlainError, ScratchError))):
      raise
    raise ValueError(f"{path}: not a readable table: damaged or cut short ({error}); fetch it "
                     "again") from error


def _start(path: str) -> bytes:
  """The first bytes of a file, unpacked where its own first bytes say that it is packed."""
  with _whole_file(path):
    return unpacking.start(path, len(fits_tables.START))


def _read_bytes(path: str) -> bytes:
  """A whole file, unpacked; errors as those of `_start`.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is packed and damaged.
  """
  with _whole_file(path):
    return unpacking.contents(path)


@contextlib.contextmanager
def _unpacked(path: str, scratch: str) -> Iterator[BinaryIO]:
  """The file itself, or a temporary one with its contents where it is packed."""
  if not unpacking.is_packed(path):
    with plain_files.opened(path) as file:
      yield file
    return
  copy = ScratchCopy(scratch)
  with _whole_file(path):
    unpacking.copy_contents(path, copy)
  yield copy.file()
