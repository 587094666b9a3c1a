"""Whether a correction of estimates helps: the residual of other galaxies, before and after."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pzbias_tf import arguments, cells
from pzbias_tf.metrics.bootstrap import Bootstrap, Measurement
from pzbias_tf.metrics.point import normalized_residual
from pzbias_tf.metrics.rms_residual import weighted_rms
from pzbias_tf.survey import Survey


class ResidualChange(NamedTuple):
  """Root mean square of the residual against z_photo, each wide bin weighted by its galaxies.

  Attributes:
    before: that of the estimates as they were.
    after: that of the corrected ones.
    change: after - before, with its error: a bootstrap draws the same galaxies for both.
  """

  before: float
  after: float
  change: Measurement


def residual_change(z_spec: np.ndarray, before: np.ndarray, after: np.ndarray, survey: Survey, *,
                    weights: np.ndarray | None = None,
                    bootstrap: Bootstrap = Bootstrap()) -> ResidualChange:
  """Compares `residuals.rms_by_galaxies` of estimates before and after a correction.

  Args:
    z_spec: spectroscopic redshifts of galaxies on which it was not fitted, [n].
    before: their point estimates, [n].
    after: the corrected ones, [n].
    survey: the survey.
    weights: weight of each galaxy, [n]; 1 unless given.
    bootstrap: how the error is estimated.

  Raises:
    ValueError: the columns differ in length, are empty or not finite, or a weight
      is not valid.
  """
  weights, z_spec, before, after = arguments.weighted_columns(
      weights, z_spec=z_spec, before=before, after=after)
  curves = [(cells.wide_cell(z, survey), normalized_residual(z_spec, z)) for z in (before, after)]
  first, second = (weighted_rms(cell, dz, weights) for cell, dz in curves)
  rng, changes = np.random.default_rng(bootstrap.seed), []
  for _ in range(bootstrap.number):
    drawn = weights * np.bincount(rng.integers(z_spec.size, size=z_spec.size),
                                  minlength=z_spec.size)
    sizes = [weighted_rms(cell, dz, drawn) for cell, dz in curves]
    changes.append(sizes[1] - sizes[0])
  return ResidualChange(first, second, Measurement(second - first, float(np.std(changes))))
