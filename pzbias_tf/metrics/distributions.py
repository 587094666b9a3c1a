"""Distances between the distributions of z_photo and z_spec, which measure mode collapse.

Mode collapse makes estimates pile up at some redshifts.  It hardly shows in the
residuals, but it does in the distribution of the estimates.

Source: Lin et al. 2022 (evaluation of mode collapse).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from pzbias_tf import arguments, cells
from pzbias_tf.metrics.bootstrap import Bootstrap, Measurement, drawn_histograms
from pzbias_tf.metrics.point import MagnitudeCurve
from pzbias_tf.metrics.residuals import Curve
from pzbias_tf.survey import Survey


class OffGrid(NamedTuple):
  """Numbers of galaxies that a histogram over the un-extended grid leaves out.

  Attributes:
    below: number of redshifts below z_min.
    above: number of redshifts above z_max.
  """

  below: int
  above: int


def off_grid(z: np.ndarray, survey: Survey) -> OffGrid:
  """Counts the redshifts off the un-extended grid, to be reported beside the distance.

  Args:
    z: redshifts, [n].
    survey: the survey.

  Returns:
    The two counts.

  Raises:
    ValueError: the column is empty or not finite.
  """
  (z,) = arguments.columns(z=z)
  return OffGrid(int(np.sum(z < survey.z_min)), int(np.sum(z > survey.z_max)))


def _slot(z, survey):
  """Redshift bin of each galaxy; `bins`, one after the last, for galaxies off the grid."""
  on_grid = (z >= survey.z_min) & (z <= survey.z_max)
  return np.where(on_grid, survey.redshift_bin(z), survey.bins)


def _distances(first, second, slots, weights, number, rng, distance):
  """A distance between two histograms over `slots` bins, bootstrapped, [number].

  Args:
    first: bin of each galaxy in the first histogram, [n].
    second: its bin in the second histogram, [n].
    slots: number of bins.
    weights: weight of each galaxy, [n], positive.
    number: number of bootstraps.
    rng: the generator.
    distance: the distance as a function of the difference of the histograms.
  """
  return np.array([
      distance(other - one) / total
      for one, other, total in drawn_histograms(first, second, slots, weights, number, rng)])


def _measurement(draws, galaxies):
  """Mean and error of draws; a single galaxy has no error."""
  return Measurement(float(draws.mean()), float(draws.std()) if galaxies > 1 else np.nan)


def total_variation(
    z_spec: np.ndarray, z_photo: np.ndarray, survey: Survey, *,
    num_bootstrap: int = 100, seed: int = 0,
    weights: np.ndarray | None = None) -> Measurement:
  """Total variation distance between z_photo and z_spec, bootstrapped.

  Half the sum of absolute differences between the two histograms over the
  survey's redshift bins, each divided by the number of galaxies (Lin et al.
  2022).  Galaxies, as pairs of z_spec and z_photo, are drawn with replacement.
  Counting noise keeps it above 0: show `expected_total_variation` beside it, and
  `off_grid` for the estimates that are left out.

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    survey: the survey.
    num_bootstrap: number of bootstraps, at least 2.
    seed: seed of the bootstraps, not negative.
    weights: weight of each galaxy, [n], not negative; 1 unless given.

  Returns:
    Mean and error, in [0, 1]; the error is NaN for a single galaxy.

  Raises:
    ValueError: the columns differ in length, are empty or not finite, or a
      setting is out of range.
  """
  weights, z_spec, z_photo = arguments.weighted_columns(weights, z_spec=z_spec, z_photo=z_photo)
  settings = Bootstrap(number=num_bootstrap, seed=seed)
  draws = _distances(
      _slot(z_spec, survey), _slot(z_photo, survey), survey.bins + 1, weights, settings.number,
      np.random.default_rng(settings.seed),
      lambda difference: 0.5 * np.abs(difference[:-1]).sum())
  return _measurement(draws, z_spec.size)


def expected_total_variation(
    z_spec: np.ndarray, curve: Curve, survey: Survey, *,
    num_draws: int = 100, seed: int = 0, weights: np.ndarray | None = None) -> Measurement:
  """Total variation that a sample without mode collapse would show (Lin et al. 2022).

  For the n galaxies of each wide z_spec bin with centre z_i, z_photo is drawn from
  a normal law with mean z_i + (1 + z_i) x (the curve's residual) and standard
  deviation (1 + z_i) x (its error) x sqrt(n).  Galaxies in bins without a value of
  the curve, and galaxies off the grid, keep z_spec.  The numbers of estimates per
  redshift bin are multinomial and drawn as such.

  Args:
    z_spec: spectroscopic redshifts, [n].
    curve: the residual curve against z_spec of the same galaxies
      (`residuals.residual_vs_z_spec`, with the same weights), one value per wide
      bin.
    survey: the survey.
    num_draws: number of draws, at least 2.
    seed: seed of the draws, not negative.
    weights: weight of each galaxy, [n], not negative; 1 unless given.  n is
      then the effective number of galaxies, (sum of weights)^2 / sum of squares.

  Returns:
    Mean and error, in [0, 1].

  Raises:
    ValueError: the column is empty or not finite, the curve is not on the
      survey's wide bins, or a setting is out of range.
  """
  weights, z_spec = arguments.weighted_columns(weights, z_spec=z_spec)
  settings = Bootstrap(number=num_draws, seed=seed)
  _check_curve(curve, survey)
  cell, slot = cells.wide_cell(z_spec, survey), _slot(z_spec, survey)
  known = np.pad(np.isfinite(curve.mean + curve.error), 1)[cell]
  kept = np.bincount(slot[~known], weights[~known], survey.bins + 1)
  difference = kept - np.bincount(slot, weights, survey.bins + 1)
  mass = np.bincount(cell[known], weights[known], cells.WIDE_CELLS)[1:-1]
  filled = mass > 0
  number = mass[filled] ** 2 / np.bincount(
      cell[known], weights[known] ** 2, cells.WIDE_CELLS)[1:-1][filled]
  law = _bin_shares(curve, filled, number, survey)
  rng, whole = np.random.default_rng(settings.seed), np.rint(number).astype(np.int64)
  # einsum, not @, which would wait for the threads of a BLAS.
  draws = [
      0.5 * np.abs(difference + np.einsum("c,cb->b", mass[filled] / whole, rng.multinomial(
          whole, law)))[:-1].sum()
      for _ in range(settings.number)]
  return Measurement(float(np.mean(draws) / weights.sum()), float(np.std(draws) / weights.sum()))


def _check_curve(curve, survey):
  """Refuses a curve that is not on the survey's wide bins."""
  center = cells.wide_centers(survey)
  if any(np.shape(values) != center.shape for values in curve) or not np.allclose(
      curve.z, center):
    raise ValueError(
        f"the curve must hold {center.size} values, one per wide bin of survey "
        f"{survey.name!r}, NaN in empty bins; make it with residuals.residual_vs_z_spec")


def _bin_shares(curve, filled, number, survey):
  """Probabilities of the redshift bins and, last, of lying off the grid: [filled, bins + 1]."""
  center, residual, error = (values[filled, None] for values in curve)
  mean = center + (1.0 + center) * residual
  # A law without width lies in one bin, but dividing by 0 would give NaN on an edge.
  spread = np.maximum((1.0 + center) * error * np.sqrt(number)[:, None], 1e-12)
  inside = np.diff(ndtr((survey.edges() - mean) / spread), axis=1)
  return np.concatenate([inside, 1.0 - inside.sum(axis=1, keepdims=True).clip(max=1.0)], axis=1)


def wasserstein_by_magnitude(
    z_spec: np.ndarray, z_photo: np.ndarray, r_mag: np.ndarray, survey: Survey, *,
    num_bootstrap: int = 100, seed: int = 0,
    weights: np.ndarray | None = None) -> MagnitudeCurve:
  """Wasserstein-1 distance between z_photo and z_spec in magnitude bins.

  Sum over redshift bins of abs(difference of the CDFs) x bin width (Lin et al.
  2022).  There are as many magnitude bins as outputs, of equal size over [r_min,
  r_max], the first and the last open-ended.  The CDFs are on the extended grid, so
  that estimates off the un-extended grid count with their distance.

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n]; those off the extended grid count in its edge
      bins.
    r_mag: r magnitudes, [n].
    survey: the survey.
    num_bootstrap: number of bootstraps within each magnitude bin, at least 2.
    seed: seed of the bootstraps, not negative.
    weights: weight of each galaxy, [n], not negative; 1 unless given.

  Returns:
    A curve of length outputs, at the centres of the magnitude bins.  Mean and
    error are in redshift; both are NaN in bins without galaxies, the error also
    in bins of a single galaxy.

  Raises:
    ValueError: the columns differ in length, are empty or not finite, or a
      setting is out of range.
  """
  weights, z_spec, z_photo, r_mag = arguments.weighted_columns(
      weights, z_spec=z_spec, z_photo=z_photo, r_mag=r_mag)
  settings = Bootstrap(number=num_bootstrap, seed=seed)
  edges = np.linspace(survey.r_min, survey.r_max, survey.outputs + 1)
  magnitude_bin = np.digitize(r_mag, edges[1:-1])
  spec, photo = _extended_bin(z_spec, survey), _extended_bin(z_photo, survey)
  mean, error = np.full((2, survey.outputs), np.nan)
  for own in np.unique(magnitude_bin):
    members = magnitude_bin == own
    draws = _distances(
        spec[members], photo[members], survey.bins_extended, weights[members], settings.number,
        np.random.default_rng((settings.seed, int(own))),
        lambda difference: np.abs(np.cumsum(difference)).sum() * survey.bin_width)
    mean[own], error[own] = _measurement(draws, np.count_nonzero(members))
  return MagnitudeCurve(0.5 * (edges[:-1] + edges[1:]), mean, error)


def _extended_bin(z, survey):
  """Bin of each redshift on the extended grid, clipped to it."""
  position = np.floor((z - survey.z_min) / survey.bin_width) + survey.extension[0]
  return np.clip(position, 0, survey.bins_extended - 1).astype(np.int64)
