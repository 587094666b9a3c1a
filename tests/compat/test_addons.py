"""Rotations and shifts: their direction, and the agreement of both implementations."""

from unittest import mock

import numpy as np
import tensorflow as tf

from pzbias_tf.compat import addons
from pzbias_tf.data.augment import MAX_SHIFT, shift_randomly

KEY = tf.constant([1, 2], tf.int64)


def images(size=17):
  rng = np.random.default_rng(0)
  return tf.constant(rng.normal(size=(6, size, size + 2, 5)).astype(np.float32))


def angles():
  return tf.constant([0.0, 0.3, np.pi / 2, 2.0, np.pi, 6.0], tf.float32)


def shifts():
  return tf.constant([[0, 0], [1, 0], [0, 1], [-2.5, 0.25], [0.4, -0.6], [30, 0]], tf.float32)


class AddonsTest(tf.test.TestCase):

  def test_tensorflow_addons_and_tensorflow_agree(self):
    if addons.tfa is None:
      self.skipTest("tensorflow-addons is not installed: TensorFlow is newer than 2.15")
    theirs = [addons.rotate(images(), angles()), addons.translate(images(), shifts())]
    with mock.patch.object(addons, "tfa", None):
      own = [addons.rotate(images(), angles()), addons.translate(images(), shifts())]
    self.assertAllClose(theirs, own, atol=1e-5)

  def test_a_quarter_turn_is_counter_clockwise(self):
    square = images()[:, :, :17]
    turned = addons.rotate(square, tf.fill([6], np.float32(np.pi / 2)))
    self.assertAllClose(turned, np.rot90(square, axes=(1, 2)), atol=1e-5)

  def test_a_shift_goes_right_and_down(self):
    moved = addons.translate(images(), tf.fill([6, 1], 1.0) * [[2.0, 1.0]]).numpy()
    self.assertAllClose(moved[:, 1:, 2:], images()[:, :-1, :-2])
    self.assertAllEqual(moved[:, 0], np.zeros_like(moved[:, 0]))
    self.assertAllEqual(moved[:, :, :2], np.zeros_like(moved[:, :, :2]))

  def test_random_shifts_are_repeatable_small_and_different(self):
    star = np.zeros([40, 9, 9, 1], np.float32)
    star[:, 4, 4] = 1
    moved = shift_randomly(tf.constant(star), KEY).numpy()[..., 0]
    self.assertAllEqual(moved, shift_randomly(tf.constant(star), KEY).numpy()[..., 0])
    self.assertAllClose(moved.sum((1, 2)), np.ones(40), atol=1e-5)
    x = (moved.sum(1) @ np.arange(9)) - 4
    self.assertLess(np.abs(x).max(), MAX_SHIFT)
    self.assertAllClose(np.std(x), MAX_SHIFT / np.sqrt(3), rtol=0.3)


if __name__ == "__main__":
  tf.test.main()
