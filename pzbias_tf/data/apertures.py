"""Simple measurements of images, to check a data set: brightness, place and shape of the peak."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

APERTURE = 0.25
"""Radius of the central aperture, as a fraction of the image's side."""


CORNER = 0.15
"""Side of a corner, as a fraction of the image's side."""


def measure_images(flux: tf.Tensor) -> dict[str, tf.Tensor]:
  """Measures a batch of images; compiles under XLA.

  Args:
    flux: [batch, size, size, band] float32.

  Returns:
    "aperture_flux" [batch, band], flux summed over the central aperture;
    "peak_offset" [batch], distance in pixels between the image's centre and the
    brightest place of the sum of bands, averaged over 3 x 3 pixels;
    "corner_flux" [batch, band], the lowest mean of absolute fluxes in one of the four
    corners, which is that of noise and sky where no neighbour stands;
    "plateau" [batch] int32, the largest number of pixels in one band that share
    the band's highest value: more than one or two mean saturation.
  """
  size = flux.shape[1]
  away = np.hypot(*np.meshgrid(*[np.arange(size) - 0.5 * (size - 1)] * 2)).astype(np.float32)
  disc = tf.constant((away <= APERTURE * size).ravel(), flux.dtype)
  # With the pixels of a band side by side, all sums together take half the time.
  bands = tf.transpose(tf.reshape(flux, [-1, size * size, flux.shape[3]]), [0, 2, 1])
  smooth = _sums_of_9(tf.reshape(tf.reduce_sum(bands, 1), [-1, size, size]))
  brightest = tf.argmax(tf.reshape(smooth, [-1, (size - 2) ** 2]), -1)
  equal = tf.cast(tf.equal(bands, tf.reduce_max(bands, -1, keepdims=True)), tf.float32)
  return {"aperture_flux": tf.linalg.matvec(bands, disc), "corner_flux": _corners(flux),
          "peak_offset": tf.gather(tf.constant(away[1:-1, 1:-1].ravel()), brightest),
          "plateau": tf.cast(tf.reduce_max(tf.reduce_sum(equal, -1), -1), tf.int32)}


def _corners(flux):
  """The lowest mean of absolute fluxes in a corner [batch, band]."""
  side = max(1, round(CORNER * flux.shape[1]))
  rows = (slice(None, side), slice(-side, None))
  return tf.reduce_min(tf.stack([tf.reduce_mean(tf.abs(flux[:, row, column]), axis=(1, 2))
                                 for row in rows for column in rows]), axis=0)


def _sums_of_9(image):
  """Sums of 3 x 3 pixels of [batch, size, size]; adding slices takes less time than pooling."""
  rows = image[:, :-2] + image[:, 1:-1] + image[:, 2:]
  return rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
