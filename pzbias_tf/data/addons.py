"""The one place that imports tensorflow-addons."""

from __future__ import annotations

import warnings

import tensorflow as tf

try:
  with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # its end-of-life notice, at every import
    import tensorflow_addons as tfa
except ImportError as error:
  raise ImportError("rotation by any angle needs tensorflow-addons, which ends at TensorFlow "
                    "2.15 (Python 3.11); without it, use --augment=dihedral") from error


def rotate(flux: tf.Tensor, angles: tf.Tensor) -> tf.Tensor:
  """Rotates images counter-clockwise about their centres, bilinearly.

  Args:
    flux: [batch, height, width, band] float32.
    angles: [batch] float32, radians.

  Returns:
    Rotated images, same shape, 0 where nothing was seen.
  """
  rotated = tfa.image.rotate(flux, angles, interpolation="bilinear", fill_mode="constant")
  return tf.ensure_shape(rotated, flux.shape)  # which tensorflow-addons forgets
