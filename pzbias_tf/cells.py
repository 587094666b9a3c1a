"""Cells of redshift and magnitude, into which bias corrections and metrics sort galaxies.

There are two kinds: (redshift bin, magnitude row), and the wide redshift bins.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pzbias_tf.survey import WIDE_BINS, Survey

UNDERFLOW = 0
OVERFLOW = WIDE_BINS + 1
WIDE_CELLS = WIDE_BINS + 2
"""Number of wide cells: the wide bins, one cell below z_min, one above z_max."""

# A fraction of a wide bin.  It exceeds the rounding of float32 redshifts, so that
# a bin centre on a wide edge (20 of the 180 of SDSS) belongs to the same cell in
# float32 and float64.
_EDGE_TOLERANCE = 1e-5


def cell_index(z: np.ndarray, r_mag: np.ndarray, survey: Survey) -> np.ndarray:
  """Cell of each galaxy: redshift bin x rows + magnitude row.

  Args:
    z: redshifts, [n]; those off the un-extended grid count in the edge bins.
    r_mag: r magnitudes, [n]; those off the grid count in the edge rows.
    survey: the survey.

  Returns:
    [n] int64 in [0, bins x rows).

  Raises:
    ValueError: a redshift or magnitude is not finite.
  """
  return survey.redshift_bin(z) * survey.rows + survey.magnitude_row(r_mag)


def cell_counts(
    z: np.ndarray, r_mag: np.ndarray, survey: Survey,
    weights: np.ndarray | None = None) -> np.ndarray:
  """Number of galaxies by redshift bin and magnitude row.

  Args:
    z: redshifts, [n], as in `cell_index`.
    r_mag: r magnitudes, [n], as in `cell_index`.
    survey: the survey.
    weights: weight of each galaxy, [n]; None counts galaxies.

  Returns:
    [bins, rows] int64; with weights, their sums, float64.
  """
  counts = np.bincount(cell_index(z, r_mag, survey), weights, survey.bins * survey.rows)
  return counts.reshape(survey.bins, survey.rows)


def wide_cell(z: np.ndarray, survey: Survey) -> np.ndarray:
  """Wide cell of each redshift.

  Wide bins are half-open, [lower, upper), and the last one is closed.  A value
  closer to an edge than 1e-5 of the bin width counts as on the edge.

  Args:
    z: redshifts, any shape, finite.
    survey: the survey.

  Returns:
    int64: 0 below z_min, 1 to 40 for the wide bins, 41 above z_max.
  """
  position = (np.asarray(z, np.float64) - survey.z_min) * (
      WIDE_BINS / (survey.z_max - survey.z_min))
  cell = np.floor(position + _EDGE_TOLERANCE) + 1
  on_upper_edge = np.abs(position - WIDE_BINS) <= _EDGE_TOLERANCE
  cell = np.where(on_upper_edge, WIDE_BINS, cell)
  return np.clip(cell, UNDERFLOW, OVERFLOW).astype(np.int64)


def wide_centers(survey: Survey) -> np.ndarray:
  """Centres of the wide redshift bins, [WIDE_BINS] float64."""
  edges = survey.wide_edges()
  return 0.5 * (edges[:-1] + edges[1:])


class Means(NamedTuple):
  """Weighted means of the galaxies in cells, [cells] each.

  Attributes:
    mean: weighted mean; NaN in a cell without galaxies.
    error: its standard error, sqrt(n / (n - 1) x sum of (weight x (value -
      mean))^2) / (sum of weights).  For n galaxies of equal weight this is
      std / sqrt(n), with the sample's std.  NaN for fewer than two galaxies.
    weight: sum of weights.
    count: number of galaxies n, int64.
  """

  mean: np.ndarray
  error: np.ndarray
  weight: np.ndarray
  count: np.ndarray  # type: ignore[assignment]  # hides tuple.count


def means(values: np.ndarray, weights: np.ndarray, cell: np.ndarray, num_cells: int) -> Means:
  """Weighted mean of the galaxies in each cell, and its error.

  Args:
    values: what to average, [n].
    weights: weight of each galaxy, [n], positive.
    cell: cell of each galaxy, [n] integers in [0, num_cells).
    num_cells: number of cells.

  Returns:
    The means, in the unit of `values`.
  """
  count = np.bincount(cell, minlength=num_cells)
  weight = np.bincount(cell, weights, num_cells)
  filled = count > 0
  mean = np.bincount(cell, weights * values, num_cells) / np.where(filled, weight, 1.0)
  # Squares of deviations, since a difference of large squares would lose digits.
  squares = np.bincount(cell, (weights * (values - mean[cell])) ** 2, num_cells)
  several = count > 1
  error = np.sqrt(squares * count / np.where(several, count - 1, 1)) / np.where(
      filled, weight, 1.0)
  return Means(np.where(filled, mean, np.nan), np.where(several, error, np.nan), weight, count)
