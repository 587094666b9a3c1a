"""Files on any file system that TensorFlow knows: local paths, and gs:// with its plugin.

Data sets are read from and written to all of these; runs are written to local folders only.
`files` flushes and renames what is written locally; remote files go through tf.io.gfile.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from typing import Any, BinaryIO, Iterator

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
  with opened(path) as file:
    return file.read()


@contextlib.contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
  """An open file whose bytes can be `read` block by block; raises as `read_bytes` does."""
  if not is_remote(path):
    with open(path, "rb") as file:
      yield file
    return
  with _os_errors(path), _gfile().GFile(path, "rb") as remote:
    yield remote


def sha256(path: str) -> str:
  """SHA-256 of a file, hexadecimal; raises as `read_bytes` does."""
  digest = hashlib.sha256()
  with opened(path) as file:
    while data := file.read(_READ_BYTES):
      digest.update(data)
  return digest.hexdigest()


def lines(path: str) -> Iterator[str]:
  """The lines of a UTF-8 text file, line ends included; raises as `read_bytes` does."""
  if not is_remote(path):
    with open(path, encoding="utf-8", newline="\n") as file:
      yield from file
    return
  with _os_errors(path), _gfile().GFile(path) as remote:
    yield from remote


def file_size(path: str) -> int:
  """Size of a file in bytes.

  Raises:
    FileNotFoundError: the file does not exist.
    OSError: it cannot be reached.
  """
  if not is_remote(path):
    return os.stat(path).st_size
  with _os_errors(path):
    return _gfile().stat(path).length


def is_file(path: str) -> bool:
  """Whether the path is an existing file, not a folder.

  Raises:
    OSError: its file system is unknown or cannot be reached.
  """
  if not is_remote(path):
    return os.path.isfile(path)
  with _os_errors(path):
    # On ram://, tf.io.gfile.exists is also true for a mere beginning of another name.
    found = _stat(path)
    return found is not None and not found.is_directory


def names(folder: str) -> list[str]:
  """Names of the files and folders in a folder.

  Object stores have no empty folders: a remote folder that does not exist has no names.
  """
  if not is_remote(folder):
    return os.listdir(folder)
  with _os_errors(folder):
    if _stat(folder) is None:  # listdir reports any error as a missing folder
      return []
    # In object stores, the names of folders end with a slash.
    return [name.rstrip("/") for name in _gfile().listdir(folder)]


def make_folders(folder: str) -> None:
  """Makes a folder and its parent folders where they do not exist yet."""
  if not is_remote(folder):
    os.makedirs(folder, exist_ok=True)
    return
  with _os_errors(folder):
    _gfile().makedirs(folder)


def move(path: str, target: str) -> None:
  """Renames a file on its file system, in place of any file of that name.

  An object store copies it and removes the original.  `target` is complete at any time.
  """
  if not is_remote(path):
    os.replace(path, target)
    return
  with _os_errors(path):
    _gfile().rename(path, target, overwrite=True)


def remove(path: str) -> None:
  """Removes a file, a folder with its contents, or a link but not its target."""
  if not is_remote(path):
    is_folder = os.path.isdir(path) and not os.path.islink(path)
    (shutil.rmtree if is_folder else os.remove)(path)
    return
  with _os_errors(path):
    gfile = _gfile()
    (gfile.rmtree if gfile.isdir(path) else gfile.remove)(path)


def remove_tree(folder: str) -> None:
  """Removes a folder as far as possible; it need not exist."""
  if not is_remote(folder):
    shutil.rmtree(folder, ignore_errors=True)
    return
  with contextlib.suppress(_errors().OpError):
    _gfile().rmtree(folder)


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
      _gfile().copy(local, hidden, overwrite=True)
      _gfile().rename(hidden, path, overwrite=True)
  finally:
    with contextlib.suppress(_errors().OpError):  # NotFoundError after a successful rename
      _gfile().remove(hidden)


def _stat(path: str) -> Any:
  """What is known of a remote file; None where it does not exist."""
  try:
    return _gfile().stat(path)
  except _errors().NotFoundError:
    return None


@contextlib.contextmanager
def _os_errors(path: str) -> Iterator[None]:
  """Turns TensorFlow's errors into Python's OSError."""
  errors = _errors()
  try:
    yield
  except errors.NotFoundError as error:
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
  except errors.UnimplementedError as error:
    raise OSError(f"{path}: TensorFlow knows no such file system; gs:// and others need a plugin "
                  "such as tensorflow-io-gcs-filesystem") from error
  except errors.OpError as error:
    raise OSError(f"{path}: {error.message}; fix this and run the same command again") from error


def _gfile() -> Any:
  """TensorFlow's files.  Its import takes seconds, which local files do not need."""
  import tensorflow as tf
  return tf.io.gfile


def _errors() -> Any:
  import tensorflow as tf
  return tf.errors
