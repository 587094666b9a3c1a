"""A temporary file of columns: written in regions, mapped, and freed with its last array."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import sys
import tempfile
from typing import Any, BinaryIO, Iterator
import weakref

import numpy as np

_PAGE = mmap.ALLOCATIONGRANULARITY
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TOO_MANY = (errno.EMFILE, errno.ENFILE)
_NO_DESCRIPTOR: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}
"""Of a map, which otherwise keeps its file open a second time."""
_MAPS: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


class ScratchError(OSError):
  """No temporary file can be written; the message names the remedy."""


class ScratchFile:
  """A file without a name, which no other process can shorten: no page of its map can be missing.

  Args:
    folder: where it is; "" is the system's folder for temporary files.
  """

  def __init__(self, folder: str = ""):
    self._folder = folder or tempfile.gettempdir()
    self._opened: BinaryIO | None = None
    self._end = 0
    self._map: mmap.mmap | None = None

  def reserve(self, size: int) -> int:
    """The start of a new region of `size` bytes."""
    start = -(-self._end // _PAGE) * _PAGE
    self._end = start + size
    return start

  def extend(self, start: int, old_size: int, size: int) -> None:
    """Makes a region longer.

    Raises:
      ValueError: another one follows it.
    """
    if start + old_size != self._end:
      raise ValueError("a column has more rows than its file announces; write the file again")
    self._end = start + size

  def write(self, start: int, values: np.ndarray) -> None:
    """Writes values, so that a full disk is an error now, and not once they are read.

    Raises:
      ScratchError: the folder is missing, or the disk is full.
    """
    data = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
    with clear_errors(self._folder):
      while data:
        done = os.pwrite(self.file().fileno(), data, start)
        start, data = start + done, data[done:]

  def read(self, start: int, dtype: np.dtype, rows: int) -> np.ndarray:
    """A copy of values that were written."""
    values = np.empty(rows, dtype)
    data = values.view(np.uint8).data
    while data:
      done = os.preadv(self.file().fileno(), [data], start)
      if not done:
        raise ScratchError(f"{self._folder}: a temporary file is shorter than what was written")
      start, data = start + done, data[done:]
    return values

  def array(self, start: int, dtype: np.dtype, rows: int) -> np.ndarray:
    """Values that were written, mapped read-only; the regions written before share one map.

    Raises:
      ScratchError: too many files are open.
    """
    if self._map is None or len(self._map) < start + rows * dtype.itemsize:
      with clear_errors(self._folder):
        self._map = mmap.mmap(self.file().fileno(), 0, access=mmap.ACCESS_READ, **_NO_DESCRIPTOR)
      _MAPS.add(self._map)
    return np.frombuffer(self._map, dtype, rows, start)

  def file(self) -> BinaryIO:
    """The open file."""
    if self._opened is None:
      self._opened = tempfile.TemporaryFile(dir=self._folder)  # without a name, it frees itself
    return self._opened


class ScratchCopy:
  """A copy of a file, written as one writes to a file; arguments and errors as of `ScratchFile`."""

  def __init__(self, folder: str = ""):
    self._scratch = ScratchFile(folder)
    self._size = 0

  def write(self, data: bytes) -> int:
    """Adds bytes."""
    self._scratch.write(self._size, np.frombuffer(data, np.uint8))
    self._size += len(data)
    return len(data)

  def file(self) -> BinaryIO:
    """It, open for reading."""
    return os.fdopen(os.dup(self._scratch.file().fileno()), "rb")


@contextlib.contextmanager
def clear_errors(folder: str) -> Iterator[None]:
  """Turns errors of writing temporary files into one that says what to do.

  Args:
    folder: where they are.

  Raises:
    ScratchError: one of them.
  """
  try:
    yield
  except OSError as error:
    if error.errno in _TOO_MANY:
      raise ScratchError(f"too many files are open ({error}), and each long column of a large "
                         "table is one; raise the limit with ulimit -n, or name fewer columns"
                         ) from error
    what = "the disk is full" if error.errno in _FULL else "no place for temporary files"
    raise ScratchError(f"{folder}: {what} ({error}), and columns of large tables are kept there; "
                       "make room, or name another folder with the variable TMPDIR or, where "
                       "the command has it, --scratch_dir") from error


def release_pages() -> None:
  """Lets go of the memory of all mapped columns: what is needed again is mapped again.

  The kernel would do so itself where memory is short.  The values stay, as the maps are read-only.
  """
  if hasattr(mmap, "MADV_DONTNEED"):
    for mapped in list(_MAPS):
      mapped.madvise(mmap.MADV_DONTNEED)
