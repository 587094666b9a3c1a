"""Features on disk: a sparse file, and marks for the (record, view) pairs that it holds.

Pairs are marked after their features have been flushed to the disk, so that a
run that is killed in between never leaves a mark without its features.
"""

from __future__ import annotations

import contextlib
import os

import numpy as np

from pzbias_tf.data.augment import DIHEDRAL_ELEMENTS
from pzbias_tf.files import whole_file
from pzbias_tf.guards.own_folders import refuse_link

FEATURES_NAME = "features.npy"
FILLED_NAME = "filled.npy"


class FeatureCache:
  """Features of the records of a data set, each in up to 8 dihedral views.

  One process at a time writes: `exclusive_folder` sees to it.

  Args:
    folder: folder of the two files, which are created where they do not exist.
    records: number of records of the data set.
    size: length of a feature vector.
    dtype: "float32" or "float16".
    views: number of views of each record.

  Attributes:
    features: [records, views, size], memory-mapped; valid where `filled`.
    filled: [records, views] bool, memory-mapped.

  Raises:
    ValueError: an existing file is damaged or has another shape.
  """

  def __init__(self, folder: str, *, records: int, size: int, dtype: str,
               views: int = DIHEDRAL_ELEMENTS):
    features, filled = (os.path.join(folder, name) for name in (FEATURES_NAME, FILLED_NAME))
    for path in (features, filled):
      refuse_link(path)
    if not os.path.exists(features):  # marks without features are useless
      with contextlib.suppress(FileNotFoundError):
        os.remove(filled)
    pairs = (records, views)
    self.features = _mapped(features, (*pairs, size), dtype)
    self.filled = _mapped(filled, pairs, "bool")
    self._unmarked: list[tuple[np.ndarray, np.ndarray]] = []

  def put(self, records: np.ndarray, views: np.ndarray, features: np.ndarray) -> None:
    """Writes the features [pairs, size] of some pairs, which `commit` will mark.

    Raises:
      ValueError: a feature is not finite in the stored type.
    """
    with np.errstate(over="ignore"):
      stored = features.astype(self.features.dtype)
    if not np.isfinite(stored).all():
      raise ValueError(f"features of up to {np.abs(features).max()} are not finite as "
                       f"{stored.dtype}; use --feature_dtype=float32, or other weights")
    self.features[records, views] = stored
    self._unmarked.append((records, views))

  def commit(self) -> None:
    """Flushes the features, then marks their pairs."""
    self.features.flush()
    for records, views in self._unmarked:
      self.filled[records, views] = True
    self.filled.flush()
    self._unmarked.clear()


def _mapped(path, shape, dtype):
  """A memory-mapped array, at first sparse and all zeros."""
  if not os.path.exists(path):
    with whole_file(path) as hidden:
      np.lib.format.open_memmap(hidden, "w+", np.dtype(dtype), shape)
  try:
    array = np.load(path, mmap_mode="r", allow_pickle=False)  # "r+" would lengthen a cut file
  except (ValueError, EOFError) as error:
    raise ValueError(f"{path} is damaged ({error}); delete its folder, and it is made "
                     "again") from error
  if array.shape != shape or array.dtype != dtype:
    raise ValueError(f"{path} holds {array.dtype} {array.shape} instead of {dtype} {shape}; "
                     "delete its folder, and it is made again")
  return np.load(path, mmap_mode="r+", allow_pickle=False)
