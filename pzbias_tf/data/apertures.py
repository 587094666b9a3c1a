"""Simple measurements of images, to check a data set: brightness, place and shape of the peak."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

APERTURE = 0.25
"""Radius of the central aperture, as a fraction of the image's side."""


def measure_images(flux: tf.Tensor) -> dict[str, tf.Tensor]:
  """Measures a batch of images; compiles under XLA.

  Args:
    flux: [batch, size, size, band] float32.

  Returns:
    "aperture_flux" [batch, band], flux summed over the central aperture;
    "peak_offset" [batch], distance in pixels between the image's centre and the
    brightest place of the sum of bands, averaged over 3 x 3 pixels;
    "plateau" [batch] int32, the largest number of pixels in one band that share
    the band's highest value: more than one or two mean saturation.
  """
  size = flux.shape[1]
  away = np.hypot(*np.meshgrid(*[np.arange(size) - 0.5 * (size - 1)] * 2)).astype(np.float32)
  disc = tf.constant(away <= APERTURE * size, flux.dtype)
  smooth = tf.nn.avg_pool2d(tf.reduce_sum(flux, -1, keepdims=True), 3, 1, "VALID")
  brightest = tf.argmax(tf.reshape(smooth, [-1, (size - 2) ** 2]), -1)
  pixels = tf.reshape(flux, [-1, size * size, flux.shape[3]])  # one axis takes half the time of two
  highest = tf.reduce_max(pixels, 1, keepdims=True)
  equal = tf.reduce_sum(tf.cast(tf.equal(pixels, highest), tf.int32), 1)
  return {"aperture_flux": tf.einsum("bxyc,xy->bc", flux, disc),
          "peak_offset": tf.gather(tf.constant(away[1:-1, 1:-1].ravel()), brightest),
          "plateau": tf.reduce_max(equal, -1)}
