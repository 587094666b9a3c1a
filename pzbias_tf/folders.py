"""Folders that appear when they are complete, not before."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import tempfile
from typing import Iterator

from absl import logging


@contextlib.contextmanager
def appearing(output: str, doing: str) -> Iterator[str]:
  """A hidden folder beside `output` that takes its place at the end, or goes away.

  Args:
    output: absolute path of the folder; absent or empty.
    doing: what is being done, a word for the hidden folder's name.

  Yields:
    The hidden folder to fill.
  """
  parent, name = os.path.split(output)
  os.makedirs(parent, exist_ok=True)
  prefix = f".{name}.{doing}-"
  warn_of_leftovers(os.path.join(parent, prefix))
  hidden = tempfile.mkdtemp(prefix=prefix, dir=parent)
  try:
    os.chmod(hidden, 0o755)  # mkdtemp's folders are for the owner alone
    yield hidden
    os.rename(hidden, output)  # replaces an empty folder, fails on any other
  except BaseException:
    shutil.rmtree(hidden, ignore_errors=True)
    raise


def warn_of_leftovers(prefix: str) -> None:
  """Names folders that begin with `prefix`: only a person can tell whether they are in use."""
  for left in glob.glob(f"{glob.escape(prefix)}*"):
    logging.warning("%s: an interrupted run left it, or another run is writing it now; "
                    "remove it in the first case", left)
