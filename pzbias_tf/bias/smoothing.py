"""Smoothing of Step 4's corrections over neighbouring cells: less noise, less detail.

Off by default, since the paper corrects every cell by itself.
"""

from __future__ import annotations

import numpy as np

from pzbias_tf import cells


def smooth_means(means: cells.Means, width: float) -> cells.Means:
  """Averages each magnitude row's means over neighbouring z_photo cells.

  A neighbour has the weight exp(-distance^2 / 2 width^2) times its own sum of
  weights.  Cells without galaxies stay empty.  The cells below z_min and above
  z_max, which have no width, stay as they are.

  Args:
    means: means of the cells, [WIDE_CELLS, rows] each.
    width: standard deviation of the kernel, in wide bins, not negative; 0
      changes nothing.

  Returns:
    The smoothed means and their errors, with the cells' own weights and counts.
    Cells of one galaxy, whose error is unknown, add none; where the error of no
    neighbour is known, the smoothed error is NaN.

  Raises:
    ValueError: the width is negative or not finite.
  """
  if not 0.0 <= width < np.inf:
    raise ValueError(f"the smoothing must be a width of 0 wide bins or more, got {width}; 0 turns "
                     "it off")
  if not width:
    return means
  kernel = _kernel(width)
  total = kernel @ means.weight
  mean = kernel @ (means.weight * np.nan_to_num(means.mean))
  squares = kernel ** 2 @ np.nan_to_num(means.weight * means.error) ** 2
  filled = means.count > 0
  safe = np.where(filled, total, 1.0)
  return means._replace(
      mean=np.where(filled, mean / safe, np.nan),
      error=np.where(filled & (squares > 0.0), np.sqrt(squares) / safe, np.nan))


def _kernel(width):
  """Weight of each z_photo cell in the mean of every other, [WIDE_CELLS, WIDE_CELLS]."""
  cell = np.arange(cells.WIDE_CELLS)
  kernel = np.exp(-0.5 * ((cell[:, None] - cell) / width) ** 2)
  for outer in (cells.UNDERFLOW, cells.OVERFLOW):
    kernel[outer, :] = kernel[:, outer] = cell == outer
  return kernel
