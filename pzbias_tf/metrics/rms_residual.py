"""Root mean squares of the mean residual in wide bins of z_photo, with their errors.

The plain one counts all bins alike, as published: bins of a few galaxies, whose means are noise,
dominate it.  Weighted by galaxies, they hardly count.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pzbias_tf import arguments, cells
from pzbias_tf.metrics.bootstrap import Bootstrap
from pzbias_tf.metrics.point import normalized_residual
from pzbias_tf.survey import Survey

RMS, WEIGHTED_RMS = "rms_residual_z_photo", "rms_residual_z_photo_by_galaxies"


def weighted_rms(cell: np.ndarray, dz: np.ndarray, weights: np.ndarray) -> float:
  """Root mean square over the wide bins of their mean dz, weighted by galaxies.

  Args:
    cell: `cells.wide_cell` of each galaxy, [n].
    dz: residuals, [n].
    weights: weight of each galaxy, [n].

  Returns:
    The root mean square; NaN where all galaxies are off the bins.
  """
  return _both(cell, dz, weights)[1]


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
  weights, z_spec, z_photo = arguments.weighted_columns(weights, z_spec=z_spec, z_photo=z_photo)
  cell, dz = cells.wide_cell(z_photo, survey), normalized_residual(z_spec, z_photo)
  rng, drawn = np.random.default_rng(bootstrap.seed), []
  for _ in range(bootstrap.number):
    times = np.bincount(rng.integers(dz.size, size=dz.size), minlength=dz.size)
    drawn.append(_both(cell, dz, weights * times))
  errors = np.std(drawn, axis=0) if dz.size > 1 else np.full(2, np.nan)
  return {WEIGHTED_RMS: weighted_rms(cell, dz, weights),
          "errors": {RMS: float(errors[0]), WEIGHTED_RMS: float(errors[1])}}


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
