"""Colour pictures of galaxies."""

from __future__ import annotations

from typing import Sequence

import numpy as np

# Flux (nanomaggies a pixel) of mid-grey in i, r, g: the colours of SDSS's pictures, roughly.
SDSS_GREY = (0.35, 0.22, 0.12)
_GREY_NOISE = 8.0  # mid-grey in units of a pixel's noise: what SDSS_GREY is in SDSS's frames
_SOFTENING = 8.0


def colour_channels(bands: Sequence[str]) -> tuple[int, int, int]:
  """Bands to show as red, green and blue: i, r, g, or the reddest, middle and bluest."""
  if {"g", "r", "i"} <= set(bands):
    return tuple(bands.index(band) for band in "irg")
  return len(bands) - 1, len(bands) // 2, 0


def grey_of(images: np.ndarray) -> np.ndarray:
  """Mid-grey of each band, from the noise of pixels, in whatever unit they have.

  Args:
    images: [n, height, width, bands].

  Returns:
    [bands] float64.
  """
  middle = np.median(images, axis=(0, 1, 2))
  noise = 1.4826 * np.median(np.abs(images - middle), axis=(0, 1, 2))
  return _GREY_NOISE * np.maximum(noise, np.finfo(np.float32).tiny).astype(np.float64)


def colour_picture(image: np.ndarray, grey: Sequence[float] = SDSS_GREY) -> np.ndarray:
  """Red, green and blue with an asinh stretch that keeps colours.

  The stretch is that of Lupton et al. (2004): the mean of the bands is compressed
  and the colours are scaled along with it.

  Args:
    image: [height, width, 3] flux of the bands shown as red, green and blue.
    grey: flux of mid-grey in these bands.

  Returns:
    [height, width, 3] float64 in [0, 1].
  """
  scaled = image / np.asarray(grey, np.float64)
  mean = np.maximum(scaled.mean(-1, keepdims=True), 1e-6)
  bright = np.arcsinh(_SOFTENING * mean) / np.arcsinh(_SOFTENING * 30)
  picture = scaled * bright / mean + 0.06
  return np.clip(picture / np.maximum(picture.max(-1, keepdims=True), 1.0), 0, 1)
