"""Checks of catalogue columns, weights and whole numbers, which public functions call first.

The results of this package end in a calibrated catalogue, where nobody would
notice a NaN.  So a column that is empty, not finite, or differs in length from
the others is refused here, by name.
"""

from __future__ import annotations

import numpy as np

from pzbias_tf.compat import plain_arrays

MISSING_WORDS = (
    b"", b"nan", b"null", b"none", b"n/a", b"na", b"<na>", b"--", b"-", b"---", b"...", b"masked",
    b"\\n", b"(null)", b"nil", b"indef", b"undef", b"undefined", b"missing", b"#n/a", b"#div/0!",
    b"#num!", b"#value!", b"#ref!", b"#null!", b"#name?", b"-nan(ind)", b"1.#qnan", b"-1.#ind",
    b"***", b"****", b"*****", b"******", b"*******", b"********")
"""Words that stand for a missing number, in small letters; * and # of numbers without room, too."""


def columns(**arrays: np.ndarray) -> tuple[np.ndarray, ...]:
  """Checks columns of one catalogue and returns them as float64.

  Args:
    **arrays: name=column; every column is one-dimensional and as long as the
      others.

  Returns:
    The columns, [n] float64 each, in the order of the arguments.

  Raises:
    ValueError: a column is not one-dimensional, is empty, differs in length
      from the first one, has the unit of something else, or holds a value that is
      masked or not finite.
  """
  checked: list[np.ndarray] = []
  for name, values in arrays.items():
    values = plain_arrays.numbers(values, name, plain_arrays.kind_of(name))
    if values.ndim != 1:
      raise ValueError(
          f"{name} must be one column of numbers, got shape {values.shape}; pass one "
          "number per galaxy")
    if not values.size:
      raise ValueError(f"{name} is empty; pass at least one galaxy")
    if checked and values.size != checked[0].size:
      raise ValueError(
          f"{name} has {values.size} galaxies where {next(iter(arrays))} has "
          f"{checked[0].size}; pass columns of the same galaxies")
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
      raise ValueError(
          f"{name} is not finite for {bad.size} of {values.size} galaxies, first at "
          f"position {bad[0]}; leave those galaxies out")
    checked.append(values)
  return tuple(checked)


def weight_column(weights: np.ndarray | None, size: int) -> np.ndarray:
  """Checks the weights of galaxies.

  Args:
    weights: one number per galaxy, [n], not negative, in any unit; None gives
      every galaxy the weight 1.
    size: number of galaxies n.

  Returns:
    [n] float64.

  Raises:
    ValueError: the weights are not a column of that length, or are not finite,
      negative, or all zero.
  """
  if weights is None:
    return np.ones(size)
  (weights,) = columns(weights=weights)
  if weights.size != size:
    raise ValueError(f"{weights.size} weights are given for {size} galaxies; pass one per galaxy")
  if weights.min() < 0.0:
    raise ValueError(f"weights must not be negative, but galaxy {np.argmin(weights)} has "
                     f"{weights.min()}; pass 0 for galaxies to leave out")
  if not weights.any():
    raise ValueError("all weights are 0; give at least one galaxy a positive weight")
  return weights


def weighted_columns(
    weights: np.ndarray | None, **arrays: np.ndarray) -> tuple[np.ndarray, ...]:
  """Weights and columns of the galaxies whose weight is positive.

  Galaxies of weight 0 are left out, so that every metric, bootstraps included,
  is the same as without them.

  Args:
    weights: as in `weight_column`.
    **arrays: as in `columns`.

  Returns:
    The weights, [n] float64, then the columns in the order of the arguments.

  Raises:
    ValueError: as in `columns` and `weight_column`.
  """
  checked = columns(**arrays)
  weights = weight_column(weights, checked[0].size)
  own = weights > 0.0
  return tuple(values if own.all() else values[own] for values in (weights, *checked))


def whole_number(value: int, name: str, *, lowest: int, highest: int | None = None) -> int:
  """Checks an integer setting.

  Args:
    value: the setting.
    name: its name in the error message.
    lowest: smallest value allowed.
    highest: largest value allowed, if there is one.

  Returns:
    The setting as a Python int.

  Raises:
    ValueError: it is not a whole number, or outside [lowest, highest].
  """
  fits = float(value).is_integer() and value >= lowest and (
      highest is None or value <= highest)
  if not fits:
    span = f"of at least {lowest}" if highest is None else f"from {lowest} to {highest}"
    raise ValueError(f"{name} must be a whole number {span}, got {value}")
  return int(value)
