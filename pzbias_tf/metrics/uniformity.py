"""Distances of PIT values from the uniform distribution.

scipy has the first two (`scipy.stats.kstest`, `cramervonmises`) for values of
equal weight, and the tests compare with it.  Here they are computed with weights,
and for many bootstraps at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

import numpy as np

from pzbias_tf import arguments
from pzbias_tf.metrics.draws import Draws, single

_AD_CLIP = 1e-6
_BLOCK = 1 << 15  # numbers at a time, which stay in the cache


class PitDistances(NamedTuple):
  """Distances of PIT values from the uniform distribution, as in RAIL; 0 is best.

  F_n is the distribution function of the values.  n is the number of galaxies or,
  with weights, the effective number (sum of weights)^2 / (sum of squares).

  Attributes:
    ks: Kolmogorov-Smirnov, max abs(F_n(u) - u), in [0, 1].
    cvm: Cramer-von Mises, n x integral of (F_n(u) - u)^2 du.
    ad: Anderson-Darling, n x integral of (F_n(u) - u)^2 / (u (1 - u)) du, with
      values clipped to [1e-6, 1 - 1e-6], since it is infinite at 0 and 1.
  """

  ks: Any
  cvm: Any
  ad: Any


def pit_distances(values: np.ndarray, *, weights: np.ndarray | None = None) -> PitDistances:
  """Distances of PIT values from the uniform distribution.

  Args:
    values: PIT values, [n], in [0, 1].
    weights: weight of each galaxy, [n], not negative; 1 unless given.

  Returns:
    Kolmogorov-Smirnov, Cramer-von Mises and Anderson-Darling statistics.

  Raises:
    ValueError: the column is empty, not finite, or outside [0, 1], or the
      weights are not valid.
  """
  weights, values = arguments.weighted_columns(weights, pit=values)
  if values.min() < 0.0 or values.max() > 1.0:
    raise ValueError(
        f"pit spans [{values.min()}, {values.max()}]; pass the values that pit() returns, "
        "in [0, 1]")
  return PitDistances(*(float(number[0]) for number in distances(single(values, weights))))


def distances(draws: Draws, logs: Sequence[np.ndarray] | None = None) -> PitDistances:
  """The distances of many samples of the same PIT values.

  Args:
    draws: the samples; their values are PIT values.
    logs: `logarithms` of the values, in their order; computed unless given.

  Returns:
    The three distances, [draws] each.
  """
  sums, num = np.zeros((3, draws.sum.size)), draws.values.size
  log, log_rest = logarithms(draws.values) if logs is None else logs
  at_once = max(1, _BLOCK // draws.sum.size)
  for part in (slice(start, min(start + at_once, num)) for start in range(0, num, at_once)):
    ks, cramer, anderson = _of_values(draws, part, log[part], log_rest[part])
    sums = np.stack([np.maximum(sums[0], ks), sums[1] + cramer, sums[2] + anderson])
  cramer = sums[1] + (1.0 - draws.values[-1]) ** 3 / 3.0  # beyond the last value, where F is 1
  return PitDistances(sums[0], draws.number * cramer, draws.number * (sums[2] - 1.0))


def _of_values(draws, part, log, log_rest):
  """What some of the values add to the three distances.

  Between two values, F is constant.  With the middle m of that interval and its width w, the
  integral of (F(u) - u)^2 is w ((F - m)^2 + w^2 / 12).  The integrand (F(u) - u)^2 / (u (1 - u))
  is F^2 / u + (1 - F)^2 / (1 - u) - 1, whose integral is a sum of logarithms of the values.
  """
  below, with_own = draws.cdf(part)
  values = draws.values[part]
  lower = np.append(draws.values[part.start - 1] if part.start else 0.0, values[:-1])
  width, gap = values - lower, below - 0.5 * (lower + values)
  share, both = with_own - below, with_own + below
  return (np.maximum(np.max(with_own - values, axis=1), np.max(values - below, axis=1)),
          np.einsum("dn,n->d", gap * gap, width) + np.sum(width ** 3) / 12.0,
          np.einsum("dn,n->d", share * both, log_rest - log)
          - 2.0 * np.einsum("dn,n->d", share, log_rest))


def logarithms(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Logarithms of PIT values and of what they lack to 1, [n] each, for `distances`."""
  inner = np.clip(values, _AD_CLIP, 1.0 - _AD_CLIP)
  return np.log(inner), np.log1p(-inner)
