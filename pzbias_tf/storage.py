"""Files on any file system that TensorFlow knows: local paths, and gs:// with its plugin.

Data sets are read from and written to all of these; runs are written to local folders only.
`files` flushes and renames what is written locally; everything else goes through tf.io.gfile.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from typing import BinaryIO, Iterator

import tensorflow as tf

from pzbias_tf import files

_READ_BYTES = 1 << 20


def is_remote(path: str) -> bool:
  """True for a path with a scheme, such as gs://bucket/folder."""
  return "://" in path


def absolute(path: str) -> str:
  """The path made absolute, so that it holds in any working folder; a remote one as it is."""
  return path if is_remote(path) else os.path.abspath(path)


def read_bytes(path: str) -> bytes:
  """The contents of a file.

  Raises:
    FileNotFoundError: the file does not exist.
    OSError: it cannot be read.
  """
  with _os_errors(path), tf.io.gfile.GFile(path, "rb") as file:
    return file.read()


@contextlib.contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
  """An open file whose bytes can be `read` block by block; raises as `read_bytes` does."""
  with _os_errors(path), (
      tf.io.gfile.GFile(path, "rb") if is_remote(path) else open(path, "rb")) as file:
    yield file


def sha256(path: str) -> str:
  """SHA-256 of a file, hexadecimal; raises as `read_bytes` does."""
  digest = hashlib.sha256()
  with opened(path) as file:
    while data := file.read(_READ_BYTES):
      digest.update(data)
  return digest.hexdigest()


def lines(path: str) -> Iterator[str]:
  """The lines of a UTF-8 text file, line ends included; raises as `read_bytes` does."""
  with _os_errors(path), tf.io.gfile.GFile(path) as file:
    yield from file


def file_size(path: str) -> int:
  """Size of a file in bytes.

  Raises:
    FileNotFoundError: the file does not exist.
    OSError: it cannot be reached.
  """
  with _os_errors(path):
    return tf.io.gfile.stat(path).length


def is_file(path: str) -> bool:
  """Whether the path is an existing file, not a folder.

  Raises:
    OSError: its file system is unknown or cannot be reached.
  """
  if not is_remote(path):
    return os.path.isfile(path)
  with _os_errors(path):
    try:
      # On ram://, tf.io.gfile.exists is also true for a mere beginning of another name.
      return not tf.io.gfile.stat(path).is_directory
    except tf.errors.NotFoundError:
      return False


def names(folder: str) -> list[str]:
  """Names of the files and folders in a folder.

  Object stores have no empty folders: a remote folder that does not exist has no names.
  """
  if not is_remote(folder):
    return os.listdir(folder)
  with _os_errors(folder):
    try:
      tf.io.gfile.stat(folder)  # listdir reports any error as a missing folder
    except tf.errors.NotFoundError:
      return []
    # In object stores, the names of folders end with a slash.
    return [name.rstrip("/") for name in tf.io.gfile.listdir(folder)]


def make_folders(folder: str) -> None:
  """Makes a folder and its parent folders where they do not exist yet."""
  if not is_remote(folder):
    os.makedirs(folder, exist_ok=True)
    return
  with _os_errors(folder):
    tf.io.gfile.makedirs(folder)


def move(path: str, target: str) -> None:
  """Renames a file on its file system, in place of any file of that name.

  An object store copies it and removes the original.  `target` is complete at any time.
  """
  if not is_remote(path):
    os.replace(path, target)
    return
  with _os_errors(path):
    tf.io.gfile.rename(path, target, overwrite=True)


def remove(path: str) -> None:
  """Removes a file, a folder with its contents, or a link but not its target."""
  if not is_remote(path):
    is_folder = os.path.isdir(path) and not os.path.islink(path)
    (shutil.rmtree if is_folder else os.remove)(path)
    return
  with _os_errors(path):
    (tf.io.gfile.rmtree if tf.io.gfile.isdir(path) else tf.io.gfile.remove)(path)


def remove_tree(folder: str) -> None:
  """Removes a folder as far as possible; it need not exist."""
  if not is_remote(folder):
    shutil.rmtree(folder, ignore_errors=True)
    return
  with contextlib.suppress(tf.errors.OpError):
    tf.io.gfile.rmtree(folder)


@contextlib.contextmanager
def whole_file(path: str) -> Iterator[str]:
  """A local name to write under; at the end, the complete file is at `path`.

  If writing fails, `path` stays as it was.  For a local path, see `files.whole_file`.  A
  remote file is made in the system's folder for temporary files, which TMPDIR names, then
  copied to a hidden name beside `path` and renamed: unlike object stores, not all file
  systems hide a file until it is complete.  A killed process leaves its temporary folder,
  pzbias-*, behind.

  Raises:
    OSError: the file cannot be written there.
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
  """Writes a UTF-8 text file, completely or not at all."""
  with whole_file(path) as hidden, open(hidden, "w", encoding="utf-8") as file:
    file.write(text)


def _upload(local: str, path: str) -> None:
  hidden = files.hidden_name(path)
  try:
    with _os_errors(path):
      tf.io.gfile.copy(local, hidden, overwrite=True)
      tf.io.gfile.rename(hidden, path, overwrite=True)
  finally:
    with contextlib.suppress(tf.errors.OpError):  # NotFoundError after a successful rename
      tf.io.gfile.remove(hidden)


@contextlib.contextmanager
def _os_errors(path: str) -> Iterator[None]:
  """Turns TensorFlow's errors into Python's OSError."""
  try:
    yield
  except tf.errors.NotFoundError as error:
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
  except tf.errors.UnimplementedError as error:
    raise OSError(f"{path}: TensorFlow knows no such file system; gs:// and others need a plugin "
                  "such as tensorflow-io-gcs-filesystem") from error
  except tf.errors.OpError as error:
    raise OSError(f"{path}: {error.message}; fix this and run the same command again") from error
