"""Rotations, shifts and LAMB: the one module that imports tensorflow-addons.

Its last version supports TensorFlow 2.15 (Python 3.11).  Where it is not
installed, TensorFlow's own op transforms the images, and LAMB is that of Keras 3.
"""

from __future__ import annotations

from typing import Any
import warnings

import tensorflow as tf

try:
  with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # its end-of-life notice, at every import
    import tensorflow_addons as tfa
except ImportError:
  tfa = None


def rotate(flux: tf.Tensor, angles: tf.Tensor) -> tf.Tensor:
  """Rotates images counter-clockwise about their centres, bilinearly.

  Args:
    flux: [batch, height, width, band] float32.
    angles: [batch] float32, radians.

  Returns:
    Rotated images, same shape; 0 in pixels that come from beyond the edge.
  """
  if tfa is None:
    return projective_transform(flux, rotation_transforms(angles, flux.shape[1:3]))
  rotated = tfa.image.rotate(flux, angles, interpolation="bilinear", fill_mode="constant")
  return tf.ensure_shape(rotated, flux.shape)  # which tensorflow-addons forgets


def translate(flux: tf.Tensor, shifts: tf.Tensor) -> tf.Tensor:
  """Shifts images, bilinearly.

  Args:
    flux: [batch, height, width, band] float32.
    shifts: [batch, 2] float32, pixels to the right and down.

  Returns:
    Shifted images, same shape; 0 in pixels that come from beyond the edge.
  """
  if tfa is None:
    return projective_transform(flux, translation_transforms(shifts))
  shifted = tfa.image.translate(flux, shifts, interpolation="bilinear", fill_mode="constant")
  return tf.ensure_shape(shifted, flux.shape)


def lamb(learning_rate: Any, *, epsilon: float) -> Any:
  """LAMB (You et al. 2019, arXiv:1904.00962) with its published decay rates.

  Args:
    learning_rate: a number or a schedule.
    epsilon: added to the denominator of the update.
  """
  if tfa is None:
    return tf.keras.optimizers.Lamb(learning_rate, epsilon=epsilon)
  return tfa.optimizers.LAMB(learning_rate, epsilon=epsilon)


def projective_transform(flux: tf.Tensor, transforms: tf.Tensor) -> tf.Tensor:
  """TensorFlow's own bilinear transform, given from output to input pixels.

  Args:
    flux: [batch, height, width, band] float32.
    transforms: [batch, 8] float32 (a0, a1, a2, b0, b1, b2, c0, c1): the output
      pixel (x, y) shows the input's (a0 x + a1 y + a2, b0 x + b1 y + b2).

  Returns:
    Transformed images, same shape; 0 in pixels that come from beyond the edge.
  """
  moved = tf.raw_ops.ImageProjectiveTransformV3(
      images=flux, transforms=transforms, output_shape=tf.shape(flux)[1:3], fill_value=0.0,
      interpolation="BILINEAR", fill_mode="CONSTANT")
  return tf.ensure_shape(moved, flux.shape)


def rotation_transforms(angles: tf.Tensor, size: tf.TensorShape) -> tf.Tensor:
  """Transforms [batch, 8] that rotate images of (height, width) about their centres."""
  y, x = ((side - 1) / 2.0 for side in size)
  cosine, sine = tf.cos(angles), tf.sin(angles)
  return _transforms([cosine, -sine, x - x * cosine + y * sine,
                      sine, cosine, y - x * sine - y * cosine])


def translation_transforms(shifts: tf.Tensor) -> tf.Tensor:
  """Transforms [batch, 8] that shift images by [batch, 2] pixels (right, down)."""
  one, none = tf.ones_like(shifts[:, 0]), tf.zeros_like(shifts[:, 0])
  return _transforms([one, none, -shifts[:, 0], none, one, -shifts[:, 1]])


def _transforms(columns):
  none = tf.zeros_like(columns[0])
  return tf.stack([*columns, none, none], axis=-1)
