"""Local files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from typing import Iterator
import uuid


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


def write_text(path: str | os.PathLike, text: str) -> None:
  """Writes a UTF-8 text file, completely or not at all."""
  with whole_file(path) as hidden, open(hidden, "w", encoding="utf-8") as file:
    file.write(text)
