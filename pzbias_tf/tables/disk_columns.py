"""Columns on disk: of a long column, memory holds no more than what is worked on.

A column is written block by block into a temporary file, and is an array that shows that file.
Short columns stay in memory.
"""

from __future__ import annotations

import mmap
from typing import Any, Callable, Iterator, Sequence

import numpy as np

from pzbias_tf.tables.scratch_file import ScratchFile, release_pages

SMALLEST_BYTES = 1 << 20
"""Shorter columns stay in memory."""
BLOCK = 50_000
"""Rows that are worked on at a time."""


class ColumnWriter:
  """One column, written block by block.

  Args:
    scratch: the folder for temporary files, or a file that several columns share.
    rows: the number of rows, which columns that share a file need to know.
  """

  def __init__(self, scratch: str | ScratchFile = "", rows: int = 0):
    self._file = scratch if isinstance(scratch, ScratchFile) else ScratchFile(scratch)
    self._announced = rows
    self._dtype: np.dtype | None = None
    self._in_memory: list[np.ndarray] = []
    self._start = -1  # in the file, once the column is there
    self._reserved = 0  # bytes of the file
    self.rows = 0

  def append(self, values: np.ndarray) -> None:
    """Adds values [rows] of the type of those before; texts may be wider.

    Raises:
      ScratchError: the disk is full.
      TypeError: they are of another type.
    """
    dtype = self._common_type(values.dtype)
    if self._start >= 0:
      if dtype != self._dtype:
        self._move(dtype)
      self._write(values, dtype)
    else:
      self._in_memory.append(values)
      self.rows += len(values)
      if self.rows and max(self.rows, self._announced) * dtype.itemsize >= SMALLEST_BYTES:
        self._move(dtype)
    self._dtype = dtype

  def blocks(self) -> Iterator[np.ndarray]:
    """The values so far, BLOCK rows at a time."""
    start, dtype, rows, array = self._start, self._dtype, self.rows, self._joined()
    for row in range(0, rows, BLOCK):
      num = min(BLOCK, rows - row)
      yield (array[row:row + num] if dtype is None or start < 0 else
             self._file.read(start + row * dtype.itemsize, dtype, num))

  def array(self) -> np.ndarray:
    """The column; read-only where it is on disk."""
    if self._dtype is not None and self._start >= 0:
      return self._file.array(self._start, self._dtype, self.rows)
    return self._joined()

  def _joined(self) -> np.ndarray:
    """What is in memory, as one array."""
    if len(self._in_memory) > 1:
      dtype = self._in_memory[0].dtype  # of which numpy would not keep the byte order
      self._in_memory = [np.concatenate(
          self._in_memory, dtype=None if dtype.kind in "SU" else dtype)]
    return self._in_memory[0] if self._in_memory else np.zeros(0)

  def _common_type(self, dtype: np.dtype) -> np.dtype:
    if self._dtype is None or dtype == self._dtype:
      return dtype
    if dtype.kind not in "SU" or dtype.kind != self._dtype.kind:
      raise TypeError(f"a column of {self._dtype} cannot take values of {dtype}")
    return max(dtype, self._dtype, key=lambda own: own.itemsize)

  def _move(self, dtype: np.dtype) -> None:
    """Writes what is there into a new region, for values of a type."""
    before, rows = self.blocks(), self.rows
    self._reserved = max(rows, self._announced) * dtype.itemsize
    start = self._file.reserve(self._reserved)
    first = next(before)  # fixes where the others are read
    self._start, self._in_memory, self.rows = start, [], 0
    for block in (first, *before):
      self._write(block, dtype)

  def _write(self, values: np.ndarray, dtype: np.dtype) -> None:
    needed = (self.rows + len(values)) * dtype.itemsize
    if needed > self._reserved:
      self._file.extend(self._start, self._reserved, needed)
      self._reserved = needed
    self._file.write(self._start + self.rows * dtype.itemsize, values.astype(dtype, copy=False))
    self.rows += len(values)


def stored(values: np.ndarray, scratch: str = "") -> np.ndarray:
  """A column on disk; itself where it is short, there already, or one value without memory."""
  return transformed(lambda block: block, values, scratch=scratch)


def transformed(function: Callable[..., np.ndarray], *columns: Any, scratch: str = ""
                ) -> np.ndarray:
  """A function of columns; see `all_transformed`, of which it has one result."""
  result, = all_transformed(lambda *blocks: (function(*blocks),), *columns, scratch=scratch)
  return result


def all_transformed(function: Callable[..., Sequence[np.ndarray]], *columns: Any,
                    scratch: str = "") -> Sequence[np.ndarray]:
  """Functions of columns, worked out some rows at a time; long results are kept on disk.

  Args:
    function: takes some rows of the columns and returns arrays of as many values, each of which
      depends on its own row alone.
    *columns: [rows] each.
    scratch: the folder for temporary files.

  Raises:
    ScratchError: the disk is full.
  """
  num = len(columns[0])
  if num <= BLOCK:
    return function(*columns)
  first = function(*(column[:BLOCK] for column in columns))
  if all(values.strides == (0,) or is_on_disk(values) for values in first):
    return function(*columns)  # they show what is there
  writers = [ColumnWriter(scratch, num) for _ in first]
  for start in range(0, num, BLOCK):
    results = function(*(column[start:start + BLOCK] for column in columns)) if start else first
    for writer, values in zip(writers, results):
      writer.append(values)
    release_pages()
  return [writer.array() for writer in writers]


def is_on_disk(values: Any) -> bool:
  """Whether an array shows a file."""
  while isinstance(values, np.ndarray):
    values = values.base
  return isinstance(values.obj if isinstance(values, memoryview) else values, mmap.mmap)
