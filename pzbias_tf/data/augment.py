"""Augmentation of training images: dihedral views, rotations by any angle, shifts.

The dihedral group holds the rotations by 90 degrees and the mirror images.  Its
elements are the numbers 0 to 7, whose bits are steps in this order: bit 0 swaps
the axes, bit 1 flips left-right, bit 2 flips up-down.
"""

from __future__ import annotations

from typing import Mapping

import numpy as np
import tensorflow as tf

DIHEDRAL_ELEMENTS = 8
"""Size of the group; element 0 changes nothing."""

MAX_SHIFT = 1.0
"""Largest random shift along an axis, pixels: about the error of catalogue positions."""


def dihedral_numpy(image: np.ndarray, element: int) -> np.ndarray:
  """Transforms one image by one element of the dihedral group.

  Args:
    image: [height, width, band]; must be square if `element` is odd.
    element: 0 to 7, see the module.

  Returns:
    The transformed image, same shape and dtype, contiguous.

  Raises:
    ValueError: there is no such element, or the image to transpose is not square.
  """
  if not 0 <= element < DIHEDRAL_ELEMENTS:
    raise ValueError(f"the dihedral group has elements 0 to 7, got {element}")
  if element & 1:
    if image.shape[0] != image.shape[1]:
      raise ValueError(f"cannot transpose an image of shape {image.shape}, which is not square; "
                       "pass square images")
    image = image.swapaxes(0, 1)
  if element & 2:
    image = image[:, ::-1]
  if element & 4:
    image = image[::-1]
  return np.ascontiguousarray(image)


def dihedral(image: tf.Tensor, element: tf.Tensor) -> tf.Tensor:
  """Transforms each image of a batch by its own element of the dihedral group.

  Three selections without a loop or a gather, so that this compiles under XLA.

  Args:
    image: [batch, size, size, band].
    element: [batch] int, 0 to 7, see the module.

  Returns:
    The transformed images, same shape and dtype.
  """
  def where_bit(bit, changed, image):
    chosen = tf.bitwise.bitwise_and(element, bit) > 0
    return tf.where(chosen[:, tf.newaxis, tf.newaxis, tf.newaxis], changed, image)

  image = where_bit(1, tf.transpose(image, [0, 2, 1, 3]), image)
  image = where_bit(2, tf.reverse(image, [2]), image)
  return where_bit(4, tf.reverse(image, [1]), image)


def dihedral_view(image: tf.Tensor, element: int) -> tf.Tensor:
  """Transforms a batch by one element of the dihedral group.

  Args:
    image: [batch, size, size, band].
    element: 0 to 7, see the module.

  Returns:
    The transformed images, same shape and dtype.
  """
  if element & 1:
    image = tf.transpose(image, [0, 2, 1, 3])
  flipped = [axis for bit, axis in ((2, 2), (4, 1)) if element & bit]
  return tf.reverse(image, flipped) if flipped else image


def in_views(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
  """A batch with each "image" in its own "view"; a batch of photometry has none and stays."""
  if "image" not in batch:
    return dict(batch)
  return {**batch, "image": dihedral(batch["image"], batch["view"])}


def rotate_any_angle(flux: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
  """Rotates each image of a batch by a random angle, bilinearly.

  Pixels from beyond the edge are 0, the level of the subtracted sky.

  Args:
    flux: [batch, height, width, band] float32.
    key: stateless seed, [2] int64.

  Returns:
    The rotated images, same shape.
  """
  from pzbias_tf.compat import addons  # slow to import, and rarely needed

  angles = tf.random.stateless_uniform(tf.shape(flux)[:1], key, 0.0, 2.0 * np.pi)
  return addons.rotate(flux, angles)


def shift_randomly(flux: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
  """Shifts each image of a batch by up to MAX_SHIFT pixels along either axis, bilinearly.

  Args:
    flux: [batch, height, width, band] float32.
    key: stateless seed, [2] int64.

  Returns:
    The shifted images, same shape; pixels from beyond the edge are 0.
  """
  from pzbias_tf.compat import addons  # as above

  shifts = tf.random.stateless_uniform([tf.shape(flux)[0], 2], key, -MAX_SHIFT, MAX_SHIFT)
  return addons.translate(flux, shifts)


INTERPOLATING = {"rotate": rotate_any_angle, "shift": shift_randomly}
"""{word of `--augment`: augmentation that interpolates}, run outside XLA, which has no kernel."""
