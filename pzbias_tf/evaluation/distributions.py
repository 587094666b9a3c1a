"""Distances between the distributions of z_photo and z_spec.

Mode collapse piles estimates up on some redshifts; it hardly shows in the
residuals, but in the distribution of the estimates it does.

Source: Lin et al. 2022 (evaluation of mode collapse).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pzbias_tf.bias import cells, checks
from pzbias_tf.evaluation.point import MagnitudeCurve
from pzbias_tf.evaluation.residuals import Curve
from pzbias_tf.survey import Survey


class Measurement(NamedTuple):
  """A number and its error.

  Attributes:
    mean: mean over bootstraps or draws.
    error: standard deviation over bootstraps or draws.
  """

  mean: float
  error: float


class OffGrid(NamedTuple):
  """Galaxies that a histogram over the un-extended grid leaves out.

  Attributes:
    below: number of redshifts below z_min.
    above: number of redshifts above z_max.
  """

  below: int
  above: int


def off_grid(z: np.ndarray, survey: Survey) -> OffGrid:
  """Counts redshifts off the un-extended grid, to be reported beside the distance.

  Args:
    z: redshifts, [n].
    survey: the survey.

  Returns:
    The two counts.

  Raises:
    ValueError: the column is empty or not finite.
  """
  (z,) = checks.columns(z=z)
  return OffGrid(int(np.sum(z < survey.z_min)), int(np.sum(z > survey.z_max)))


def _slot(z, survey):
  """Redshift bin of each galaxy; `bins`, one past the last, for those off the grid."""
  on_grid = (z >= survey.z_min) & (z <= survey.z_max)
  return np.where(on_grid, survey.redshift_bin(z), survey.bins)


def _histogram(slot, bins):
  """Number of galaxies in each redshift bin, [bins]; those off the grid fall out."""
  return np.bincount(slot, minlength=bins + 1)[:bins]


def _settings(repeats, name, seed):
  """Checks the number of repetitions and the seed."""
  return (
      checks.whole_number(repeats, name, lowest=2),
      checks.whole_number(seed, "seed", lowest=0))


def total_variation(
    z_spec: np.ndarray, z_photo: np.ndarray, survey: Survey, *,
    num_bootstrap: int = 100, seed: int = 0) -> Measurement:
  """Total variation distance between z_photo and z_spec, bootstrapped.

  Half the summed absolute difference of the histograms over the survey's
  redshift bins, each divided by the number of galaxies.  Galaxies, that is
  pairs of z_spec and z_photo, are drawn with replacement.  Counting noise gives
  it a floor: show `expected_total_variation` beside it, and `off_grid` of the
  estimates that fall out.

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    survey: the survey.
    num_bootstrap: number of bootstraps, at least 2.
    seed: not negative.

  Returns:
    Mean and error, in [0, 1].

  Raises:
    ValueError: the columns differ in length, are empty or not finite, or a
      setting is out of range.
  """
  z_spec, z_photo = checks.columns(z_spec=z_spec, z_photo=z_photo)
  num_bootstrap, seed = _settings(num_bootstrap, "num_bootstrap", seed)
  spec, photo, size = _slot(z_spec, survey), _slot(z_photo, survey), z_spec.size
  draws = np.zeros(num_bootstrap)
  for index in range(num_bootstrap):
    drawn = np.random.default_rng((seed, index)).integers(size, size=size)
    difference = _histogram(photo[drawn], survey.bins) - _histogram(spec[drawn], survey.bins)
    draws[index] = 0.5 * np.abs(difference).sum() / size
  return Measurement(float(draws.mean()), float(draws.std()))


def expected_total_variation(
    z_spec: np.ndarray, curve: Curve, survey: Survey, *,
    num_draws: int = 100, seed: int = 0) -> Measurement:
  """Total variation that a sample without mode collapse would show.

  z_photo is drawn, for the n galaxies of each wide z_spec bin with centre z_i,
  from a normal law with mean z_i + (1 + z_i) x (the curve's residual) and
  standard deviation (1 + z_i) x (its error) x sqrt(n).  Galaxies of bins
  without a curve value, and those off the grid, keep z_spec.

  Args:
    z_spec: spectroscopic redshifts, [n].
    curve: the residual curve against z_spec of the same galaxies
      (`residuals.residual_vs_z_spec`), one value for each wide bin.
    survey: the survey.
    num_draws: number of draws, at least 2.
    seed: not negative.

  Returns:
    Mean and error, in [0, 1].

  Raises:
    ValueError: the column is empty or not finite, the curve is of another
      length, or a setting is out of range.
  """
  (z_spec,) = checks.columns(z_spec=z_spec)
  num_draws, seed = _settings(num_draws, "num_draws", seed)
  mean, spread = _normal_law(z_spec, curve, survey)
  spec = _histogram(_slot(z_spec, survey), survey.bins)
  draws = np.zeros(num_draws)
  for index in range(num_draws):
    noise = np.random.default_rng((seed, index)).standard_normal(z_spec.size)
    photo = _histogram(_slot(mean + spread * noise, survey), survey.bins)
    draws[index] = 0.5 * np.abs(photo - spec).sum() / z_spec.size
  return Measurement(float(draws.mean()), float(draws.std()))


def _normal_law(z_spec, curve, survey):
  """Mean and standard deviation of each galaxy's expected estimate, [n] each."""
  center = cells.wide_centers(survey)
  if any(np.shape(values) != center.shape for values in curve) or not np.allclose(
      curve.z, center):
    raise ValueError(
        f"the curve must hold {center.size} values, one for each wide bin of survey "
        f"{survey.name!r}, empty ones as NaN; make it with residuals.residual_vs_z_spec")
  cell = cells.wide_cell(z_spec, survey)
  count = np.bincount(cell, minlength=cells.WIDE_CELLS)[1:-1]
  law = np.stack([
      center + (1.0 + center) * curve.mean, (1.0 + center) * curve.error * np.sqrt(count)])
  law = np.pad(law, ((0, 0), (1, 1)), constant_values=np.nan)[:, cell]
  known = np.all(np.isfinite(law), axis=0)
  return np.where(known, law[0], z_spec), np.where(known, law[1], 0.0)


def wasserstein_by_magnitude(
    z_spec: np.ndarray, z_photo: np.ndarray, r_mag: np.ndarray, survey: Survey, *,
    num_bootstrap: int = 100, seed: int = 0) -> MagnitudeCurve:
  """Wasserstein-1 distance between z_photo and z_spec in magnitude bins.

  Sum over redshift bins of abs(CDF difference) x bin width, in as many equal
  magnitude bins over [r_min, r_max] as there are outputs, the first and the
  last open-ended.  CDFs are counted on the extended grid, so that estimates off
  the un-extended one count with their distance.

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n]; off the extended grid they count in its edge
      bin.
    r_mag: r magnitudes, [n].
    survey: the survey.
    num_bootstrap: number of bootstraps within each magnitude bin, at least 2.
    seed: not negative.

  Returns:
    A curve of length outputs, at the centres of the magnitude bins; mean and
    error, in redshift, are NaN where a bin holds no galaxies.

  Raises:
    ValueError: the columns differ in length, are empty or not finite, or a
      setting is out of range.
  """
  z_spec, z_photo, r_mag = checks.columns(z_spec=z_spec, z_photo=z_photo, r_mag=r_mag)
  num_bootstrap, seed = _settings(num_bootstrap, "num_bootstrap", seed)
  edges = np.linspace(survey.r_min, survey.r_max, survey.outputs + 1)
  magnitude_bin = np.digitize(r_mag, edges[1:-1])
  spec, photo = _extended_bin(z_spec, survey), _extended_bin(z_photo, survey)
  mean, error = np.full((2, survey.outputs), np.nan)
  for own in np.unique(magnitude_bin):
    members = np.flatnonzero(magnitude_bin == own)
    rng = np.random.default_rng((seed, int(own)))
    draws = [
        _wasserstein(spec[drawn], photo[drawn], survey) for drawn in
        (members[rng.integers(members.size, size=members.size)]
         for _ in range(num_bootstrap))]
    mean[own], error[own] = np.mean(draws), np.std(draws)
  return MagnitudeCurve(0.5 * (edges[:-1] + edges[1:]), mean, error)


def _extended_bin(z, survey):
  """Bin of each redshift on the extended grid, clipped to it."""
  position = np.floor((z - survey.z_min) / survey.bin_width) + survey.extension[0]
  return np.clip(position, 0, survey.bins_extended - 1).astype(np.int64)


def _wasserstein(spec, photo, survey):
  """Distance of two samples of extended-grid bins."""
  bins = survey.bins_extended
  difference = np.bincount(photo, minlength=bins) - np.bincount(spec, minlength=bins)
  return np.abs(np.cumsum(difference)).sum() * survey.bin_width / spec.size
