"""Folders of this package: those of others are refused, what a killed process left is removed."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import shutil
import tempfile
from typing import Collection, Iterable, Iterator

from absl import logging

from pzbias_tf.guards import locks

_UNFINISHED_FILE = re.compile(r"\.(.+)\.[0-9a-f]{32}\.tmp")  # as `files.hidden_name` makes them
_OF_THE_SYSTEM = (locks.LOCK_NAME, "lost+found", ".DS_Store", ".nfs*")


@contextlib.contextmanager
def appearing(output: str, doing: str) -> Iterator[str]:
  """A hidden folder beside `output`, renamed to it at the end; removed if anything fails.

  What killed commands left of it is removed first.

  Args:
    output: absolute path of the folder, which is absent or empty.
    doing: a word for what is being done, part of the hidden folder's name.

  Yields:
    The hidden folder to fill.

  Raises:
    FileExistsError: another process has made `output` in the meantime.
    OSError: another process is at work on it.
  """
  parent, name = os.path.split(output)
  os.makedirs(parent, exist_ok=True)
  with locks.exclusive_path(output) as has_locks:
    if os.path.lexists(output) and not (os.path.isdir(output) and not os.listdir(output)):
      raise FileExistsError(f"{output} already exists; name another --output, or remove it")
    prefix = f".{name}.{doing}-"
    _clear_folders(parent, prefix, remove=has_locks)
    hidden = tempfile.mkdtemp(prefix=prefix, dir=parent)
    try:
      os.chmod(hidden, 0o755)  # only the owner can read a folder of mkdtemp
      yield hidden
      os.rename(hidden, output)  # replaces an empty folder, fails on any other
    except BaseException:
      shutil.rmtree(hidden, ignore_errors=True)
      raise


@contextlib.contextmanager
def output_folder(folder: str, known: Collection[str]) -> Iterator[None]:
  """Keeps other processes, and files of others, out of a folder whose files a command replaces.

  Args:
    folder: the folder, which is made if it does not exist.
    known: patterns of the names of what the command writes there.

  Raises:
    FileExistsError: the folder holds files, but none of these.
    OSError: another process is at work there.
  """
  if os.path.isdir(folder):
    refuse_foreign(folder, os.listdir(folder), known, "name another --output")
  with locks.exclusive_folder(folder):
    clear_files(folder)
    yield


@contextlib.contextmanager
def scratch_folder(parent: str, prefix: str) -> Iterator[str]:
  """A new folder for temporary files, removed at the end.

  Those of killed processes are removed first: nobody holds their locks.

  Args:
    parent: an existing folder, which other users may share; "" is the system's.
    prefix: how its name begins.
  """
  parent = parent or tempfile.gettempdir()
  for left in _folders(parent, prefix):
    _remove_if_free(left)
  folder, lock = tempfile.mkdtemp(prefix=prefix, dir=parent), contextlib.ExitStack()
  with lock:
    lock.enter_context(locks.locked(os.path.join(folder, locks.LOCK_NAME), folder))
    try:
      yield folder
    finally:
      shutil.rmtree(folder, ignore_errors=True)


def refuse_foreign(folder: str, names: Iterable[str], known: Collection[str], remedy: str) -> None:
  """Refuses a folder that holds files, but not one that this package writes first.

  Args:
    folder: the folder.
    names: what it holds.
    known: patterns of names; every folder that this package began has one of them.
    remedy: how to name another folder.

  Raises:
    FileExistsError: the folder is not empty, and not of this package.
  """
  others = [name for name in names if not _matches(name, _OF_THE_SYSTEM)]
  if others and not any(_matches(name, known) for name in others):
    raise FileExistsError(f"{folder} holds files of others, {sorted(others)[0]} for one, which "
                          f"could be written over; {remedy}, or empty that folder")


def refuse_link(path: str) -> None:
  """Refuses a link in the place of a file or folder of this package, whose target is another's.

  Raises:
    OSError: it is a link.
  """
  if os.path.islink(path):
    raise OSError(f"{path} is a link, which this package does not make; remove the link")


def clear_files(folder: str, names: Collection[str] | None = None) -> None:
  """Removes half-written files that killed processes left.

  Args:
    folder: the folder; it need not exist.
    names: the files, which no other process writes now; None for all of the folder.
  """
  for name in os.listdir(folder) if os.path.isdir(folder) else ():
    path, match = os.path.join(folder, name), _UNFINISHED_FILE.fullmatch(name)
    if match and (names is None or match[1] in names) and os.path.isfile(path):
      logging.info("%s: left by an interrupted command; it is removed", path)
      os.remove(path)


def _clear_folders(parent, prefix, *, remove):
  for left in _folders(parent, prefix):
    if remove:
      logging.info("%s: left by an interrupted command; it is removed", left)
      shutil.rmtree(left, ignore_errors=True)
    else:
      _warn_of(left)


def _warn_of(folder):
  """Without a lock, only a person can tell whether a folder is in use."""
  logging.warning("%s: an interrupted command left it, or another command is writing it now; "
                  "remove it in the first case", folder)


def _remove_if_free(folder):
  """Removes a folder of a process that has ended."""
  lock = os.path.join(folder, locks.LOCK_NAME)
  if not os.path.exists(lock):
    _warn_of(folder)
    return
  with contextlib.suppress(locks.BusyError, PermissionError, FileNotFoundError):
    with locks.locked(lock, folder) as has_locks:
      if has_locks:
        logging.info("%s: left by an interrupted command; it is removed", folder)
        shutil.rmtree(folder, ignore_errors=True)


def _folders(parent, prefix):
  """Folders of this user with names as mkdtemp makes them; no links."""
  pattern = re.compile(rf"{re.escape(prefix)}[a-z0-9_]+")
  return [entry.path for entry in os.scandir(parent) if pattern.fullmatch(entry.name)
          and entry.is_dir(follow_symlinks=False)
          and entry.stat(follow_symlinks=False).st_uid == os.getuid()]


def _matches(name, patterns):
  return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
