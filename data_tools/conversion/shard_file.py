"""A TFRecord file that is hashed and flushed to disk while it is written.

A thread follows the writer, so that the digest and the disk are nearly done when the last
record is written.  Done afterwards, they would take as long as the writing.  (A thread for
the writing itself gains nothing: TFRecordWriter holds Python's lock.)
"""

from __future__ import annotations

from concurrent import futures
import contextlib
import hashlib
import os

import tensorflow as tf

_FOLLOW_BYTES = 16_000_000  # written before the thread reads on
_READ_BYTES = 1 << 20


class ShardFile:
  """A file of records to write; a context manager, which closes it.

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
    # After an error, writing the rest of the buffer may fail for the same reason.
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
    """Ends the file; returns its size (bytes) and SHA-256 when all of it is on disk."""
    self._writer.close()
    if self._following is not None:
      self._following.result()  # the disk reports an error only once
    self._thread.submit(self._follow).result()
    return self._file.tell(), self._digest.hexdigest()

  def _is_idle(self) -> bool:
    if self._following is None:
      return True
    if self._following.done():
      self._following.result()  # raises its error, if any
      return True
    return False

  def _follow(self) -> None:
    """Hashes what was written since the last call and flushes it to disk."""
    while data := self._file.read(_READ_BYTES):
      self._digest.update(data)
    os.fsync(self._file.fileno())
