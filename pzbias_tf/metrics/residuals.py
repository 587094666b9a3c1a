"""Residual curves: how the mean residual depends on z_spec or on z_photo.

A slope against z_spec or z_photo is the class-dependent bias that Steps 2 to 4
remove.  Curves have a fixed length, one value per wide redshift bin (there are
40), so that a bin keeps its index even if others are empty.

Source: Lin et al. 2022 (evaluation of residuals).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pzbias_tf import arguments, cells
from pzbias_tf.bias import channels, scatter
from pzbias_tf.bias.dispersion import fit_dispersions
from pzbias_tf.metrics import point
from pzbias_tf.survey import WIDE_BINS, Survey

_MIN_VARIANCE = 1e-5


class Curve(NamedTuple):
  """A residual curve over the wide redshift bins.

  Attributes:
    z: centres of the wide bins, [40] float64.
    mean: mean dz of each bin, [40] float64; NaN where a bin has no galaxies.
    error: its standard error, [40] float64; NaN where it is unknown.
  """

  z: np.ndarray
  mean: np.ndarray
  error: np.ndarray


class LineFit(NamedTuple):
  """A straight line and its errors, scaled by the scatter about the line.

  Attributes:
    slope: change of dz per unit of redshift.
    intercept: dz at redshift 0.
    slope_error: standard error of the slope.
    intercept_error: standard error of the intercept.
  """

  slope: float
  intercept: float
  slope_error: float
  intercept_error: float


def _closed_above_row(r_mag, survey):
  """Magnitude row of each galaxy, for rows that are closed above: (lower, upper].

  With magnitude rows of 0.5 mag, output k covers r in (r_min - 0.5 + k,
  r_min + 1 + k]; the first and the last output are open-ended.
  """
  magnitude_row = np.ceil((r_mag - survey.r_min) / survey.r_step) - 1
  return np.clip(magnitude_row, 0, survey.rows - 1).astype(np.int64)


def variances(
    z_spec: np.ndarray, z_photo: np.ndarray, r_mag: np.ndarray, sigma_disp: np.ndarray,
    survey: Survey, *, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
  """Variance of z_photo - z_spec by redshift bin and magnitude (Lin et al. 2022).

  For each output, it is (median + mean) / 2 of the squared residuals in each
  redshift bin of z_spec, smoothed by the output's dispersion as in
  `scatter.smooth`.  A galaxy or a magnitude row that belongs to two outputs gets
  the mean of the two.

  Args:
    z_spec: spectroscopic redshifts, [n]; clipped to the un-extended grid.
    z_photo: point estimates, [n].
    r_mag: r magnitudes, [n].
    sigma_disp: dispersion of each output, [outputs], in bins: those of Step 3's
      labels, or fitted on these predictions (`dispersion.fit_dispersions`).
    survey: the survey.
    weights: weight of each galaxy in medians and means, [n], not negative; 1
      unless given.

  Returns:
    The variance of each galaxy, [n] float64, and by magnitude row and redshift
    bin, [rows, bins] float64; 0 in bins outside the range that an output's
    galaxies span.

  Raises:
    ValueError: the columns differ in length, are empty or not finite, or
      `sigma_disp` does not hold one number per output, none negative.
  """
  z_spec, z_photo, r_mag = arguments.columns(z_spec=z_spec, z_photo=z_photo, r_mag=r_mag)
  (sigma_disp,) = arguments.columns(sigma_disp=sigma_disp)
  if sigma_disp.size != survey.outputs or np.any(sigma_disp < 0):
    raise ValueError(
        f"sigma_disp must hold {survey.outputs} numbers that are not negative, got "
        f"{sigma_disp}; fit it with dispersion.fit_dispersions")
  weights = arguments.weight_column(weights, z_spec.size)
  redshift_bin, magnitude_row = survey.redshift_bin(z_spec), _closed_above_row(r_mag, survey)
  members = channels.row_membership(survey)
  by_output = scatter.smoothed_squares(
      (z_photo - z_spec) ** 2, redshift_bin, members[magnitude_row], sigma_disp, survey.bins,
      weights)
  by_row = channels.row_magnitude_targets(survey) @ by_output
  return by_row[magnitude_row, redshift_bin], by_row


def _wide_sums(cell, *weights):
  """Sums of each weight in the wide bins, without the cells below z_min and above z_max."""
  return [
      np.bincount(cell, weights=weight, minlength=cells.WIDE_CELLS)[1:-1]
      for weight in weights]


def _divide(numerator, denominator):
  """numerator / denominator, NaN where the denominator is not positive."""
  positive = denominator > 0
  return np.where(positive, numerator / np.where(positive, denominator, 1.0), np.nan)


def residual_vs_z_spec(
    z_spec: np.ndarray, z_photo: np.ndarray, variance: np.ndarray, survey: Survey, *,
    weights: np.ndarray | None = None) -> Curve:
  """Inverse-variance weighted mean of dz in wide bins of z_spec (Lin et al. 2022).

  The variance of dz is max(variance, 1e-5) / (1 + z_spec)^2, and the error of
  the mean is 1 / sqrt(sum of inverse variances).

  Args:
    z_spec: spectroscopic redshifts, [n]; those off the grid are left out.
    z_photo: point estimates, [n].
    variance: variance of z_photo - z_spec of each galaxy, [n], as `variances`
      returns it.
    survey: the survey.
    weights: weight of each galaxy, [n], not negative; 1 unless given.  It
      multiplies the inverse variance in the mean, and is propagated into the
      error.

  Returns:
    The curve; NaN in bins without galaxies.

  Raises:
    ValueError: the columns differ in length, are empty, or not finite, or the
      weights are not valid.
  """
  dz = point.normalized_residual(z_spec, z_photo)
  weights, dz, z_spec, variance = arguments.weighted_columns(
      weights, dz=dz, z_spec=z_spec, variance=variance)
  inverse = (1.0 + z_spec) ** 2 / np.maximum(variance, _MIN_VARIANCE)
  total, weighted, squares = _wide_sums(
      cells.wide_cell(z_spec, survey), weights * inverse, weights * inverse * dz,
      weights ** 2 * inverse)
  return Curve(
      cells.wide_centers(survey), _divide(weighted, total), np.sqrt(_divide(squares, total ** 2)))


def residual_vs_z_photo(
    z_spec: np.ndarray, z_photo: np.ndarray, survey: Survey, *,
    weights: np.ndarray | None = None) -> Curve:
  """Mean dz in wide bins of z_photo (Lin et al. 2022).

  The error of the mean is std / sqrt(n - 1), with the population's std (divided
  by n); with weights, see `cells.Means`.

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n]; those off the grid are left out.
    survey: the survey.
    weights: weight of each galaxy, [n], not negative; 1 unless given.

  Returns:
    The curve; NaN in bins without galaxies, the error also in bins of a single
    galaxy.

  Raises:
    ValueError: the columns differ in length, are empty, or not finite, or the
      weights are not valid.
  """
  dz = point.normalized_residual(z_spec, z_photo)
  weights, dz, z_photo = arguments.weighted_columns(weights, dz=dz, z_photo=z_photo)
  means = cells.means(dz, weights, cells.wide_cell(z_photo, survey), cells.WIDE_CELLS)
  return Curve(cells.wide_centers(survey), means.mean[1:-1], means.error[1:-1])


def rms_by_galaxies(curve: Curve, z: np.ndarray, survey: Survey) -> float:
  """Root mean square of a residual curve, each bin weighted with its number of galaxies.

  Bins of a few galaxies, which dominate the plain root mean square, hardly count.

  Args:
    curve: the curve.
    z: the redshifts that were sorted into its bins, z_spec or z_photo, [n].
    survey: the survey.

  Returns:
    The root mean square of dz; NaN if no bin with galaxies has a mean.
  """
  count = np.bincount(cells.wide_cell(z, survey), minlength=cells.WIDE_CELLS)[1:-1]
  good = np.isfinite(curve.mean)
  if not count[good].any():
    return math.nan
  return float(np.sqrt(np.average(curve.mean[good]**2, weights=count[good])))


def linear_fit(curve: Curve, z_min: float) -> LineFit:
  """Weighted straight-line fit to a residual curve.

  Weights are 1 / error^2.  The errors of the fit are scaled by the square root
  of the reduced chi-square, so that they reflect the scatter about the line, not
  only the errors of the curve.

  Args:
    curve: the curve; bins whose mean or error is NaN, or whose error is 0, are
      left out.
    z_min: only bins centred above this redshift are fitted
      (`survey.fit_z_min` in the paper's figures).

  Returns:
    Slope, intercept and their errors.

  Raises:
    ValueError: fewer than three bins are left.
  """
  good = (curve.z > z_min) & np.isfinite(curve.mean) & (np.nan_to_num(curve.error) > 0)
  count = np.count_nonzero(good)
  if count < 3:
    raise ValueError(
        f"a line and its errors need three bins above z = {z_min}, but the curve has {count}; "
        "lower z_min or evaluate more galaxies")
  z, mean, weight = curve.z[good], curve.mean[good], curve.error[good] ** -2
  total = weight.sum()
  center = np.sum(weight * z) / total
  spread = np.sum(weight * (z - center) ** 2)
  slope = np.sum(weight * (z - center) * mean) / spread
  intercept = np.sum(weight * mean) / total - slope * center
  scale = np.sum(weight * (mean - slope * z - intercept) ** 2) / (count - 2)
  return LineFit(
      float(slope), float(intercept), float(np.sqrt(scale / spread)),
      float(np.sqrt(scale * (1.0 / total + center ** 2 / spread))))


def fitted_slope(z_spec: np.ndarray, z_photo: np.ndarray, r_mag: np.ndarray,
                 survey: Survey) -> float:
  """Slope of the mean residual against z_spec above `survey.fit_z_min`.

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    r_mag: r magnitudes, [n].
    survey: the survey.

  Returns:
    The slope, weighted with dispersions fitted to these estimates; NaN where fewer
    than three wide bins have galaxies.
  """
  sigma_disp = fit_dispersions(z_spec, z_photo, r_mag, survey)
  variance, _ = variances(z_spec, z_photo, r_mag, sigma_disp, survey)
  try:
    return linear_fit(residual_vs_z_spec(z_spec, z_photo, variance, survey),
                      survey.fit_z_min).slope
  except ValueError:  # raised for too few bins only
    return math.nan


def _wide_average(survey):
  """Matrix that averages redshift bins over wide bins, by overlap, [bins, WIDE_BINS]."""
  fine, wide = survey.edges(), survey.wide_edges()
  overlap = np.minimum(fine[1:, None], wide[None, 1:]) - np.maximum(
      fine[:-1, None], wide[None, :-1])
  return np.maximum(overlap, 0.0) / (wide[1] - wide[0])


def simulated_residual(
    z_spec: np.ndarray, r_mag: np.ndarray, variance_grid: np.ndarray, survey: Survey, *,
    weights: np.ndarray | None = None) -> Curve:
  """Residual curve that regression to the crowded redshifts alone would give (Lin et al. 2022).

  In each magnitude row and wide bin with centre z_i, the histogram of the
  magnitude row over the wide bins' centres z is weighted with
  exp(-(z_i - z)^2 / 2 var_i), where var_i is the magnitude row's variance averaged
  over the wide bin.  The residual is (weighted mean of z - z_i) / (1 + z_i).
  Magnitude rows are averaged with the weight count / var_i.

  Args:
    z_spec: spectroscopic redshifts of the evaluated galaxies, [n]; those off the
      grid are left out.
    r_mag: their r magnitudes, [n].
    variance_grid: variance by magnitude row and redshift bin, [rows, bins], as
      `variances` returns it for them.
    survey: the survey, with any number of bins.
    weights: weight of each galaxy in the counts, [n], not negative; 1 unless
      given.

  Returns:
    The curve, NaN in bins where no magnitude row has galaxies and a positive
    variance.  Its error is NaN everywhere, since nothing is measured.

  Raises:
    ValueError: the columns differ in length, are empty or not finite, the grid has
      another shape, or the weights are not valid.
  """
  weights, z_spec, r_mag = arguments.weighted_columns(weights, z_spec=z_spec, r_mag=r_mag)
  variance_grid = np.asarray(variance_grid, np.float64)
  if variance_grid.shape != (survey.rows, survey.bins):
    raise ValueError(
        f"variance_grid must have shape [{survey.rows}, {survey.bins}], got "
        f"{list(variance_grid.shape)}; make it with variances() for the same survey")
  cell = survey.magnitude_row(r_mag) * cells.WIDE_CELLS + cells.wide_cell(z_spec, survey)
  count = np.bincount(cell, weights, survey.rows * cells.WIDE_CELLS).reshape(
      survey.rows, cells.WIDE_CELLS)[:, 1:-1]
  center = cells.wide_centers(survey)
  variance = variance_grid @ _wide_average(survey)
  usable = (count > 0) & (variance > 0)
  safe = np.where(usable, variance, 1.0)
  kernel = np.exp(-0.5 * (center[:, None] - center) ** 2 / safe[:, :, None])
  weight = kernel * count[:, None, :]
  drawn = np.sum(weight * center, axis=2) / np.where(usable, weight.sum(axis=2), 1.0)
  residual = (drawn - center) / (1.0 + center)
  row_weight = np.where(usable, count / safe, 0.0)
  mean = _divide(np.sum(row_weight * residual, axis=0), row_weight.sum(axis=0))
  return Curve(center, mean, np.full(WIDE_BINS, np.nan))
