"""Packed files: a few kilobytes may unpack to more than the memory of any machine."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from typing import IO, Any, Callable, Protocol

from pzbias_tf.guards import plain_files

USUAL_BYTES = 256 << 20
"""Files of up to this size, unpacked, are not looked at further."""

LARGEST_RATIO = 100
"""Larger ones are refused where they have more than this many times the size of the packed file:
real images and tables shrink to a half or a tenth."""

_BLOCK = 1 << 20
_STARTS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


class Target(Protocol):
  """What takes the contents of a file."""

  def write(self, data: bytes, /) -> Any:
    """Takes the next bytes."""


class BombError(ValueError):
  """A packed file unpacks to far more than it could hold."""


def limit(packed_bytes: int) -> int:
  """The largest size, unpacked, of a file of that size."""
  return max(USUAL_BYTES, LARGEST_RATIO * packed_bytes)


def check_size(path: str, packed_bytes: int, unpacked_bytes: int) -> None:
  """Refuses a size that an archive announces.

  Raises:
    BombError: it is too large.
  """
  if unpacked_bytes > limit(packed_bytes):
    raise BombError(f"{path}: {packed_bytes} bytes unpack to {unpacked_bytes / 1e9:.3g} GB or "
                    "more, which no real image or table does; unpack it yourself if it is right")


def check(path: str | os.PathLike) -> None:
  """Unpacks a .gz, .bz2 or .xz file, keeping nothing, as far as it may go; others are left alone.

  Raises:
    BombError: it unpacks to more.
    OSError: it cannot be read, or is no plain file.
  """
  path = os.fspath(path)
  plain_files.check(path)
  if not os.path.isfile(path):  # whoever opens it says so
    return
  with open(path, "rb") as file:
    opener, packed = _opener(file.read(8)), os.fstat(file.fileno()).st_size
    if opener is None or packed * 1032 < USUAL_BYTES and opener is gzip.open:  # deflate's best
      return
    file.seek(0)
    with opener(file) as unpacked:
      _copy(path, unpacked, None, packed)


def copy(path: str, unpacked: IO[bytes], target: Target) -> None:
  """Copies the unpacked contents of a file.

  Args:
    path: the packed file.
    unpacked: it, opened by gzip or bz2.
    target: where the contents go.

  Raises:
    BombError: they are more than such a file could hold.
  """
  _copy(path, unpacked, target, os.path.getsize(path))


def contents(path: str) -> bytes:
  """The contents of a plain file, unpacked if it is a .gz, .bz2 or .xz file.

  Raises:
    BombError: they are more than such a file could hold.
    EOFError, OSError, ValueError, lzma.LZMAError, zlib.error: it cannot be read.
  """
  with plain_files.opened(path) as file:
    opener, packed = _opener(file.read(8)), os.fstat(file.fileno()).st_size
    file.seek(0)
    if opener is None:
      return file.read()
    with opener(file) as unpacked:
      data = unpacked.read(limit(packed) + 1)
  check_size(path, packed, len(data))
  return data


def is_packed(path: str) -> bool:
  """Whether a plain file begins as a .gz, .bz2 or .xz file does."""
  with plain_files.opened(path) as file:
    return _opener(file.read(8)) is not None


def start(path: str, num: int) -> bytes:
  """The first bytes of a plain file, unpacked if it is a .gz, .bz2 or .xz file.

  Raises:
    EOFError, OSError, lzma.LZMAError, zlib.error: it cannot be read.
  """
  with plain_files.opened(path) as file:
    opener = _opener(file.read(8))
    file.seek(0)
    if opener is None:
      return file.read(num)
    with opener(file) as unpacked:
      return unpacked.read(num)


def copy_contents(path: str, target: Target) -> None:
  """Copies the unpacked contents of a packed file; see `copy`.

  Raises:
    BombError: they are more than such a file could hold.
    EOFError, OSError, lzma.LZMAError, zlib.error: it cannot be read.
  """
  with plain_files.opened(path) as file:
    opener = _opener(file.read(8))
    file.seek(0)
    if opener is None:
      raise ValueError(f"{path}: it is not packed")
    with opener(file) as unpacked:
      copy(path, unpacked, target)


def _opener(start: bytes) -> Callable[[Any], Any] | None:
  """What unpacks a file that begins with these bytes."""
  return next((opener for magic, opener in _STARTS.items() if start.startswith(magic)), None)


def _copy(path, unpacked, target, packed):
  done = 0
  while block := unpacked.read(_BLOCK):
    done += len(block)
    check_size(path, packed, done)
    if target is not None:
      target.write(block)
