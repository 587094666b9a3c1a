"""The nearly balanced training subset of Steps 2 and 3.

Overpopulated redshifts pull all estimates towards them.  Steps 2 and 3 therefore
train on a subset in which no cell of (redshift bin, magnitude row) holds more
than `threshold` galaxies.

Source: Lin et al. 2022 (Step 2).
"""

from __future__ import annotations

import numpy as np

from pzbias_tf import arguments, cells
from pzbias_tf.survey import Survey

FOLDS = 5
"""Number of folds, which draw different subsets from one permutation."""

KEEP_ALL = 10000
"""A threshold of this value or more keeps every galaxy (the study's sentinel)."""


def balanced_subset(
    z_spec: np.ndarray, r_mag: np.ndarray, survey: Survey, *,
    threshold: int, experiment: int, seed: int) -> np.ndarray:
  """Chooses the galaxies that Steps 2 and 3 train on.

  A cell with at most `threshold` galaxies is kept whole.  The galaxies of a larger
  cell are put into a fixed random order, which is repeated end to end; fold e takes
  the positions [(e - 1) threshold, e threshold).  So the five folds use different
  galaxies as far as the cell allows.  No fold holds a galaxy twice, since it takes
  fewer positions than the cell has galaxies.  Give the same seed to all five folds.

  The order depends only on the seed, the cell and the order of its galaxies, not on
  other cells.

  Args:
    z_spec: spectroscopic redshifts, [n].
    r_mag: r magnitudes, [n].
    survey: the survey, whose grids define the cells.
    threshold: largest number of galaxies per cell, at least 1; `KEEP_ALL` or more
      keeps every galaxy.
    experiment: the fold, 1 to 5.
    seed: seed of the order, not negative.

  Returns:
    Indices of the chosen galaxies, [chosen] int64, rising, each once.

  Raises:
    ValueError: the columns differ in length, are empty or not finite, or a
      setting is out of its range.
  """
  z_spec, r_mag = arguments.columns(z_spec=z_spec, r_mag=r_mag)
  threshold = arguments.whole_number(threshold, "threshold", lowest=1)
  experiment = arguments.whole_number(experiment, "experiment", lowest=1, highest=FOLDS)
  seed = arguments.whole_number(seed, "seed", lowest=0)
  if threshold >= KEEP_ALL:
    return np.arange(z_spec.size, dtype=np.int64)
  cell = cells.cell_index(z_spec, r_mag, survey)
  by_cell = np.argsort(cell, kind="stable")
  numbers, starts, counts = np.unique(cell[by_cell], return_index=True, return_counts=True)
  crowded = counts > threshold
  chosen = [by_cell[np.repeat(~crowded, counts)]]
  for cell_number, start, count in zip(numbers[crowded], starts[crowded], counts[crowded]):
    order = np.random.default_rng((seed, int(cell_number))).permutation(count)
    # Repeating the order end to end is the same as counting positions modulo its length.
    positions = np.arange((experiment - 1) * threshold, experiment * threshold) % count
    chosen.append(by_cell[start + order[positions]])
  return np.sort(np.concatenate(chosen)).astype(np.int64)


def threshold_that_keeps(z_spec: np.ndarray, r_mag: np.ndarray, survey: Survey, *,
                         share: float) -> int:
  """The lowest threshold under which a share of the galaxies is kept, or the survey's.

  The survey's threshold is for a sample of some hundred thousand galaxies.  In smaller
  ones few cells hold as many, so that hardly anything would be balanced.

  Args:
    z_spec: spectroscopic redshifts, [n].
    r_mag: r magnitudes, [n].
    survey: the survey, whose grids define the cells.
    share: smallest share of the galaxies to keep, 0 to 1.

  Returns:
    A whole number from 1 to the survey's threshold.

  Raises:
    ValueError: the columns differ in length, are empty or not finite.
  """
  z_spec, r_mag = arguments.columns(z_spec=z_spec, r_mag=r_mag)
  _, counts = np.unique(cells.cell_index(z_spec, r_mag, survey), return_counts=True)
  kept = [np.minimum(counts, threshold).sum()
          for threshold in range(1, max(survey.balance_threshold, 1))]
  return 1 + int(np.searchsorted(kept, share * counts.sum()))
