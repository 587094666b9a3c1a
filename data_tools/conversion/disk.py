"""Disks that are too small: found before the work if possible, else reported clearly."""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
from typing import Iterator

import tensorflow as tf

from pzbias_tf import storage

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TF_FULL = (tf.errors.ResourceExhaustedError, tf.errors.OutOfRangeError)


def check_space(folder: str, needed: int) -> None:
  """Refuses to begin a conversion that the disk has no room for.

  Args:
    folder: where the data set is to be written.
    needed: bytes that it takes.

  Raises:
    OSError: there are fewer free bytes.
  """
  free = shutil.disk_usage(folder).free
  if needed > free:
    raise OSError(f"{folder}: the data set takes {needed / 1e9:.3g} GB more, {free / 1e9:.3g} GB "
                  "are free; make room or name another --output")


@contextlib.contextmanager
def clear_errors(output: str) -> Iterator[None]:
  """Turns the errors of a full disk into one clear message.

  Args:
    output: where the data set is written; the files of a remote one are first made in the
      system's temporary folder.

  Raises:
    OSError: the disk is full, or TensorFlow could not write for another reason.
  """
  try:
    yield
  except OSError as error:
    if error.errno not in _FULL:
      raise
    raise OSError(_full(output, error)) from error
  except tf.errors.OpError as error:
    if not isinstance(error, _TF_FULL):
      raise OSError(f"{output}: cannot write there ({error.message}); check that it can be "
                    "reached, and give the same command again") from error
    raise OSError(_full(output, error.message)) from error


def _full(output, error) -> str:
  place = output
  if storage.is_remote(output):
    place = f"{tempfile.gettempdir()}, where files of {output} are made"
  return (f"{place}: the disk is full, or the file exceeds a size limit ({error}); make room and "
          "give the same command again: it keeps the finished shards")
