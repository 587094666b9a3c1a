"""Orders of galaxies: those of numpy's stable sorts, in a fraction of their time.

Numpy sorts numbers much faster if equal ones need not keep their places, and short integers by
their digits.  Equal numbers, hardly any, are put in order afterwards.
"""

from __future__ import annotations

import numpy as np

_MOST_SHORT = 1 << 16  # groups that integers of 16 bits tell apart
_MOST_NUMBERS = 1 << 64


def order_of_numbers(values: np.ndarray) -> np.ndarray:
  """`np.argsort(values, kind="stable")`.

  Args:
    values: numbers, [n]; NaN come last.

  Returns:
    Indices, [n] int64.
  """
  order = np.argsort(values)
  ranked = values[order]
  equal = np.zeros(order.size + 1, bool)
  equal[1:-1] = ~(ranked[1:] > ranked[:-1])  # NaN among them
  places = np.flatnonzero(equal[1:] | equal[:-1])
  order[places] = order[places][np.lexsort((order[places], ranked[places]))]
  return order


def order_in_groups(values: np.ndarray, group: np.ndarray, num_groups: int) -> np.ndarray:
  """`np.lexsort((values, group))`.

  Args:
    values: numbers, [n]; NaN come last.
    group: group of each value, [n] integers in [0, num_groups).
    num_groups: number of groups.

  Returns:
    Indices, [n] int64.
  """
  order = order_of_numbers(values)
  if num_groups == 1:
    return order
  short = group.astype(np.uint16) if num_groups <= _MOST_SHORT else group
  return order[np.argsort(short[order], kind="stable")]


def order_of_texts(texts: np.ndarray) -> np.ndarray:
  """`np.argsort(texts, kind="stable")`.

  Args:
    texts: [n] str.

  Returns:
    Indices, [n] int64.
  """
  numbers = _as_numbers(texts)
  return np.argsort(texts, kind="stable") if numbers is None else order_of_numbers(numbers)


def _as_numbers(texts):
  """Numbers in the order of the texts, whose digits are their letters; None if 64 bits are few."""
  if not texts.size:
    return None
  letters = np.ascontiguousarray(texts, texts.dtype.newbyteorder("=")).view(np.uint32).reshape(
      texts.size, -1)
  lowest, highest = letters.min(axis=0), letters.max(axis=0)
  numbers, room = np.zeros(texts.size, np.uint64), 1
  for place in np.flatnonzero(highest > lowest):
    base = int(highest[place] - lowest[place]) + 1
    room *= base
    if room > _MOST_NUMBERS:
      return None
    numbers *= np.uint64(base)
    numbers += letters[:, place] - lowest[place]
  return numbers
