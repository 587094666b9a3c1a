"""Sums of elliptical Gaussians on a grid of pixels.  Used by `rendering`.

The exponent of a Gaussian is a sum of three squares,

  xx x^2 + 2 xy x y + yy y^2 = (xx - |xy|) x^2 + (yy - |xy|) y^2 + |xy| (x +- y)^2,

so that the Gaussian is the product of three tables: of x, of y and of x +- y.  They have as
many entries as an image has rows, while the image would need an exponential for every pixel.
Where |xy| is greater than xx or yy, in about one Gaussian of a hundred, a table could
overflow; these Gaussians are computed pixel by pixel.
"""

from __future__ import annotations

import numpy as np

# A Gaussian is evaluated out to this many standard deviations, where it has fallen to 4e-6
# of its peak; most Gaussians of most galaxies then cover only a part of the image.
_REACH = 5.0
# Factors below this are taken as zero, so that no product of three is so small that a
# processor takes long to multiply it.
_NEGLIGIBLE = 1e-12


def sum_of_gaussians(amplitude: np.ndarray, inverse: np.ndarray, sigma: np.ndarray,
                     offset: np.ndarray, size: int) -> np.ndarray:
  """Sums the Gaussians of each galaxy.

  Args:
    amplitude: values at the centres, [n, g].
    inverse: inverse covariances, pixels^-2, [n, g, 3] (xx, xy, yy).  xy has the same sign for
      all Gaussians of a galaxy, since they have the same orientation.
    sigma: largest standard deviation of each Gaussian among the galaxies, pixels, [g].
    offset: centres relative to the middle of the image, pixels, [n, 2] (x, y).
    size: side of an image, pixels.

  Returns:
    [n, size, size] float32; axis 1 is y.
  """
  xx, xy, yy = np.moveaxis(inverse, -1, 0)
  steep = np.abs(xy) > np.minimum(xx, yy)
  # Images in which y falls with x are computed mirrored.
  mirrored = np.any(xy > 0, axis=1)
  centre = offset * np.where(mirrored[:, None], [-1.0, 1.0], 1.0)
  squares = np.stack([xx, yy, np.zeros_like(xx)]) + np.abs(xy) * [[[-1.0]], [[-1.0]], [[1.0]]]
  images = _by_tables(np.where(steep, 0.0, amplitude), np.maximum(squares, 0.0), sigma, centre,
                      size)
  images[mirrored] = images[mirrored, :, ::-1]
  rows = np.nonzero(steep)[0]
  for row, plane in zip(rows, _by_pixels(amplitude[steep], inverse[steep], offset[rows], size)):
    images[row] += plane
  return images


def _by_tables(amplitude, squares, sigma, centre, size):
  """The sum of Gaussians with three positive squares: x^2, y^2 and (x - y)^2, [3, n, g]."""
  pixel = np.arange(size) - (size - 1) / 2
  x_centre, y_centre = centre.T
  along_x = _table(pixel, x_centre, squares[0])
  along_y = _table(pixel, y_centre, squares[1])
  along_y *= amplitude.T[:, None]
  across = _table(np.arange(1 - size, size), x_centre - y_centre, squares[2])
  # The same table, seen as [g, y, x, n]: x - y is constant along diagonals.
  step, *others = across.strides[1:]
  across = np.lib.stride_tricks.as_strided(
      across[:, size - 1:], (len(across), size, size, len(centre)),
      (across.strides[0], -step, step, *others), writeable=False)
  total = np.zeros((size, size, len(centre)), np.float32)
  memory = np.empty_like(total)
  reaches = np.ceil(_REACH * sigma + np.abs(centre).max(initial=0.0)).astype(int) + 1
  for g, reach in enumerate(reaches):
    inside = slice(max(size // 2 - reach, 0), size // 2 + reach)
    part = total[inside, inside]
    plane = memory.reshape(-1)[:part.size].reshape(part.shape)
    np.multiply(across[g, inside, inside], along_x[g, inside], out=plane)
    plane *= along_y[g, inside, None]
    part += plane
  return np.moveaxis(total, -1, 0).copy()


def _table(place, centre, square):
  """exp(-square (place - centre)^2 / 2), [g, places, n] float32."""
  minus_half_squared = (-0.5 * (place[:, None] - centre) ** 2).astype(np.float32)
  table = square.T.astype(np.float32, order="C")[:, None] * minus_half_squared
  np.exp(table, out=table)
  table[table < _NEGLIGIBLE] = 0.0
  return table


def _by_pixels(amplitude, inverse, centre, size):
  """Single Gaussians, [m, size, size] float32."""
  pixel = np.arange(size) - (size - 1) / 2
  dx, dy = pixel - centre[:, :1], pixel - centre[:, 1:]
  xx, xy, yy = inverse.T[:, :, None]
  along_x, along_y = (-0.5 * xx * dx**2).astype(np.float32), (-0.5 * yy * dy**2).astype(np.float32)
  planes = (-xy * dy).astype(np.float32)[:, :, None] * dx.astype(np.float32)[:, None]
  planes += along_y[:, :, None]
  planes += along_x[:, None]
  np.exp(planes, out=planes)
  planes *= amplitude[:, None, None]
  return planes
