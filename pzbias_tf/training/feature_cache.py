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
SUMS_NAME = "sums.npy"

_CHECKED = 4096  # pairs at a time


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
    sums: [records, views] uint32, memory-mapped, that tell damage; 0 for pairs of older versions.

  Raises:
    ValueError: an existing file is damaged or has another shape.
  """

  def __init__(self, folder: str, *, records: int, size: int, dtype: str,
               views: int = DIHEDRAL_ELEMENTS):
    features, filled, sums = (
        os.path.join(folder, name) for name in (FEATURES_NAME, FILLED_NAME, SUMS_NAME))
    for path in (features, filled, sums):
      refuse_link(path)
    if not os.path.exists(features):  # marks without features are useless
      with contextlib.suppress(FileNotFoundError):
        os.remove(filled)
    pairs = (records, views)
    self.features = _mapped(features, (*pairs, size), dtype)
    self.filled = _mapped(filled, pairs, "bool")
    self.sums = _mapped(sums, pairs, "uint32")
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
    self.sums[records, views] = _sums(stored)
    self._unmarked.append((records, views))

  def commit(self) -> None:
    """Flushes the features, then marks their pairs."""
    self.features.flush()
    self.sums.flush()
    for records, views in self._unmarked:
      self.filled[records, views] = True
    self.filled.flush()
    self._unmarked.clear()


  def unmark_damaged(self, pairs: np.ndarray) -> int:
    """Unmarks those of some pairs whose features have changed on disk; returns how many."""
    damaged = 0
    for part in np.array_split(np.argwhere(pairs & self.filled & (self.sums != 0)),
                               max(1, int(pairs.sum()) // _CHECKED)):
      records, views = part.T
      bad = _sums(self.features[records, views]) != self.sums[records, views]
      self.filled[records[bad], views[bad]] = False
      damaged += int(bad.sum())
    return damaged


def _sums(features):
  """A number above 0 of each row [n], which changes with every bit of it."""
  words = np.ascontiguousarray(features).view(np.uint8).astype(np.uint32)
  odd = 2 * np.arange(1, words.shape[1] + 1, dtype=np.uint32) + 1
  return np.maximum((words * odd).sum(axis=1, dtype=np.uint32), np.uint32(1))


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
