"""From magnitude rows to redshift outputs: which output learns from which galaxy.

Each of the m redshift outputs of Steps 1 to 3 covers a range of r.  Neighbouring
outputs share a magnitude row, so that the estimate changes smoothly with
magnitude.  The training labels, the soft labels of Step 3 and the variances of
the metrics all use this file.

Source: Lin et al. 2022 (multi-channel output unit).
"""

from __future__ import annotations

import numpy as np

from pzbias_tf import arguments
from pzbias_tf.survey import Survey


def row_membership(survey: Survey) -> np.ndarray:
  """Which outputs each magnitude row belongs to.

  Magnitude row j belongs to output j // 2 and, if j is odd, also to output
  j // 2 + 1: output k covers those of the magnitude rows 2k - 1, 2k and 2k + 1
  that exist.

  Args:
    survey: the survey.

  Returns:
    [rows, outputs] float32 of 0 and 1; each magnitude row sums to 1 or 2.
  """
  magnitude_row = np.arange(survey.rows)
  matrix = np.zeros((survey.rows, survey.outputs), np.float32)
  matrix[magnitude_row, magnitude_row // 2] = 1.0
  matrix[magnitude_row, (magnitude_row + 1) // 2] = 1.0
  return matrix


def membership(r_mag: np.ndarray, survey: Survey) -> np.ndarray:
  """Which outputs each galaxy belongs to.

  Args:
    r_mag: r magnitudes, [n]; those off the grid count in the edge rows.
    survey: the survey.

  Returns:
    [n, outputs] float32 of 0 and 1.

  Raises:
    ValueError: `r_mag` is empty, not one-dimensional, or not finite.
  """
  (r_mag,) = arguments.columns(r_mag=r_mag)
  return row_membership(survey)[survey.magnitude_row(r_mag)]


def magnitude_targets(r_mag: np.ndarray, survey: Survey) -> np.ndarray:
  """Targets of the magnitude output: the membership divided by its sum.

  Args:
    r_mag: r magnitudes, [n].
    survey: the survey.

  Returns:
    [n, outputs] float32: 1 at the output of a galaxy that belongs to one, 1/2 at
    both outputs of a galaxy that belongs to two, else 0.

  Raises:
    ValueError: as in `membership`.
  """
  (r_mag,) = arguments.columns(r_mag=r_mag)
  return row_magnitude_targets(survey)[survey.magnitude_row(r_mag)]


def row_magnitude_targets(survey: Survey) -> np.ndarray:
  """`magnitude_targets` of each magnitude row, [rows, outputs] float32."""
  members = row_membership(survey)
  return members / members.sum(axis=1, keepdims=True)


def hard_targets(z_spec: np.ndarray, r_mag: np.ndarray, survey: Survey) -> np.ndarray:
  """Redshift targets of Steps 1 and 2.

  Outputs that the galaxy belongs to get the one-hot label at its redshift bin;
  all others get the flat label 1 / bins.

  Args:
    z_spec: spectroscopic redshifts, [n]; clipped to the grid.
    r_mag: r magnitudes, [n].
    survey: the survey.

  Returns:
    [n, outputs, bins] float32; each label sums to 1.

  Raises:
    ValueError: the columns differ in length, are empty, or not finite.
  """
  z_spec, r_mag = arguments.columns(z_spec=z_spec, r_mag=r_mag)
  galaxy, output = np.nonzero(membership(r_mag, survey))
  targets = np.full((z_spec.size, survey.outputs, survey.bins), 1.0 / survey.bins, np.float32)
  targets[galaxy, output] = 0.0
  targets[galaxy, output, survey.redshift_bin(z_spec)[galaxy]] = 1.0
  return targets
