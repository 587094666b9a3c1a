"""Local files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
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
