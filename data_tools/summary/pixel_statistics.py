"""Statistics of the pixels of each band."""

from __future__ import annotations

import dataclasses

import numpy as np

PERCENTILES = (0.1, 1, 16, 50, 84, 99, 99.9)
_BORDER = 3  # pixels on each side, taken as sky


@dataclasses.dataclass(frozen=True, kw_only=True)
class BandStatistics:
  """Statistics of a sample of images in stored flux, [bands] each.

  Attributes:
    sky_rms: 1.4826 times the median absolute deviation of an image's border pixels from
      their median, median over images: neither a neighbour at the border nor the level of
      the sky affects it.
    flux: sum of all pixels of an image, median over images.
    percentiles: [PERCENTILES, bands] of all pixels.
  """

  sky_rms: np.ndarray
  flux: np.ndarray
  percentiles: np.ndarray


def band_statistics(images: np.ndarray) -> BandStatistics:
  """Measures a sample.

  Args:
    images: [n, height, width, band] float32.
  """
  border = images[:, _border(*images.shape[1:3])]
  deviation = np.abs(border - np.median(border, axis=1, keepdims=True))
  return BandStatistics(
      sky_rms=1.4826 * np.median(np.median(deviation, axis=1), axis=0),
      flux=np.median(images.sum(axis=(1, 2), dtype=np.float64), axis=0),
      percentiles=np.percentile(images, PERCENTILES, axis=(0, 1, 2)))


def _border(height: int, width: int) -> np.ndarray:
  """True at the pixels of the border, [height, width]."""
  inside = np.zeros((height, width), bool)
  inside[_BORDER:height - _BORDER, _BORDER:width - _BORDER] = True
  return ~inside
