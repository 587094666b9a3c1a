"""Many weighted samples of the same values: the arithmetic of bootstraps.

A bootstrap draws galaxies with replacement, and a metric needs to know only how
often each was drawn.  So the values are sorted once, a bootstrap is a set of
weights on them, and medians, quantiles and fractions are looked up in running
sums: nothing is copied or sorted again.  The sample itself is a bootstrap that
drew every galaxy once.
"""

from __future__ import annotations

import copy
from typing import Sequence

import numpy as np

# Number of halvings of the range that holds a median deviation: down to float64's rounding.
_HALVINGS = 52


class Draws:
  """Samples of the same sorted values that differ in their weights.

  Attributes:
    values: [n] float64, rising.
    sum: sum of the weights of each sample, [draws].
    number: effective number of galaxies, see `effective_number`.
  """

  def __init__(self, values: np.ndarray, weights: np.ndarray, number: float):
    """Sums up the weights.

    Args:
      values: the values, [n] float64, rising.
      weights: weight of each value in each sample, [draws, n] float64, not
        negative.  No sample's sum is 0.
      number: see the attributes.
    """
    self.values, self.number = values, number
    self._weights = weights
    # A single running sum over all samples, so that one binary search serves all of them.
    self._total = np.empty(weights.size + 1)
    self._total[0] = 0.0
    np.cumsum(weights, out=self._total[1:])
    self._start = values.size * np.arange(len(weights))
    self._before = self._total[self._start]
    self.sum = self._total[self._start + values.size] - self._before

  def of(self, values: np.ndarray) -> Draws:
    """The same samples of other values, [n] float64, rising; nothing is summed up again."""
    other = copy.copy(self)
    other.values = values
    return other

  def mean(self, column: np.ndarray | None = None) -> np.ndarray:
    """Weighted mean of the values, or of another column in their order, [draws]."""
    # einsum, not @, since the threads of a BLAS wait for each other longer than this sum takes.
    return np.einsum("dn,n->d", self._weights, self.values if column is None else column) / self.sum

  def cdf(self, part: slice) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the weight below some of the values, and with each of them, [draws, some] each."""
    shape = (self.sum.size, self.values.size)
    below, with_own = (
        (total.reshape(shape)[:, part] - self._before[:, None]) / self.sum[:, None]
        for total in (self._total[:-1], self._total[1:]))
    return below, with_own

  def quantile(self, share: float) -> np.ndarray:
    """The value below which a share of the weight lies, [draws]; see `quantiles`."""
    return self.quantiles([share])[0]

  def quantiles(self, shares: Sequence[float]) -> np.ndarray:
    """The values below which shares of the weight lie, [shares, draws].

    Where the running sum equals the share at a value, the result is the mean of
    that value and the next one.  This gives the usual median, and for whole weights
    the same as repeating each galaxy so many times.  numpy calls it
    "averaged_inverted_cdf"; numpy's default interpolates between neighbours
    everywhere, which differs by less than the distance between neighbours.

    Args:
      shares: the shares, in (0, 1).
    """
    target = self._before + np.multiply.outer(shares, self.sum)
    lower, upper = (
        self.values[(self._total[1:].searchsorted(target, side) - self._start).clip(
            0, self.values.size - 1)] for side in ("left", "right"))
    return (lower + upper) / 2.0

  def share_beyond(self, limit: np.ndarray | float) -> np.ndarray:
    """Share of the weight of values with abs(value) > limit, [draws]."""
    limit = np.broadcast_to(limit, self.sum.shape)
    return (self.sum - self._weight_of(*self._range(-limit, limit))) / self.sum

  def median_deviation(self, center: np.ndarray) -> np.ndarray:
    """Median of abs(value - center), [draws], with the median as in `quantile`.

    Args:
      center: centre of each sample, [draws].
    """
    half = 0.5 * self.sum
    # The two values that a median averages: where half of the weight is reached, and exceeded.
    lower = np.zeros((2, center.size))
    upper = np.tile(np.abs(self.values[[0, -1], None] - center).max(axis=0), (2, 1))
    inside_lower, inside_upper = np.zeros(lower.shape, int), np.full(upper.shape, self.values.size)
    reached = np.empty(lower.shape, bool)
    for _ in range(_HALVINGS):
      middle = 0.5 * (lower + upper)
      first, last = self._range(center - middle, center + middle)
      weight, inside = self._weight_of(first, last), last - first
      np.greater_equal(weight[0], half, out=reached[0])
      np.greater(weight[1], half, out=reached[1])
      for bound, number, where in ((upper, inside_upper, reached),
                                   (lower, inside_lower, ~reached)):
        np.copyto(bound, middle, where=where)
        np.copyto(number, inside, where=where)
      if (inside_upper - inside_lower).max() <= 1:
        break  # at most one value is left between the bounds
    first, last = self._range(center - upper, center + upper)
    ends = np.clip(np.stack([first, last - 1]), 0, self.values.size - 1)
    return np.abs(self.values[ends] - center).max(axis=0).mean(axis=0)

  def _range(self, lower, upper):
    """Index of the first value in [lower, upper], and of the first one beyond."""
    return self.values.searchsorted(lower, "left"), self.values.searchsorted(upper, "right")

  def _weight_of(self, first, last):
    """Weight of the values [first, last) in each sample; bounds [..., draws]."""
    return self._total[last + self._start] - self._total[first + self._start]


def single(values: np.ndarray, weights: np.ndarray) -> Draws:
  """The sample itself, as one draw.

  Args:
    values: the values, [n] float64, in any order.
    weights: weight of each value, [n] float64, positive.
  """
  order = np.argsort(values, kind="stable")
  return Draws(values[order], weights[order][None], effective_number(weights))


def effective_number(weights: np.ndarray) -> float:
  """Kish's effective sample size, (sum of weights)^2 / (sum of squared weights).

  So many galaxies of equal weight would give the same error of the mean.

  Args:
    weights: weight of each galaxy, [n].

  Returns:
    The number of galaxies if all weights are equal, else less.
  """
  return float(weights.sum() ** 2 / np.sum(weights ** 2))
