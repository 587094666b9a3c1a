"""Metrics of point estimates.

Two conventions are in use, and every function says which it follows: that of
Lin et al. 2022 (mean residual, sigma_MAD, eta), and that of RAIL and the LSST
photo-z community (median bias, sigma_IQR, outliers relative to the scatter;
functions whose name ends in `_rail`).

Throughout dz = (z_photo - z_spec) / (1 + z_spec).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pzbias_tf.bias import checks
from pzbias_tf.survey import Survey

_MAD_TO_SIGMA = 1.4826
_IQR_TO_SIGMA = 1.0 / 1.349
_RAIL_MIN_OUTLIER = 0.06


class MagnitudeCurve(NamedTuple):
  """A quantity by magnitude bin; NaN where a bin holds no galaxies.

  Attributes:
    r_mag: magnitude of each bin, [bins]; what it is, the function says.
    mean: mean over bootstraps, [bins].
    error: standard deviation over bootstraps, [bins].
  """

  r_mag: np.ndarray
  mean: np.ndarray
  error: np.ndarray


def normalized_residual(z_spec: np.ndarray, z_photo: np.ndarray) -> np.ndarray:
  """dz = (z_photo - z_spec) / (1 + z_spec), [n] float64.

  Args:
    z_spec: spectroscopic redshifts, [n], above -1.
    z_photo: point estimates, [n].

  Raises:
    ValueError: the columns differ in length, are empty or not finite, or a
      z_spec is -1 or below.
  """
  z_spec, z_photo = checks.columns(z_spec=z_spec, z_photo=z_photo)
  if np.any(z_spec <= -1.0):
    raise ValueError(
        f"z_spec = {z_spec.min()} makes 1 + z_spec vanish; leave out galaxies with "
        "placeholder redshifts")
  return (z_photo - z_spec) / (1.0 + z_spec)


def mean_residual(z_spec: np.ndarray, z_photo: np.ndarray) -> float:
  """Mean dz (Lin et al. 2022).

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].

  Raises:
    ValueError: as `normalized_residual`.
  """
  return float(np.mean(normalized_residual(z_spec, z_photo)))


def sigma_mad(z_spec: np.ndarray, z_photo: np.ndarray) -> float:
  """1.4826 x median(abs(dz - median dz)) (Lin et al. 2022).

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].

  Raises:
    ValueError: as `normalized_residual`.
  """
  return float(_sigma_mad(normalized_residual(z_spec, z_photo)))


def _sigma_mad(dz):
  """sigma_MAD of normalised residuals along the last axis."""
  deviation = np.abs(dz - np.median(dz, axis=-1, keepdims=True))
  return _MAD_TO_SIGMA * np.median(deviation, axis=-1)


def outlier_fraction(z_spec: np.ndarray, z_photo: np.ndarray, survey: Survey) -> float:
  """eta: fraction with abs(dz) above the survey's threshold (Lin et al. 2022).

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    survey: gives the threshold, 0.05 for SDSS and 0.15 for CFHTLS.

  Returns:
    A fraction in [0, 1].

  Raises:
    ValueError: as `normalized_residual`.
  """
  dz = normalized_residual(z_spec, z_photo)
  return float(np.mean(np.abs(dz) > survey.outlier_threshold))


def bias_rail(z_spec: np.ndarray, z_photo: np.ndarray) -> float:
  """Median dz (RAIL convention).

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].

  Raises:
    ValueError: as `normalized_residual`.
  """
  return float(np.median(normalized_residual(z_spec, z_photo)))


def sigma_iqr_rail(z_spec: np.ndarray, z_photo: np.ndarray) -> float:
  """Interquartile range of dz divided by 1.349 (RAIL convention).

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].

  Raises:
    ValueError: as `normalized_residual`.
  """
  lower, upper = np.percentile(normalized_residual(z_spec, z_photo), [25.0, 75.0])
  return float((upper - lower) * _IQR_TO_SIGMA)


def outlier_fraction_rail(z_spec: np.ndarray, z_photo: np.ndarray) -> float:
  """Fraction with abs(dz) > max(0.06, 3 sigma_IQR) (RAIL convention).

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].

  Returns:
    A fraction in [0, 1].

  Raises:
    ValueError: as `normalized_residual`.
  """
  dz = normalized_residual(z_spec, z_photo)
  limit = max(_RAIL_MIN_OUTLIER, 3.0 * sigma_iqr_rail(z_spec, z_photo))
  return float(np.mean(np.abs(dz) > limit))


def sigma_mad_by_magnitude(
    z_spec: np.ndarray, z_photo: np.ndarray, r_mag: np.ndarray, survey: Survey, *,
    num_bootstrap: int = 100, seed: int = 0) -> MagnitudeCurve:
  """sigma_MAD of each magnitude row, bootstrapped within the row.

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    r_mag: r magnitudes, [n]; the first and the last row are open-ended.
    survey: the survey.
    num_bootstrap: number of bootstraps, at least 2.
    seed: not negative.

  Returns:
    A curve of length rows, with the mean r of each row; NaN in all three where
    a row holds no galaxies.

  Raises:
    ValueError: as `normalized_residual`, or a setting is out of range.
  """
  dz = normalized_residual(z_spec, z_photo)
  _, r_mag = checks.columns(z_spec=z_spec, r_mag=r_mag)
  num_bootstrap = checks.whole_number(num_bootstrap, "num_bootstrap", lowest=2)
  seed = checks.whole_number(seed, "seed", lowest=0)
  row_of = survey.magnitude_row(r_mag)
  curve = MagnitudeCurve(*(np.full(survey.rows, np.nan) for _ in range(3)))
  for row in np.unique(row_of):
    own = dz[row_of == row]
    rng = np.random.default_rng((seed, int(row)))
    draws = [
        _sigma_mad(own[rng.integers(own.size, size=own.size)]) for _ in range(num_bootstrap)]
    curve.r_mag[row] = np.mean(r_mag[row_of == row])
    curve.mean[row], curve.error[row] = np.mean(draws), np.std(draws)
  return curve
