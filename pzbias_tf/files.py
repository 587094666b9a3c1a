"""Local files and folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import shutil
import tempfile
from typing import Iterator
import uuid

from absl import logging

LOCK_NAME = ".lock"
"""The file that `exclusive_folder` locks."""


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[str]:
  """A hidden name beside `path`, flushed to disk and renamed to it at the end.

  A run that is cut off leaves the old file or none, never half of one; the new
  name is on disk, too, before this returns.

  Args:
    path: where the file shall stand.

  Yields:
    The name to write under.  Where writing fails, that file is removed.
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
  """A name beside `path` that no other process takes."""
  folder, name = os.path.split(os.fspath(path))
  # Process ids recur on other hosts that share the folder.
  return os.path.join(folder, f".{name}.{uuid.uuid4().hex}.tmp")


def flush_folder(folder: str) -> None:
  """Puts a folder's list of names on disk: without it, a power cut can undo a rename."""
  descriptor = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


@contextlib.contextmanager
def exclusive_folder(folder: str, *, wait: bool = False) -> Iterator[None]:
  """Keeps other processes out of a folder, which is made where it does not exist.

  The lock goes with the process, however that ends.

  Args:
    folder: the folder.
    wait: wait for another process that is at work there.

  Raises:
    OSError: another process is at work there, and `wait` is False.
  """
  os.makedirs(folder, exist_ok=True)
  with open(os.path.join(folder, LOCK_NAME), "w", encoding="utf-8") as lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      if not wait:
        raise OSError(f"another process is at work in {folder}; wait for it, or end it") from error
      logging.info("Waiting for another process that is at work in %s", folder)
      fcntl.flock(lock, fcntl.LOCK_EX)
    yield


def write_text(path: str | os.PathLike, text: str) -> None:
  """Writes a text file, whole or not at all."""
  with whole_file(path) as hidden, open(hidden, "w", encoding="utf-8") as file:
    file.write(text)


@contextlib.contextmanager
def appearing(output: str, doing: str) -> Iterator[str]:
  """A hidden folder beside `output` that takes its place at the end, or goes away.

  Args:
    output: absolute path of the folder; absent or empty.
    doing: what is being done, a word for the hidden folder's name.

  Yields:
    The hidden folder to fill.
  """
  parent, name = os.path.split(output)
  os.makedirs(parent, exist_ok=True)
  prefix = f".{name}.{doing}-"
  warn_of_leftovers(os.path.join(parent, prefix))
  hidden = tempfile.mkdtemp(prefix=prefix, dir=parent)
  try:
    os.chmod(hidden, 0o755)  # mkdtemp's folders are for the owner alone
    yield hidden
    os.rename(hidden, output)  # replaces an empty folder, fails on any other
  except BaseException:
    shutil.rmtree(hidden, ignore_errors=True)
    raise


def warn_of_leftovers(prefix: str) -> None:
  """Names folders that begin with `prefix`: only a person can tell whether they are in use."""
  for left in glob.glob(f"{glob.escape(prefix)}*"):
    logging.warning("%s: an interrupted run left it, or another run is writing it now; "
                    "remove it in the first case", left)
