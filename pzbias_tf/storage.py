"""Reading from any file system that TensorFlow knows: local paths, and gs:// with its plugin.

Runs are written to local folders alone; data sets may be read from anywhere.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Iterator

import tensorflow as tf


def is_remote(path: str) -> bool:
  """True for a path with a scheme, such as gs://bucket/folder."""
  return "://" in path


def absolute(path: str) -> str:
  """A path that is understood from any folder."""
  return path if is_remote(path) else os.path.abspath(path)


def read_bytes(path: str) -> bytes:
  """The contents of a file.

  Raises:
    FileNotFoundError: it is not there.
    OSError: it cannot be read.
  """
  with _os_errors(path), tf.io.gfile.GFile(path, "rb") as file:
    return file.read()


def file_size(path: str) -> int:
  """Size of a file, bytes.

  Raises:
    FileNotFoundError: it is not there.
    OSError: it cannot be reached.
  """
  with _os_errors(path):
    return tf.io.gfile.stat(path).length


@contextlib.contextmanager
def _os_errors(path: str) -> Iterator[None]:
  """TensorFlow's errors as Python's own."""
  try:
    yield
  except tf.errors.NotFoundError as error:
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
  except tf.errors.UnimplementedError as error:
    raise OSError(f"{path}: TensorFlow knows no such file system; gs:// and others need a plugin "
                  "such as tensorflow-io-gcs-filesystem") from error
  except tf.errors.OpError as error:
    raise OSError(f"{path}: {error.message}") from error
