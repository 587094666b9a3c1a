"""Cells of the method: (redshift bin, magnitude row), and the wide redshift bins."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pzbias_tf.survey import WIDE_BINS, Survey

UNDERFLOW = 0
OVERFLOW = WIDE_BINS + 1
WIDE_CELLS = WIDE_BINS + 2
"""Number of cells: the wide bins, one below z_min, one above z_max."""

# A fraction of a wide bin.  It stands above the rounding of float32 redshifts, so
# that a bin centre that lies on a wide edge (20 of the 180 of SDSS do) belongs to
# the same cell however it was stored.
_EDGE_TOLERANCE = 1e-5


def cell_index(z: np.ndarray, r_mag: np.ndarray, survey: Survey) -> np.ndarray:
  """Cell of each galaxy: redshift bin x rows + magnitude row.

  Args:
    z: redshifts, [n]; one off the un-extended grid counts in the edge bin.
    r_mag: r magnitudes, [n]; one off the grid counts in the edge row.
    survey: the survey.

  Returns:
    [n] int64 in [0, bins x rows).
  """
  return survey.redshift_bin(z) * survey.rows + survey.magnitude_row(r_mag)


def cell_counts(
    z: np.ndarray, r_mag: np.ndarray, survey: Survey,
    weights: np.ndarray | None = None) -> np.ndarray:
  """Number of galaxies by redshift bin and magnitude row, [bins, rows] int64.

  With weights, [n], their sum instead, float64.
  """
  counts = np.bincount(cell_index(z, r_mag, survey), weights, survey.bins * survey.rows)
  return counts.reshape(survey.bins, survey.rows)


def wide_cell(z: np.ndarray, survey: Survey) -> np.ndarray:
  """Cell of each redshift.

  Wide bins are half-open, [lower, upper), the last one closed; a value within
  1e-5 of a wide bin of an edge counts as on it.

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
  """Weighted means of cells, [cells] each.

  Attributes:
    mean: NaN in a cell without galaxies.
    error: its standard error: the square root of n / (n - 1) x sum of
      (weight x (value - mean))^2, over the sum of weights; std / sqrt(n) of n
      galaxies of equal weight, std being the sample's.  NaN below two galaxies.
    weight: sum of weights.
    count: number of galaxies n, int64.
  """

  mean: np.ndarray
  error: np.ndarray
  weight: np.ndarray
  count: np.ndarray  # type: ignore[assignment]  # hides tuple.count


def means(values: np.ndarray, weights: np.ndarray, cell: np.ndarray, num_cells: int) -> Means:
  """Weighted mean of the galaxies of each cell, and its error.

  Args:
    values: [n].
    weights: [n], positive.
    cell: cell of each galaxy, [n] integers in [0, num_cells).
    num_cells: number of cells.
  """
  count = np.bincount(cell, minlength=num_cells)
  weight = np.bincount(cell, weights, num_cells)
  filled = count > 0
  mean = np.bincount(cell, weights * values, num_cells) / np.where(filled, weight, 1.0)
  # Around the mean, not as a difference of large squares.
  squares = np.bincount(cell, (weights * (values - mean[cell])) ** 2, num_cells)
  several = count > 1
  error = np.sqrt(squares * count / np.where(several, count - 1, 1)) / np.where(
      filled, weight, 1.0)
  return Means(np.where(filled, mean, np.nan), np.where(several, error, np.nan), weight, count)
