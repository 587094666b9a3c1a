"""What is wrong with a data set: one line that names the file and what helps."""

from __future__ import annotations

import os

CONVERT_AGAIN = "delete the folder and convert again"
MEND_SHARD = "copy the shard from where it is whole, or delete the folder and convert again"


def problem(folder: str, name: str, what: str, remedy: str = CONVERT_AGAIN) -> str:
  """One line about a file.

  Args:
    folder: the data set's folder.
    name: the file in it.
    what: what is wrong with it.
    remedy: what to do about it.
  """
  return f"{os.path.join(folder, name)}: {what}; {remedy}"
