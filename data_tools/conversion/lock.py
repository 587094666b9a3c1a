"""Whose an output folder is, while data are converted into it.

A local folder is locked.  A remote one cannot be: no lock there goes with a process.  It
belongs to the conversion that began last, which leaves a token in it, and the one before
finds another token when it wants to publish, and stops.
"""

from __future__ import annotations

import contextlib
import os
from typing import Iterator
import uuid

from data_tools.conversion import resume
from pzbias_tf import storage
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.files import exclusive_folder


class Owner:
  """A conversion that makes a folder its own; a locked folder is.

  Args:
    output: the data set's folder.
  """

  def __init__(self, output: str):
    self._output, self._token = output, ""
    self._path = os.path.join(output, resume.FOLDER, resume.OWNER)

  def claim(self) -> None:
    """Makes a remote folder this conversion's; others that are at work there will stop."""
    if storage.is_remote(self._output):
      self._token = uuid.uuid4().hex
      storage.make_folders(os.path.dirname(self._path))
      storage.write_text(self._path, self._token)

  def release(self) -> None:
    """Gives a claimed folder back, in which a complete data set was found after all."""
    if self._token:
      resume.end(self._output)

  def publish(self, manifest: manifest_lib.Manifest) -> None:
    """Writes the manifest, and takes it back where another conversion has begun meanwhile.

    Raises:
      OSError: as `check`.
    """
    self.check()
    manifest.save(self._output)
    try:
      self.check()
    except OSError:
      # The other one has removed the shards, or will: the manifest would speak of nothing.
      path = os.path.join(self._output, manifest_lib.MANIFEST_NAME)
      if storage.is_file(path) and manifest_lib.Manifest.load(self._output) == manifest:
        storage.remove(path)
      raise

  def check(self) -> None:
    """Stops a conversion that may not publish.

    Raises:
      OSError: another conversion has begun in the folder, and may have ended.
    """
    if not self._token:
      return
    try:
      holder = storage.read_bytes(self._path).decode()
    except FileNotFoundError:
      holder = ""
    if holder == self._token:
      return
    if not holder:  # nobody is at work: what is there are shards of this conversion
      resume.end(self._output)
    raise OSError(f"another conversion has begun in {self._output}; end one of them and give "
                  "the same command again")


@contextlib.contextmanager
def exclusive(output: str) -> Iterator[Owner]:
  """Makes the folder, where it does not exist, and keeps other conversions out of it.

  Raises:
    OSError: another conversion is at work there.
  """
  owner = Owner(output)
  if not storage.is_remote(output):
    with exclusive_folder(output):
      yield owner
    return
  storage.make_folders(output)
  try:
    yield owner
  except FileNotFoundError:
    owner.check()  # a conversion that begins removes what others are about to write
    raise
  except FileExistsError:
    owner.release()
    raise
