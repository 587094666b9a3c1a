"""Files are opened only if they are plain files: a FIFO or a device could hang the process."""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO


class NotPlainError(OSError):
  """A FIFO, a socket or a device stands where a file should."""


def check(path: str | os.PathLike) -> None:
  """Refuses what exists and is neither a plain file nor a folder.

  Raises:
    NotPlainError: it is a FIFO, a socket or a device.
  """
  try:
    mode = os.stat(path).st_mode
  except OSError:
    return  # whoever opens it says so
  if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
    raise NotPlainError(f"{os.fspath(path)} is no plain file, but a FIFO, socket or device; name "
                        "a file")


def opened(path: str | os.PathLike) -> BinaryIO:
  """A plain file, open for reading.

  Raises:
    OSError: it cannot be read, or is no plain file.
  """
  check(path)
  descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
  if not stat.S_ISREG(os.fstat(descriptor).st_mode):
    os.close(descriptor)
    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
  return os.fdopen(descriptor, "rb")


def read_bytes(path: str | os.PathLike, largest: int) -> bytes:
  """The contents of a plain file of at most `largest` bytes.

  Raises:
    OSError: it cannot be read, or is no plain file.
    ValueError: it is larger.
  """
  with opened(path) as file:
    size = os.fstat(file.fileno()).st_size
    if size > largest:
      raise ValueError(f"{os.fspath(path)}: {size / 1e6:.4g} MB, more than such a file has; name "
                       "another")
    return file.read()
