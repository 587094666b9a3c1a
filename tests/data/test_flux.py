"""Tests of the input scaling."""

import json

import numpy as np
import tensorflow as tf

from pzbias_tf.data.flux import InputScaling

SIGNED = np.array([[3.0, -8.0], [0.0, 15.0]], np.float32)
SCALED = np.array([[1.0, -2.0], [0.0, 3.0]], np.float32)


def _images(bands):
  """Bands that look alike, and are bright: [20, 8, 8, bands]."""
  rng = np.random.default_rng(0)
  shape = rng.gamma(2.0, 100.0, [20, 8, 8, 1])
  return (shape * np.arange(1.0, bands + 1) + rng.normal(0, 5, [20, 8, 8, bands])).astype("f4")


class InputScalingTest(tf.test.TestCase):

  def test_sqrt(self):
    self.assertAllClose(InputScaling()(SIGNED), SCALED)

  def test_matrix_multiplies_the_bands(self):
    scaling = InputScaling("sqrt_whitened", ((1.0, 2.0), (0.0, 0.5)))
    self.assertAllClose(scaling(SIGNED), SCALED @ np.array([[1.0, 2.0], [0.0, 0.5]]))

  def test_whitened_bands_are_independent(self):
    images = _images(5)
    scaling = InputScaling.fit("sqrt_whitened", images)
    pixels = scaling(images).numpy().reshape([-1, 5]).astype(np.float64)
    self.assertAllClose(pixels.T @ pixels / len(pixels), np.eye(5), atol=1e-3)
    before = np.corrcoef(images.reshape([-1, 5]).T)
    self.assertAllGreater(before, 0.95)  # so that there was something to do
    self.assertAllClose(scaling(np.zeros([1, 5], np.float32)), np.zeros([1, 5]))

  def test_matrix_does_not_depend_on_the_order_of_bands(self):
    images, order = _images(3), [2, 0, 1]
    matrix = np.array(InputScaling.fit("sqrt_whitened", images).band_matrix)
    turned = np.array(InputScaling.fit("sqrt_whitened", images[..., order]).band_matrix)
    self.assertAllClose(turned, matrix[np.ix_(order, order)])

  def test_json(self):
    scaling = InputScaling.fit("sqrt_whitened", _images(2))
    self.assertEqual(InputScaling.from_json(json.loads(json.dumps(scaling.to_json()))), scaling)

  def test_bad_images(self):
    images = _images(3)
    images[..., 1] = 0
    with self.assertRaisesRegex(ValueError, "empty"):
      InputScaling.fit("sqrt_whitened", images)
    images[..., 1] = images[..., 2]
    with self.assertRaisesRegex(ValueError, "one band twice"):
      InputScaling.fit("sqrt_whitened", images)

  def test_bad_attributes(self):
    with self.assertRaisesRegex(ValueError, "sqrt, sqrt_whitened"):
      InputScaling("asinh")
    with self.assertRaisesRegex(ValueError, "only there"):
      InputScaling("sqrt", ((1.0,),))
    with self.assertRaisesRegex(ValueError, "square"):
      InputScaling("sqrt_whitened", ((1.0, float("nan")), (0.0, 1.0)))


if __name__ == "__main__":
  tf.test.main()
