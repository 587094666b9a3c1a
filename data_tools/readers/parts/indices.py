"""Published splits, given as arrays of row numbers."""

from __future__ import annotations

from typing import Mapping

import numpy as np


def split_of(rows: Mapping[str, np.ndarray], num: int, *, origins: Mapping[str, str]) -> np.ndarray:
  """The split of each object, [num] str; "" for an object in none.

  Args:
    rows: {split: row numbers}.
    num: number of objects.
    origins: {split: where its array comes from}, for error messages.

  Raises:
    ValueError: a row is out of range, not a whole number, or in two splits.
  """
  split = np.full(num, "", "U10")
  for name, values in rows.items():
    index = _whole_numbers(values, num, origins[name])
    if np.any(split[index] != ""):
      first = index[split[index] != ""][0]
      raise ValueError(f"{origins[name]}: object {first} is already in {split[first]}; "
                       "an object can be in one split only")
    split[index] = name
  return split


def _whole_numbers(index: np.ndarray, num: int, origin: str) -> np.ndarray:
  if index.ndim != 1 or index.dtype.kind not in "iuf" or not np.all(index == np.floor(index)):
    raise ValueError(f"{origin}: expected one whole number per object, found {index.dtype} "
                     f"of shape {index.shape}")
  wrong = index[(index < 0) | (index >= num)]
  if len(wrong):
    raise ValueError(f"{origin}: index {wrong[0]} is outside the {num} objects of the labels")
  return index.astype(np.int64)
