"""Many weighted samples of the same values: the arithmetic of bootstraps.

A bootstrap draws galaxies with replacement; how often it drew each is all that
a metric needs.  So the values are sorted once, a bootstrap is a row of weights
on them, and medians, quantiles and fractions are looked up in running sums:
nothing is copied or sorted again.  The sample itself is a bootstrap that drew
every galaxy once.
"""

from __future__ import annotations

import numpy as np

# Halvings of the range in which a median deviation is searched: the rounding of float64.
_HALVINGS = 52


class Draws:
  """Samples of the same sorted values that differ in their weights.

  Attributes:
    values: [n] float64, rising.
    sum: sum of the weights of each sample, [draws].
    number: how many galaxies of equal weight the values are worth; see
      `effective_number`.
  """

  def __init__(self, values: np.ndarray, weights: np.ndarray, number: float):
    """Sums up the weights.

    Args:
      values: [n] float64, rising.
      weights: [draws, n] float64, not negative; no sample's sum is 0.
      number: see the attributes.
    """
    self.values, self.number, self._weights = values, number, weights
    # One running sum over all samples, so that one binary search serves them all.
    self._total = np.zeros(weights.size + 1)
    np.cumsum(weights, out=self._total[1:])
    self._start = values.size * np.arange(len(weights))
    self._before = self._total[self._start]
    self.sum = self._total[self._start + values.size] - self._before

  def mean(self, column: np.ndarray | None = None) -> np.ndarray:
    """Weighted mean of the values, or of another column in their order, [draws]."""
    # Not @: the threads of a BLAS wait for each other longer than this sum takes.
    return np.einsum("dn,n->d", self._weights, self.values if column is None else column) / self.sum

  def cdf(self) -> np.ndarray:
    """Share of the weight up to each value: [draws, n + 1] from 0 to 1."""
    total = np.pad(np.cumsum(self._weights, axis=1), ((0, 0), (1, 0)))
    return total / total[:, -1:]

  def quantile(self, share: float) -> np.ndarray:
    """The value below which a share of the weight lies, [draws].

    Where the running sum equals the share at a value, it is the mean of that
    value and the next: the usual median, and what repeating each galaxy as
    often as its (whole) weight says gives.  Named "averaged_inverted_cdf" in
    numpy; numpy's default interpolates between neighbours everywhere, which
    differs by less than the distance of neighbours.

    Args:
      share: in (0, 1).
    """
    target = self._before + share * self.sum
    places = np.stack([np.searchsorted(self._total[1:], target, side) - self._start
                      for side in ("left", "right")])
    return self.values[np.clip(places, 0, self.values.size - 1)].mean(axis=0)

  def share_beyond(self, limit: np.ndarray | float) -> np.ndarray:
    """Share of the weight on abs(value) > limit, [draws]."""
    limit = np.broadcast_to(limit, self.sum.shape)
    return (self.sum - self._weight_of(*self._range(-limit, limit))) / self.sum

  def median_deviation(self, center: np.ndarray) -> np.ndarray:
    """Median of abs(value - center), the median as in `quantile`, [draws].

    Args:
      center: [draws].
    """
    half = 0.5 * self.sum
    # The two sides of a median: half of the weight is reached, or exceeded.
    lower = np.zeros((2, center.size))
    upper = np.tile(np.abs(self.values[[0, -1], None] - center).max(axis=0), (2, 1))
    inside_lower, inside_upper = np.zeros_like(lower), np.full_like(upper, self.values.size)
    for _ in range(_HALVINGS):
      middle = 0.5 * (lower + upper)
      first, last = self._range(center - middle, center + middle)
      weight = self._weight_of(first, last)
      reached = np.stack([weight[0] >= half, weight[1] > half])
      lower, upper = np.where(reached, lower, middle), np.where(reached, middle, upper)
      inside_lower = np.where(reached, inside_lower, last - first)
      inside_upper = np.where(reached, last - first, inside_upper)
      if np.all(inside_upper - inside_lower <= 1):
        break  # one value is left between the bounds
    first, last = self._range(center - upper, center + upper)
    ends = np.clip(np.stack([first, last - 1]), 0, self.values.size - 1)
    return np.abs(self.values[ends] - center).max(axis=0).mean(axis=0)

  def _range(self, lower, upper):
    """First value in [lower, upper] and first one beyond it."""
    return np.searchsorted(self.values, lower, "left"), np.searchsorted(
        self.values, upper, "right")

  def _weight_of(self, first, last):
    """Weight of values [first, last) in each sample; bounds [..., draws]."""
    return self._total[last + self._start] - self._total[first + self._start]


def single(values: np.ndarray, weights: np.ndarray) -> Draws:
  """The sample itself, as one draw.

  Args:
    values: [n] float64, in any order.
    weights: [n] float64, positive.
  """
  order = np.argsort(values, kind="stable")
  return Draws(values[order], weights[order][None], effective_number(weights))


def effective_number(weights: np.ndarray) -> float:
  """(sum of weights)^2 / sum of squares (Kish): how many equal weights tell as much.

  The number of galaxies where their weights are equal.
  """
  return float(weights.sum() ** 2 / np.sum(weights ** 2))
