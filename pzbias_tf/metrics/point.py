"""Metrics of point estimates: bias, scatter and outliers of the residuals.

Two conventions are in use, and every function names the one that it follows: that
of Lin et al. 2022 (mean residual, sigma_MAD, eta), and that of RAIL and the LSST
photo-z community (median bias, sigma_IQR, outliers relative to the scatter;
functions whose names end in `_rail`).  sigma_68 is that of the Dark Energy Survey.

Throughout, dz = (z_photo - z_spec) / (1 + z_spec).  Medians and quantiles are
those of `draws.Draws.quantile`.  Weights, for instance of a reweighted n(z), may be
in any unit; galaxies of weight 0 are left out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pzbias_tf import arguments
from pzbias_tf.metrics.bootstrap import Bootstrap, GroupMetric, Measured, by_group
from pzbias_tf.metrics.draws import Draws, single
from pzbias_tf.survey import Survey

_MAD_TO_SIGMA = 1.4826
_IQR_TO_SIGMA = 1.0 / 1.349
_RAIL_MIN_OUTLIER = 0.06


class MagnitudeCurve(NamedTuple):
  """A quantity by magnitude bin; NaN in bins without galaxies.

  Attributes:
    r_mag: r magnitude of each bin, [bins]: its centre or the mean of its galaxies,
      as the function that made the curve says.
    mean: mean over bootstraps, [bins].
    error: standard deviation over bootstraps, [bins]; NaN for a single galaxy.
  """

  r_mag: np.ndarray
  mean: np.ndarray
  error: np.ndarray


def normalized_residual(z_spec: np.ndarray, z_photo: np.ndarray) -> np.ndarray:
  """The residuals dz = (z_photo - z_spec) / (1 + z_spec).

  Args:
    z_spec: spectroscopic redshifts, [n], above -1.
    z_photo: point estimates, [n].

  Returns:
    dz, [n] float64.

  Raises:
    ValueError: the columns differ in length, are empty or not finite, or a
      z_spec is -1 or below.
  """
  z_spec, z_photo = arguments.columns(z_spec=z_spec, z_photo=z_photo)
  if np.any(z_spec <= -1.0):
    raise ValueError(
        f"z_spec = {z_spec.min()}, but 1 + z_spec must be positive; leave out galaxies with "
        "placeholder redshifts")
  return (z_photo - z_spec) / (1.0 + z_spec)


def _sample(z_spec, z_photo, weights):
  """The dz of the sample, as one draw."""
  dz = normalized_residual(z_spec, z_photo)
  weights, dz = arguments.weighted_columns(weights, dz=dz)
  return single(dz, weights)


def mean_residual(
    z_spec: np.ndarray, z_photo: np.ndarray, *,
    weights: np.ndarray | None = None) -> float:
  """Mean dz (Lin et al. 2022).

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    weights: weight of each galaxy, [n], not negative; 1 unless given.

  Returns:
    The mean of dz, dimensionless.

  Raises:
    ValueError: as `normalized_residual`, or a weight is not valid.
  """
  return float(_sample(z_spec, z_photo, weights).mean()[0])


def sigma_mad(
    z_spec: np.ndarray, z_photo: np.ndarray, *,
    weights: np.ndarray | None = None) -> float:
  """Scatter sigma_MAD = 1.4826 x median(abs(dz - median dz)) (Lin et al. 2022).

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    weights: weight of each galaxy, [n], not negative; 1 unless given.

  Returns:
    The scatter of dz, dimensionless.

  Raises:
    ValueError: as `normalized_residual`, or a weight is not valid.
  """
  return float(_sigma_mad(_sample(z_spec, z_photo, weights))[0])


def _sigma_mad(draws):
  return _mad_about(draws, draws.quantile(0.5))


def _mad_about(draws, median):
  return _MAD_TO_SIGMA * draws.median_deviation(median)


def outlier_fraction(
    z_spec: np.ndarray, z_photo: np.ndarray, survey: Survey, *,
    weights: np.ndarray | None = None) -> float:
  """Outlier fraction eta, with abs(dz) above the survey's threshold (Lin et al. 2022).

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    survey: the survey; its `outlier_threshold` is 0.05 for SDSS and 0.15 for CFHTLS.
    weights: weight of each galaxy, [n], not negative; 1 unless given.

  Returns:
    A fraction in [0, 1].

  Raises:
    ValueError: as `normalized_residual`, or a weight is not valid.
  """
  return float(_sample(z_spec, z_photo, weights).share_beyond(survey.outlier_threshold)[0])


def sigma_68(
    z_spec: np.ndarray, z_photo: np.ndarray, *,
    weights: np.ndarray | None = None) -> float:
  """Half the width of the central 68% of dz, (q84 - q16) / 2 (Sanchez et al. 2014).

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    weights: weight of each galaxy, [n], not negative; 1 unless given.

  Returns:
    The scatter of dz, dimensionless.

  Raises:
    ValueError: as `normalized_residual`, or a weight is not valid.
  """
  return float(_sigma_68(_sample(z_spec, z_photo, weights))[0])


def _sigma_68(draws):
  return _half_width(*draws.quantiles([0.16, 0.84]))


def _half_width(lower, upper):
  return 0.5 * (upper - lower)


def bias_rail(
    z_spec: np.ndarray, z_photo: np.ndarray, *,
    weights: np.ndarray | None = None) -> float:
  """Median dz (RAIL's convention).

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    weights: weight of each galaxy, [n], not negative; 1 unless given.

  Returns:
    The median of dz, dimensionless.

  Raises:
    ValueError: as `normalized_residual`, or a weight is not valid.
  """
  return float(_sample(z_spec, z_photo, weights).quantile(0.5)[0])


def sigma_iqr_rail(
    z_spec: np.ndarray, z_photo: np.ndarray, *,
    weights: np.ndarray | None = None) -> float:
  """Interquartile range of dz, divided by 1.349 (RAIL's convention).

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    weights: weight of each galaxy, [n], not negative; 1 unless given.

  Returns:
    The scatter of dz, dimensionless.

  Raises:
    ValueError: as `normalized_residual`, or a weight is not valid.
  """
  return float(_sigma_iqr(_sample(z_spec, z_photo, weights))[0])


def _sigma_iqr(draws):
  return _iqr(*draws.quantiles([0.25, 0.75]))


def _iqr(lower, upper):
  return _IQR_TO_SIGMA * (upper - lower)


def outlier_fraction_rail(
    z_spec: np.ndarray, z_photo: np.ndarray, *,
    weights: np.ndarray | None = None) -> float:
  """Fraction of galaxies with abs(dz) > max(0.06, 3 sigma_IQR) (RAIL's convention).

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    weights: weight of each galaxy, [n], not negative; 1 unless given.

  Returns:
    A fraction in [0, 1].

  Raises:
    ValueError: as `normalized_residual`, or a weight is not valid.
  """
  draws = _sample(z_spec, z_photo, weights)
  return float(_outliers_rail(draws, _sigma_iqr(draws))[0])


def _outliers_rail(draws, sigma_iqr):
  return draws.share_beyond(np.maximum(_RAIL_MIN_OUTLIER, 3.0 * sigma_iqr))


def point_metrics(
    z_spec: np.ndarray, z_photo: np.ndarray, group: np.ndarray, num_groups: int, survey: Survey, *,
    weights: np.ndarray | None = None,
    bootstrap: Bootstrap = Bootstrap()) -> dict[str, GroupMetric]:
  """Every metric of this file, for each group of galaxies, with errors.

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    group: group of each galaxy, [n] integers in [0, num_groups).
    num_groups: number of groups.
    survey: the survey, for the threshold of `outlier_fraction`.
    weights: weight of each galaxy, [n]; 1 unless given.
    bootstrap: how errors are estimated.

  Returns:
    {name of the function: its value and error in each group}.

  Raises:
    ValueError: as `normalized_residual`, or a weight is not valid.
  """
  weights, group, dz = arguments.weighted_columns(
      weights, group=group, dz=normalized_residual(z_spec, z_photo))
  return by_group([measured(dz, survey)], group.astype(np.int64), num_groups, weights=weights,
                  bootstrap=bootstrap)


def measured(dz: np.ndarray, survey: Survey) -> Measured:
  """The metrics of this file, as `bootstrap.by_group` takes them.

  Args:
    dz: residuals, [n].
    survey: as in `point_metrics`.
  """
  def statistics(draws: Draws, _) -> dict[str, np.ndarray]:
    q16, q25, median, q75, q84 = draws.quantiles([0.16, 0.25, 0.5, 0.75, 0.84])
    return {
        "mean_residual": draws.mean(), "sigma_mad": _mad_about(draws, median),
        "outlier_fraction": draws.share_beyond(survey.outlier_threshold),
        "sigma_68": _half_width(q16, q84), "bias_rail": median,
        "sigma_iqr_rail": _iqr(q25, q75),
        "outlier_fraction_rail": _outliers_rail(draws, _iqr(q25, q75))}

  return Measured(dz, statistics, {})


def sigma_mad_by_magnitude(
    z_spec: np.ndarray, z_photo: np.ndarray, r_mag: np.ndarray, survey: Survey, *,
    num_bootstrap: int = 100, seed: int = 0,
    weights: np.ndarray | None = None) -> MagnitudeCurve:
  """sigma_MAD in each magnitude row (Lin et al. 2022), bootstrapped within the magnitude row.

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    r_mag: r magnitudes, [n]; the first and the last magnitude row are open-ended.
    survey: the survey.
    num_bootstrap: number of bootstraps, at least 2.
    seed: seed of the bootstraps, not negative.
    weights: weight of each galaxy, [n]; 1 unless given.

  Returns:
    A curve of length rows, at the mean r of the galaxies of each magnitude row;
    all three are NaN in a magnitude row without galaxies.

  Raises:
    ValueError: as in `normalized_residual`, a setting is out of range, or the
      weights are not valid.
  """
  dz = normalized_residual(z_spec, z_photo)
  weights, dz, r_mag = arguments.weighted_columns(weights, dz=dz, r_mag=r_mag)
  scatter = by_group(
      [Measured(dz, lambda draws, _: {"sigma_mad": _sigma_mad(draws)}, {})],
      survey.magnitude_row(r_mag), survey.rows, weights=weights,
      bootstrap=Bootstrap(number=num_bootstrap, seed=seed))["sigma_mad"]
  return MagnitudeCurve(mean_by_magnitude_row(r_mag, r_mag, weights, survey), scatter.mean,
                        scatter.error)


def mean_by_magnitude_row(
    column: np.ndarray, r_mag: np.ndarray, weights: np.ndarray, survey: Survey) -> np.ndarray:
  """Weighted mean of a column [n] in each magnitude row, [rows]; NaN in empty ones."""
  magnitude_row = survey.magnitude_row(r_mag)
  total = np.bincount(magnitude_row, weights, survey.rows)
  sums = np.bincount(magnitude_row, weights * column, survey.rows)
  return np.where(total > 0, sums / np.where(total > 0, total, 1.0), np.nan)
