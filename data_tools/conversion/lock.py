"""One writer per output folder.

A local folder is locked.  A remote folder cannot be locked: a lock on it would outlive its
process.  It belongs to the conversion that began last, which writes a token into it.  An
earlier conversion finds another token than its own when it wants to publish, and stops.
"""

from __future__ import annotations

import contextlib
import os
from typing import Iterator
import uuid

from data_tools.conversion import resume
from pzbias_tf import storage
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.guards import own_folders
from pzbias_tf.guards.locks import exclusive_folder


class Owner:
  """A conversion's right to its output folder.

  A local folder is locked and needs no token: `check` and `release` do nothing there.

  Args:
    output: the data set's folder.
  """

  def __init__(self, output: str):
    self._output, self._token = output, ""
    self._path = os.path.join(output, resume.UNFINISHED, resume.OWNER_FILE)

  def claim(self) -> None:
    """Takes over a remote folder; other conversions to it will stop."""
    self._token = uuid.uuid4().hex
    storage.make_folders(os.path.dirname(self._path))
    storage.write_text(self._path, self._token)

  def release(self) -> None:
    """Leaves a claimed folder that turned out to hold a complete data set."""
    if self._token:
      resume.remove_unfinished(self._output)

  def publish(self, manifest: manifest_lib.Manifest) -> None:
    """Writes the manifest, and removes it if another conversion began in the meantime.

    Raises:
      OSError: as `check`.
    """
    self.check()
    manifest.save(self._output)
    try:
      self.check()
    except OSError:
      # The other one has removed the shards, or will: the manifest would describe nothing.
      path = os.path.join(self._output, manifest_lib.MANIFEST_NAME)
      if storage.is_file(path) and manifest_lib.Manifest.load(self._output) == manifest:
        storage.remove(path)
      raise

  def check(self) -> None:
    """Stops a conversion that may no longer publish.

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
    if not holder:  # the other one has ended: whatever is left are shards of this conversion
      resume.remove_unfinished(self._output)
    raise OSError(f"another conversion has begun in {self._output}; end one of them and give "
                  "the same command again")


@contextlib.contextmanager
def exclusive_output(output: str) -> Iterator[Owner]:
  """Creates the folder if it does not exist, and keeps other conversions out of it.

  Raises:
    FileExistsError: the folder holds files of others.
    OSError: another conversion works there.
  """
  owner = Owner(output)
  refuse_foreign(output)  # before a lock is put there
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


def refuse_foreign(output: str) -> None:
  """Refuses a folder with files that no conversion began: it could write over them.

  A conversion makes the folder UNFINISHED first, and removes it when there is a manifest.

  Raises:
    FileExistsError: the output is not such a folder, nor empty.
    OSError: a link stands in the place of UNFINISHED.
  """
  if not storage.is_remote(output):
    if not os.path.isdir(output):
      if os.path.lexists(output):
        raise FileExistsError(f"{output} is a file; name another --output")
      return
    own_folders.refuse_link(os.path.join(output, resume.UNFINISHED))
  names, another = storage.names(output), "name another --output"
  begun = (resume.UNFINISHED, manifest_lib.MANIFEST_NAME)
  own_folders.refuse_foreign(output, names, begun, another)
  if resume.UNFINISHED in names:
    resume.refuse_foreign(os.path.join(output, resume.UNFINISHED), another)
