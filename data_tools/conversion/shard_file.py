"""A TFRecord file that is hashed and flushed to disk while it is written.

A thread follows the writer: both the digest and the disk are then nearly done when
the last record is.  After the last record, they would take as long as the writing.
(The writing itself gains nothing from a thread: TFRecordWriter holds Python's lock.)
"""

from __future__ import annotations

from concurrent import futures
import contextlib
import hashlib
import os

import tensorflow as tf

from pzbias_tf import storage

_FOLLOW_BYTES = 16_000_000  # records written before the thread looks again
_READ_BYTES = 1 << 20


class ShardFile:
  """Records on their way to disk; a context, which closes the file.

  Args:
    path: the file.
    compression_type: "" or "GZIP".
  """

  def __init__(self, path: str, compression_type: str = ""):
    self._path = path
    self.records = 0
    self._writer = tf.io.TFRecordWriter(path, compression_type)
    self._file = open(path, "rb", buffering=0)
    self._digest = hashlib.sha256()
    self._thread = futures.ThreadPoolExecutor(1)
    self._following: futures.Future | None = None
    self._unfollowed_bytes = 0

  def __enter__(self) -> ShardFile:
    return self

  def __exit__(self, error_type, *unused) -> None:
    self._thread.shutdown()
    self._file.close()
    # After an error, what the writer still holds may fail to be written for the same reason.
    with contextlib.suppress(tf.errors.OpError) if error_type else contextlib.nullcontext():
      self._writer.close()

  def write(self, record: bytes) -> None:
    """Appends a record.

    Raises:
      OSError, tf.errors.OpError: the disk is full or broken.
    """
    self._writer.write(record)
    self.records += 1
    self._unfollowed_bytes += len(record)
    if self._unfollowed_bytes > _FOLLOW_BYTES and self._is_idle():
      self._unfollowed_bytes = 0
      self._following = self._thread.submit(self._follow)

  def finish(self) -> tuple[int, str]:
    """Ends the file; returns its size (bytes) and SHA-256 once all of it is on disk."""
    self._writer.close()
    if self._following is not None:
      self._following.result()  # the disk tells of an error once
    self._thread.submit(self._follow).result()
    return self._file.tell(), self._digest.hexdigest()

  def _is_idle(self) -> bool:
    if self._following is None:
      return True
    if self._following.done():
      self._following.result()  # raises what went wrong
      return True
    return False

  def _follow(self) -> None:
    """Hashes what has been written since the last time and puts it on disk."""
    while data := self._file.read(_READ_BYTES):
      self._digest.update(data)
    os.fsync(self._file.fileno())


def digest(path: str) -> str:
  """SHA-256 of a file."""
  found = hashlib.sha256()
  with storage.opened(path) as file:
    while data := file.read(_READ_BYTES):
      found.update(data)
  return found.hexdigest()
