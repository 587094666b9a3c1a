"""Scatter of the estimates around z_spec in each redshift bin, smoothed.

It has two uses: the labels of Step 3 (how far an estimate may lie from its bin)
and the metrics (the variance that weights a residual).

Source: Lin et al. 2022 (Step 3, soft labels; evaluation of residuals).
"""

from __future__ import annotations

import numpy as np

from pzbias_tf.compat import sorting


def grouped_median(
    values: np.ndarray, group: np.ndarray, num_groups: int,
    weights: np.ndarray | None = None) -> np.ndarray:
  """Median of each group; 0 for a group without members.

  Args:
    values: the values, [n].
    group: group of each value, [n] integers in [0, num_groups).
    num_groups: number of groups.
    weights: weight of each value, [n], not negative; 1 unless given.  A value of
      weight k counts as k values.

  Returns:
    [num_groups] float64.
  """
  order = sorting.order_in_groups(values, group, num_groups)
  return _median_of_sorted(values[order], group[order], num_groups, (
      np.ones(values.size) if weights is None else weights)[order])


def _median_of_sorted(values, group, num_groups, weights):
  """`grouped_median` of values that are sorted by group and within each group."""
  if not values.size:
    return np.zeros(num_groups)
  reached = np.cumsum(weights)
  size = np.bincount(group, weights, num_groups)
  counts = np.bincount(group, minlength=num_groups)
  # Taken from the running sum itself, so that rounding cannot put a median outside its group.
  before = np.concatenate([[0.0], reached])[np.cumsum(counts) - counts]
  places = [np.searchsorted(reached, before + 0.5 * size, side) for side in ("left", "right")]
  middle = values[np.minimum(places, values.size - 1)].mean(axis=0)
  return np.where(size > 0, middle, 0.0)


def typical_square(
    values: np.ndarray, group: np.ndarray, num_groups: int,
    weights: np.ndarray | None = None) -> np.ndarray:
  """v = (median + mean) / 2 of each group; 0 for a group without members.

  Args:
    values: squared residuals, [n], in any unit.
    group: group of each value, [n] integers in [0, num_groups).
    num_groups: number of groups.
    weights: weight of each value, [n], not negative; 1 unless given.

  Returns:
    [num_groups] float64, in the unit of `values`.
  """
  weights = np.ones(values.size) if weights is None else weights
  return 0.5 * (grouped_median(values, group, num_groups, weights)
                + _grouped_mean(values, group, num_groups, weights))


def _grouped_mean(values, group, num_groups, weights):
  """Mean of each group; 0 for a group without members."""
  size = np.bincount(group, weights, num_groups)
  return np.bincount(group, weights * values, num_groups) / np.where(size > 0, size, 1.0)


def smooth(v: np.ndarray, sigma: float) -> np.ndarray:
  """Spreads each bin's v over its neighbours.

  Every bin between the first and the last one with v > 0 spreads its v over this
  range with a Gaussian kernel of width `sigma`, normalised within the range.  An
  empty bin spreads the last positive v before it.

  Args:
    v: `typical_square` of each bin, [bins], not negative.
    sigma: width in bins, not negative; 0 spreads nothing.

  Returns:
    [bins] float64, the sum of what reaches each bin; 0 outside the range, and
    everywhere if no v is positive.
  """
  smoothed = np.zeros(v.size)
  filled = np.flatnonzero(v > 0)
  if not filled.size:
    return smoothed
  inside = np.arange(filled[0], filled[-1] + 1)
  source = filled[np.searchsorted(filled, inside, side="right") - 1]
  # At 1e-3 bins the kernel is already the identity; a smaller width could divide by zero.
  distance = np.arange(1 - inside.size, inside.size) / max(float(sigma), 1e-3)
  kernel = np.lib.stride_tricks.sliding_window_view(
      np.exp(-0.5 * distance ** 2), inside.size)[::-1]  # [from, to]; it depends on to - from
  kernel = kernel / kernel.sum(axis=1, keepdims=True)
  smoothed[inside] = v[source] @ kernel
  return smoothed


def smoothed_squares(
    squares: np.ndarray, redshift_bin: np.ndarray, members: np.ndarray,
    sigma_disp: np.ndarray, bins: int, weights: np.ndarray | None = None) -> np.ndarray:
  """Smoothed mean square residual of each output and redshift bin.

  Args:
    squares: squared residuals, [n], in any unit.
    redshift_bin: bin of each galaxy's z_spec, [n] integers in [0, bins).
    members: which outputs each galaxy belongs to, [n, outputs].
    sigma_disp: width of each output's kernel, [outputs], in bins.
    bins: number of redshift bins.
    weights: weight of each galaxy, [n], not negative; 1 unless given.

  Returns:
    s2, [outputs, bins] float64, in the unit of `squares`.
  """
  smoothed = np.zeros((members.shape[1], bins))
  columns = (squares, redshift_bin, np.ones(squares.size) if weights is None else weights)
  order = sorting.order_in_groups(squares, redshift_bin, bins)  # once for all outputs
  ranked = [column[order] for column in columns]
  for output, sigma in enumerate(sigma_disp):
    own = members[:, output] > 0
    first, second = np.flatnonzero(own), np.flatnonzero(own[order])
    mean, median = (
        of_groups(values[places], group[places], bins, weight[places])
        for of_groups, (values, group, weight), places in (
            (_grouped_mean, columns, first), (_median_of_sorted, ranked, second)))
    smoothed[output] = smooth(0.5 * (median + mean), sigma)
  return smoothed
