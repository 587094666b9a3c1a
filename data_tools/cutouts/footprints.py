"""Where cutouts lie in the frames of a field.

Places are in pixels counted from 0; pixel 0 reaches from -0.5 to 0.5.
"""

from __future__ import annotations

import numpy as np

from data_tools.cutouts import celestial
from data_tools.cutouts.frames import Grid

_FAR = -1e9  # pixels; outside of any frame
_MARGIN = 2  # pixels around a resampled cutout that interpolation needs at least


def first_pixels(grid: Grid, ra: np.ndarray, dec: np.ndarray, size: int) -> np.ndarray:
  """First column and row of the cutouts that are centred best on given places.

  Args:
    grid: the grid of the reference band, whose pixels the cutouts keep.
    ra: [n] deg (ICRS).
    dec: [n] deg (ICRS).
    size: side of a cutout, pixels.

  Returns:
    [n, 2] int64, (x, y).
  """
  places = celestial.to_pixels(grid.wcs, np.stack([ra, dec], axis=-1))
  places = np.where(np.isfinite(places), places, _FAR)  # on the other side of the sky
  return np.round(places - (size - 1) / 2).astype(np.int64)


def corners(reference: Grid, first: np.ndarray, size: int, grid: Grid) -> np.ndarray:
  """Centres of the corner pixels of cutouts, as places in another frame.

  Args:
    reference: the grid of the cutouts.
    first: [n, 2] first column and row of each.
    size: side, pixels.
    grid: the grid of the other frame.

  Returns:
    [n, 4, 2] float64, (x, y), around the cutout.
  """
  last = size - 1
  places = first[:, None, :] + np.array([(0, 0), (last, 0), (last, last), (0, last)], np.float64)
  if grid is reference:
    return places
  return celestial.between(reference.wcs, grid.wcs, places.reshape(-1, 2)).reshape(-1, 4, 2)


def room(places: np.ndarray, grid: Grid, *, resampled: bool) -> np.ndarray:
  """Distance (pixels) of cutouts from the edge of a frame, [n]; negative if they are cut.

  Args:
    places: [n, 4, 2] of `corners`.
    grid: the grid of the frame.
    resampled: whether the cutout is interpolated, which needs a margin.
  """
  height, width = grid.shape
  low = places.min(axis=(1, 2))
  high = (np.array([width, height]) - 1 - places).min(axis=(1, 2))
  distance = np.minimum(low, high) - (_MARGIN if resampled else 0)
  return np.where(np.isnan(distance), -np.inf, distance)  # on the other side of the sky


def scale(places: np.ndarray, size: int) -> np.ndarray:
  """Number of pixels of a frame that one cutout pixel covers, [n]; `places` from `corners`."""
  x, y = places[..., 0], places[..., 1]
  following = np.roll(places, -1, axis=1)
  doubled = (x * following[..., 1] - y * following[..., 0]).sum(axis=1)
  return np.abs(doubled) / 2 / (size - 1) ** 2
