"""Local files and folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import os
import shutil
import tempfile
from typing import Iterator
import uuid

from absl import logging

LOCK_NAME = ".lock"
"""Name of the file that `exclusive_folder` locks."""

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What file systems without locks answer."""


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[str]:
  """A hidden name beside `path` to write under; flushed to disk and renamed at the end.

  An interrupted process leaves the old file or none, never half of one.  The new
  name, too, is on disk before this returns.

  Args:
    path: where the file is to be.

  Yields:
    The name to write under.  If writing fails, that file is removed.
  """
  hidden = hidden_name(path)
  try:
    yield hidden
    with open(hidden, "rb") as file:
      os.fsync(file.fileno())
    os.replace(hidden, path)
    flush_folder(os.path.dirname(hidden))
  finally:
    with contextlib.suppress(FileNotFoundError):
      os.remove(hidden)


def hidden_name(path: str | os.PathLike) -> str:
  """A hidden file name beside `path` that no other process uses."""
  folder, name = os.path.split(os.fspath(path))
  # Not the process id: hosts that share the folder may have processes of the same id.
  return os.path.join(folder, f".{name}.{uuid.uuid4().hex}.tmp")


def flush_folder(folder: str) -> None:
  """Flushes a folder's list of names to disk; without this, a power cut can undo a rename."""
  descriptor = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


@contextlib.contextmanager
def exclusive_folder(folder: str, *, wait: bool = False) -> Iterator[None]:
  """Keeps other processes out of a folder, which is made if it does not exist.

  The lock ends with the process, however that ends.  A file system without locks gives a warning.

  Args:
    folder: the folder.
    wait: whether to wait for another process that is at work there.

  Raises:
    OSError: another process is at work there, and `wait` is False.
  """
  os.makedirs(folder, exist_ok=True)
  with open(os.path.join(folder, LOCK_NAME), "w", encoding="utf-8") as lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      if not wait:
        raise OSError(f"another process is at work in {folder}; wait for it or end it") from error
      logging.info("Waiting for another process that is at work in %s", folder)
      fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
      if error.errno not in NO_LOCKS:
        raise
      logging.warning("%s: this file system has no locks (%s): nothing keeps two commands from "
                      "writing there at once", folder, error.strerror)
    yield


def write_text(path: str | os.PathLike, text: str) -> None:
  """Writes a UTF-8 text file, completely or not at all."""
  with whole_file(path) as hidden, open(hidden, "w", encoding="utf-8") as file:
    file.write(text)


@contextlib.contextmanager
def appearing(output: str, doing: str) -> Iterator[str]:
  """A hidden folder beside `output`, renamed to it at the end; removed if anything fails.

  Args:
    output: absolute path of the folder, which is absent or empty.
    doing: a word for what is being done, part of the hidden folder's name.

  Yields:
    The hidden folder to fill.
  """
  parent, name = os.path.split(output)
  os.makedirs(parent, exist_ok=True)
  prefix = f".{name}.{doing}-"
  warn_of_leftovers(os.path.join(parent, prefix))
  hidden = tempfile.mkdtemp(prefix=prefix, dir=parent)
  try:
    os.chmod(hidden, 0o755)  # only the owner can read a folder of mkdtemp
    yield hidden
    os.rename(hidden, output)  # replaces an empty folder, fails on any other
  except BaseException:
    shutil.rmtree(hidden, ignore_errors=True)
    raise


def warn_of_leftovers(prefix: str) -> None:
  """Warns of folders that begin with `prefix`: only a person can tell whether they are in use."""
  for left in glob.glob(f"{glob.escape(prefix)}*"):
    logging.warning("%s: an interrupted command left it, or another command is writing it now; "
                    "remove it in the first case", left)
