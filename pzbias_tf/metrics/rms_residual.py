"""Root mean squares of the mean residual in wide bins of z_photo, with their errors.

The plain one counts all bins alike, as published: bins of a few galaxies, whose means are noise,
dominate it.  Weighted by galaxies, they hardly count.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

import numpy as np

from pzbias_tf import arguments, cells
from pzbias_tf.metrics.bootstrap import Bootstrap
from pzbias_tf.metrics.point import normalized_residual
from pzbias_tf.survey import Survey

RMS, WEIGHTED_RMS = "rms_residual_z_photo", "rms_residual_z_photo_by_galaxies"


class RmsSample(NamedTuple):
  """Both root mean squares of an estimate: plain and weighted by galaxies.

  Attributes:
    value: of the sample, [2]; NaN where all galaxies are off the bins.
    drawn: of each bootstrap, [bootstraps, 2].
    galaxies: their number.
  """

  value: np.ndarray
  drawn: np.ndarray
  galaxies: int

  def summary(self) -> dict[str, Any]:
    """As `rms_with_errors` returns it."""
    errors = np.std(self.drawn, axis=0) if self.galaxies > 1 else np.full(2, np.nan)
    return {WEIGHTED_RMS: float(self.value[1]),
            "errors": {RMS: float(errors[0]), WEIGHTED_RMS: float(errors[1])}}


def rms_samples(z_spec: np.ndarray, estimates: Sequence[np.ndarray], survey: Survey, *,
                weights: np.ndarray | None = None,
                bootstrap: Bootstrap = Bootstrap()) -> list[RmsSample]:
  """The root mean squares of several estimates of the same galaxies, with the same bootstraps.

  Args:
    z_spec: spectroscopic redshifts, [n].
    estimates: point estimates, [n] each.
    survey: the survey.
    weights: weight of each galaxy, [n]; 1 unless given.
    bootstrap: how the errors are estimated.

  Raises:
    ValueError: the columns differ in length, are empty or not finite, or a weight
      is not valid.
  """
  named = {f"z_photo {number}": own for number, own in enumerate(estimates)}
  weights, z_spec, *estimates = arguments.weighted_columns(weights, z_spec=z_spec, **named)
  curves = [(cells.wide_cell(z, survey), normalized_residual(z_spec, z)) for z in estimates]
  rng, size, drawn = np.random.default_rng(bootstrap.seed), z_spec.size, []
  for _ in range(bootstrap.number):
    times = weights * np.bincount(rng.integers(size, size=size), minlength=size)
    drawn.append([_both(cell, dz, times) for cell, dz in curves])
  return [RmsSample(np.array(_both(cell, dz, weights)), own, size)
          for (cell, dz), own in zip(curves, np.moveaxis(np.array(drawn), 1, 0))]


def rms_with_errors(z_spec: np.ndarray, z_photo: np.ndarray, survey: Survey, *,
                    weights: np.ndarray | None = None,
                    bootstrap: Bootstrap = Bootstrap()) -> dict[str, Any]:
  """The weighted root mean square, and the errors of both.

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    survey: the survey.
    weights: weight of each galaxy, [n]; 1 unless given.
    bootstrap: how the errors are estimated.

  Returns:
    {WEIGHTED_RMS: number, "errors": {RMS: error, WEIGHTED_RMS: error}}; NaN where
    all galaxies are off the bins, errors also for a single galaxy.
  """
  (sample,) = rms_samples(z_spec, [z_photo], survey, weights=weights, bootstrap=bootstrap)
  return sample.summary()


def _both(cell, dz, weights):
  """The plain and the weighted root mean square."""
  total = np.bincount(cell, weights, cells.WIDE_CELLS)[1:-1]
  sums = np.bincount(cell, weights * dz, cells.WIDE_CELLS)[1:-1]
  filled = total > 0.0
  if not filled.any():
    return float("nan"), float("nan")
  squares = sums[filled] ** 2 / total[filled]
  return (float(np.sqrt(np.mean(squares / total[filled]))),
          float(np.sqrt(np.sum(squares) / total.sum())))
