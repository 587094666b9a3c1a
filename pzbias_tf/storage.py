"""Files on any file system that TensorFlow knows: local paths, and gs:// with its plugin.

Data sets are read from and written to any of them, runs are written to local folders alone.
What is written locally is flushed and renamed by `files`; all else goes through tf.io.gfile.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from typing import BinaryIO, Iterator

import tensorflow as tf

from pzbias_tf import files


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


@contextlib.contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
  """A file to `read` bytes from, block by block; raises as `read_bytes` does."""
  with _os_errors(path), (
      tf.io.gfile.GFile(path, "rb") if is_remote(path) else open(path, "rb")) as file:
    yield file


def lines(path: str) -> Iterator[str]:
  """The lines of a text file in UTF-8, with their ends; raises as `read_bytes` does."""
  with _os_errors(path), tf.io.gfile.GFile(path) as file:
    yield from file


def file_size(path: str) -> int:
  """Size of a file, bytes.

  Raises:
    FileNotFoundError: it is not there.
    OSError: it cannot be reached.
  """
  with _os_errors(path):
    return tf.io.gfile.stat(path).length


def is_file(path: str) -> bool:
  """Whether there is such a file.

  Raises:
    OSError: its file system is unknown or cannot be reached.
  """
  if not is_remote(path):
    return os.path.isfile(path)
  with _os_errors(path):
    try:
      # tf.io.gfile.exists is also true of what other names begin with, on ram://.
      return not tf.io.gfile.stat(path).is_directory
    except tf.errors.NotFoundError:
      return False


def names(folder: str) -> list[str]:
  """Names of the files and folders in a folder.

  Object stores know no empty folders: where nothing is, there are no names.
  """
  if not is_remote(folder):
    return os.listdir(folder)
  with _os_errors(folder):
    try:
      tf.io.gfile.stat(folder)  # listdir takes any trouble for a missing folder
    except tf.errors.NotFoundError:
      return []
    # Folders end with a slash in object stores.
    return [name.rstrip("/") for name in tf.io.gfile.listdir(folder)]


def make_folders(folder: str) -> None:
  """Makes a folder, and those that it lies in, where it does not exist."""
  if not is_remote(folder):
    os.makedirs(folder, exist_ok=True)
    return
  with _os_errors(folder):
    tf.io.gfile.makedirs(folder)


def move(path: str, target: str) -> None:
  """Renames a file on its file system, in place of any file of that name.

  An object store copies it and removes the old one; `target` is whole at any time.
  """
  if not is_remote(path):
    os.replace(path, target)
    return
  with _os_errors(path):
    tf.io.gfile.rename(path, target, overwrite=True)


def remove(path: str) -> None:
  """Removes a file, or a folder with all that is in it."""
  if not is_remote(path):
    (shutil.rmtree if os.path.isdir(path) else os.remove)(path)
    return
  with _os_errors(path):
    (tf.io.gfile.rmtree if tf.io.gfile.isdir(path) else tf.io.gfile.remove)(path)


def remove_tree(folder: str) -> None:
  """Removes a folder as far as that works; one that is not there is fine."""
  if not is_remote(folder):
    shutil.rmtree(folder, ignore_errors=True)
    return
  with contextlib.suppress(tf.errors.OpError):
    tf.io.gfile.rmtree(folder)


@contextlib.contextmanager
def whole_file(path: str) -> Iterator[str]:
  """A local name to write under; at the end, the file is at `path`, whole or not at all.

  For a local path, see `files.whole_file`.  A remote file is made in the system's folder
  of temporary files, which TMPDIR names, then copied to a hidden name beside `path` and
  renamed: not all file systems hide a file until it is whole, as object stores do.  A
  process that is killed leaves its temporary folder, pzbias-*, behind.

  Raises:
    OSError: it cannot be put there.
  """
  if not is_remote(path):
    with files.whole_file(path) as hidden:
      yield hidden
    return
  with tempfile.TemporaryDirectory(prefix="pzbias-") as folder:
    made = os.path.join(folder, os.path.basename(path))
    yield made
    _upload(made, path)


def write_text(path: str, text: str) -> None:
  """Writes a text file, whole or not at all."""
  with whole_file(path) as hidden, open(hidden, "w", encoding="utf-8") as file:
    file.write(text)


def _upload(local: str, path: str) -> None:
  hidden = files.hidden_name(path)
  try:
    with _os_errors(path):
      tf.io.gfile.copy(local, hidden, overwrite=True)
      tf.io.gfile.rename(hidden, path, overwrite=True)
  finally:
    with contextlib.suppress(tf.errors.OpError):  # NotFoundError where all went well
      tf.io.gfile.remove(hidden)


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
    raise OSError(f"{path}: {error.message}; once that is mended, give the same command "
                  "again") from error
