"""What is wrong with a data set: one line that names the file and the remedy."""

from __future__ import annotations

import os

import numpy as np

CONVERT_AGAIN = "delete the folder and convert again"
REPLACE_SHARD = "copy the shard from an intact data set, or delete the folder and convert again"


def problem_line(folder: str, name: str, what: str, remedy: str = CONVERT_AGAIN) -> str:
  """One line about a file.

  Args:
    folder: the data set's folder.
    name: the file in it.
    what: what is wrong with it.
    remedy: what to do about it.
  """
  return f"{os.path.join(folder, name)}: {what}; {remedy}"


def pairs_across_splits(keys: np.ndarray, splits: np.ndarray) -> np.ndarray:
  """Finds equal keys in different splits.

  Args:
    keys: [n] ids or digests of images.
    splits: [n] split of each.

  Returns:
    [pairs, 2] int64: positions of two equal keys in different splits.  A key in three splits
    gives two pairs.
  """
  order = np.lexsort((splits, keys))
  keys, splits = keys[order], splits[order]
  differ = (keys[1:] == keys[:-1]) & (splits[1:] != splits[:-1])
  return np.stack([order[:-1][differ], order[1:][differ]], axis=1)
