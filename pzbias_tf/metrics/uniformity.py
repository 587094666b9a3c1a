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
  cdf, values = draws.cdf(), draws.values
  ks = np.maximum(np.max(cdf[:, 1:] - values, axis=1), np.max(values - cdf[:, :-1], axis=1))
  return PitDistances(ks, draws.number * _cramer(cdf, values), draws.number * _anderson(
      cdf, *(logarithms(values) if logs is None else logs)))


def logarithms(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Logarithms of PIT values and of what they lack to 1, [n] each, for `distances`."""
  inner = np.clip(values, _AD_CLIP, 1.0 - _AD_CLIP)
  return np.log(inner), np.log1p(-inner)


def _cramer(cdf, values):
  """Integral of (F(u) - u)^2, exact, since F is constant between values."""
  edges = np.concatenate([[0.0], values, [1.0]])
  below, above = cdf - edges[:-1], cdf - edges[1:]
  return (below ** 2 + below * above + above ** 2) @ np.diff(edges) / 3.0


def _anderson(cdf, log, log_rest):
  """Integral of (F(u) - u)^2 / (u (1 - u)), exact.

  The integrand is F^2 / u + (1 - F)^2 / (1 - u) - 1.  F is constant between
  values, so the integral is a sum of logarithms of the values.
  """
  return (-1.0 - np.diff(cdf ** 2, axis=1) @ log
          + np.diff((1.0 - cdf) ** 2, axis=1) @ log_rest)
