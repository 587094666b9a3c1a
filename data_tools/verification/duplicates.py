"""What stands in two splits: the same galaxy would train a network and test it."""

from __future__ import annotations

import numpy as np


def across_splits(keys: np.ndarray, splits: np.ndarray) -> np.ndarray:
  """Finds equal keys in different splits.

  Args:
    keys: [n] ids or digests of images.
    splits: [n] split of each.

  Returns:
    [pairs, 2] int64: positions of two equal keys whose splits differ, one pair
    for each step from one split to the next.
  """
  order = np.lexsort((splits, keys))
  keys, splits = keys[order], splits[order]
  differ = (keys[1:] == keys[:-1]) & (splits[1:] != splits[:-1])
  return np.stack([order[:-1][differ], order[1:][differ]], axis=1)
