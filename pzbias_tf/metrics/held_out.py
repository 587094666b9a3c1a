"""Whether a correction of estimates helps: the residual of other galaxies, before and after."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pzbias_tf.metrics.bootstrap import Bootstrap, Measurement
from pzbias_tf.metrics.rms_residual import RmsSample, rms_samples
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
  return change_between(*rms_samples(
      z_spec, [before, after], survey, weights=weights, bootstrap=bootstrap))


def change_between(before: RmsSample, after: RmsSample) -> ResidualChange:
  """`residual_change` of estimates whose root mean squares are known, by `rms_samples`."""
  (_, first), (_, second) = before.value.tolist(), after.value.tolist()
  changes = after.drawn[:, 1] - before.drawn[:, 1]
  return ResidualChange(first, second, Measurement(second - first, float(np.std(changes))))
