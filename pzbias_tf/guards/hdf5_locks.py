"""Opens HDF5 files where file systems have no locks, or another program holds one."""

from __future__ import annotations

import errno
import re
from typing import Any

from absl import logging
import h5py

from pzbias_tf.guards.locks import NO_LOCKS


def open_hdf5(path: str, mode: str = "r", **options: Any) -> h5py.File:
  """`h5py.File`, without a lock where there are none, with a warning.

  Args:
    path: the file.
    mode: as there.
    **options: as there.

  Raises:
    OSError: another program has locked the file, or as `h5py.File`.
  """
  try:
    return h5py.File(path, mode, **options)
  except OSError as error:
    found = re.search(r"unable to lock file, errno = (\d+)", str(error))
    if not found:
      raise
    if int(found[1]) not in NO_LOCKS:
      raise OSError(errno.EAGAIN, "locked by another program, which may be writing to it; close it "
                    "there, or set HDF5_USE_FILE_LOCKING=FALSE in the environment", path) from error
    logging.warning("%s: this file system has no locks; opened without one", path)
    return h5py.File(path, mode, locking=False, **options)
