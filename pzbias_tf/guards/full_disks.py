"""Full disks: what they raise, and the one message that names the remedy."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Iterator

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Numbers of the errors of a full disk, a used-up quota, and a file that may grow no further."""


@contextlib.contextmanager
def clear_full_disk(path: str | os.PathLike, kept: str) -> Iterator[None]:
  """Turns the error of a full disk into one that says what to do.

  Args:
    path: what is being written.
    kept: what the same command keeps when it is given again.

  Raises:
    OSError: the disk is full; other errors of writing pass.
  """
  try:
    yield
  except OSError as error:
    if error.errno not in FULL:
      raise
    raise OSError(error.errno, f"{os.fspath(path)}: the disk is full, or the file exceeds a size "
                  f"limit ({error}); make room and give the same command again: it keeps {kept}"
                  ) from error
