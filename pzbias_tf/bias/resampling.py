"""Resampling of Step 4: draws training galaxies that follow the test set's distribution.

The mean residual at a given z_photo depends on which true redshifts contribute
to it.  Those of the test set are unknown.  But its Step 3 estimates are nearly
free of mode collapse, so their distribution takes the place of the true one.

Source: Lin et al. 2022 (Step 4).
"""

from __future__ import annotations

from absl import logging
import numpy as np

from pzbias_tf import arguments, cells
from pzbias_tf.bias.target_counts import TargetCounts
from pzbias_tf.survey import Survey


def resample_to_expected(
    z_spec: np.ndarray, r_mag: np.ndarray, z_photo_target: np.ndarray,
    r_mag_target: np.ndarray, survey: Survey, *,
    size: int | None = None, seed: int = 0) -> np.ndarray:
  """Draws training galaxies that follow the target set's distribution.

  The counts of the drawn galaxies by (redshift bin of z_spec, magnitude row) are
  those of the target set by (redshift bin of z_photo_target, magnitude row),
  times size / (number of target galaxies), rounded half up.  For a bin without
  training galaxies, the nearest bin of its magnitude row with some is drawn from
  (the lower of two equally near ones).  Each galaxy of a bin is drawn once before
  any is drawn again.  Nothing is drawn for magnitude rows without training
  galaxies, which are logged.

  Args:
    z_spec: spectroscopic redshifts of the training galaxies, [n].
    r_mag: their r magnitudes, [n].
    z_photo_target: point estimates of the target set, [n_target]; those off the
      grid count in the edge bins.
    r_mag_target: r magnitudes of the target set, [n_target].
    survey: the survey.
    size: how many galaxies to draw, apart from rounding; n unless given.
    seed: seed of the draw, not negative.

  Returns:
    Indices into the training galaxies, [about size] int64, ordered by redshift
    bin, then magnitude row; a galaxy may appear several times.

  Raises:
    ValueError: columns differ in length, are empty or not finite; a setting is
      out of range; or nothing would be drawn.
  """
  arguments.columns(z_spec=z_spec, r_mag=r_mag)
  return resample_to_counts(z_spec, r_mag, TargetCounts.of(z_photo_target, r_mag_target, survey),
                            survey, size=size, seed=seed)


def resample_to_counts(
    z_spec: np.ndarray, r_mag: np.ndarray, target: TargetCounts, survey: Survey, *,
    size: int | None = None, seed: int = 0) -> np.ndarray:
  """`resample_to_expected` for a target set that has been counted.

  Args:
    z_spec: spectroscopic redshifts of the training galaxies, [n].
    r_mag: their r magnitudes, [n].
    target: the target set.
    survey: the survey.
    size: how many galaxies to draw, apart from rounding; n unless given.
    seed: seed of the draw, not negative.

  Returns:
    The indices that `resample_to_expected` gives for the same target set.

  Raises:
    ValueError: as there; or the target holds no galaxy, or was counted with
      another survey.
  """
  z_spec, r_mag = arguments.columns(z_spec=z_spec, r_mag=r_mag)
  size = arguments.whole_number(z_spec.size if size is None else size, "size", lowest=1)
  seed = arguments.whole_number(seed, "seed", lowest=0)
  available = cells.cell_counts(z_spec, r_mag, survey)
  wanted = _move_to_filled(_wanted(target, size, survey), available)
  if not wanted.any():
    raise ValueError(
        f"size = {size} leaves no galaxy to draw: every expected count rounds to 0, or "
        "no magnitude row of the target set holds training galaxies; raise size, or "
        "pass training galaxies of the target's magnitudes")
  return _draw(z_spec, r_mag, survey, wanted.ravel(), available.ravel(), seed)


def _wanted(target, size, survey):
  """Galaxies to draw by cell, [bins, rows]: floor(count x size / number of targets + 1/2)."""
  if target.counts.shape != (survey.bins, survey.rows):
    raise ValueError(f"the target set was counted in {list(target.counts.shape)} cells, survey "
                     f"{survey.name!r} has {[survey.bins, survey.rows]}; count it with this survey")
  number = len(target)
  if not number:
    raise ValueError("the target set holds no galaxy; count at least one")
  # In integers, so that halves are exact, and in Python's, since 2 x 10^10 x 10^9 overflows.
  counts = target.counts.astype(object)
  return ((2 * counts * size + number) // (2 * number)).astype(np.int64)


def _move_to_filled(wanted, available):
  """Moves the counts of empty cells to the nearest filled cell of their magnitude row."""
  moved = np.zeros_like(wanted)
  every_bin = np.arange(wanted.shape[0])
  for magnitude_row in range(wanted.shape[1]):
    filled = np.flatnonzero(available[:, magnitude_row])
    counts = wanted[:, magnitude_row]
    if filled.size:
      nearest = _nearest(every_bin, filled)
      moved[:, magnitude_row] = np.bincount(nearest, counts, minlength=wanted.shape[0])
    elif counts.any():
      logging.warning(
          "Step 4: magnitude row %d holds no training galaxies; %d expected galaxies are "
          "not drawn, and its estimates stay uncorrected.", magnitude_row, counts.sum())
  return moved


def _nearest(values, sorted_options):
  """The nearest option to each value; the lower of two equally near ones."""
  after = np.clip(np.searchsorted(sorted_options, values), 1, sorted_options.size) - 1
  lower = sorted_options[after]
  upper = sorted_options[np.minimum(after + 1, sorted_options.size - 1)]
  return np.where(np.abs(upper - values) < np.abs(values - lower), upper, lower)


def _draw(z_spec, r_mag, survey, wanted, available, seed):
  """Draws `wanted` galaxies of each cell, cycling through its galaxies in random order."""
  cell = cells.cell_index(z_spec, r_mag, survey)
  order = np.random.default_rng(seed).permutation(cell.size)
  order = order[np.argsort(cell[order], kind="stable")]
  starts = np.cumsum(available) - available
  turn = np.arange(wanted.sum()) - np.repeat(np.cumsum(wanted) - wanted, wanted)
  # Only filled cells are drawn from, so the modulus is never 0.
  return order[np.repeat(starts, wanted) + turn % np.repeat(available, wanted)]
