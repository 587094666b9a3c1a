"""Locks: one process at a time works in a folder, or on a path that is to appear.

A lock ends with its process, however that ends.  Its file is never written to, so that a link
in its place cannot cost the file that it points to.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from typing import Iterator

from absl import logging

LOCK_NAME = ".lock"
"""Name of the file that `exclusive_folder` locks."""

# What flock says on file systems without locks, e.g. NFS without its lock service, or Lustre.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)


class BusyError(OSError):
  """Another process holds the lock."""


@contextlib.contextmanager
def exclusive_folder(folder: str, *, wait: bool = False) -> Iterator[None]:
  """Keeps other processes out of a folder, which is made if it does not exist.

  Args:
    folder: the folder.
    wait: whether to wait for another process that is at work there.

  Raises:
    OSError: another process is at work there, and `wait` is False; or what stands in the place
      of the lock is not a plain file.
  """
  os.makedirs(folder, exist_ok=True)
  with locked(os.path.join(folder, LOCK_NAME), folder, wait=wait):
    yield


@contextlib.contextmanager
def exclusive_path(path: str) -> Iterator[bool]:
  """Keeps other processes from making a file or folder at `path`; its parent folder exists.

  Yields:
    Whether the file system has locks.

  Raises:
    OSError: as `exclusive_folder`.
  """
  folder, name = os.path.split(path)
  lock = os.path.join(folder, f".{name}{LOCK_NAME}")
  with locked(lock, path) as has_locks:
    try:
      yield has_locks
    finally:  # while it is locked: whoever waits for it finds it gone, and makes another
      with contextlib.suppress(FileNotFoundError):
        os.remove(lock)


@contextlib.contextmanager
def locked(lock: str, what: str, *, wait: bool = False) -> Iterator[bool]:
  """Holds a lock.

  Args:
    lock: its file, which is made if it does not exist.
    what: what is locked, for messages.
    wait: whether to wait for another process.

  Yields:
    Whether the file system has locks; without them, nothing is locked and a warning is logged.

  Raises:
    BusyError: another process holds it, and `wait` is False.
    OSError: what stands in its place is not a plain file.
  """
  descriptor, has_locks = _acquired(lock, what, wait)
  try:
    yield has_locks
  finally:
    os.close(descriptor)


def _acquired(lock, what, wait):
  """An open descriptor of the locked file, and whether the file system has locks."""
  while True:
    descriptor = _open(lock)
    try:
      has_locks = _flock(descriptor, what, wait)
      if not has_locks or _is_at(descriptor, lock):
        return descriptor, has_locks
    except BaseException:
      os.close(descriptor)
      raise
    os.close(descriptor)  # its last holder has removed it: another file is the lock now


def _flock(descriptor, what, wait):
  """Locks; returns whether the file system can."""
  try:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError as error:
    if not wait:
      raise BusyError(f"another process is at work in {what}; wait for it or end it") from error
    logging.info("Waiting for another process that is at work in %s", what)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
  except OSError as error:
    if error.errno not in NO_LOCKS:
      raise
    logging.warning("%s: the file system has no locks (%s); see to it that no other process works "
                    "there", what, os.strerror(error.errno))
    return False
  return True


def _open(lock):
  """Opens the file without changing it; refuses links and all that is not a plain file."""
  flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
  try:
    descriptor = os.open(lock, flags, 0o644)
  except OSError as error:
    if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
      raise _not_ours(lock) from error
    raise
  status = os.fstat(descriptor)
  if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
    os.close(descriptor)
    raise _not_ours(lock)
  return descriptor


def _not_ours(lock):
  return OSError(f"{lock} is a link, or no plain file: this package did not make it; remove it, or "
                 "name another folder")


def _is_at(descriptor, lock):
  """Whether the open file is still the one of that name."""
  try:
    return os.path.samestat(os.fstat(descriptor), os.lstat(lock))
  except FileNotFoundError:
    return False
