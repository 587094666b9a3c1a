"""Sums of Gaussians from tables are those of the exponentials themselves."""

from __future__ import annotations

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools.simulation.gaussian_sums import sum_of_gaussians


def inverse_covariance(major: np.ndarray, minor: np.ndarray, angle: np.ndarray) -> np.ndarray:
  """Inverse covariances [n, g, 3] of ellipses with these standard deviations, pixels."""
  cos, sin = np.cos(angle), np.sin(angle)
  return np.stack([cos**2 / major**2 + sin**2 / minor**2,
                   cos * sin * (1 / major**2 - 1 / minor**2),
                   sin**2 / major**2 + cos**2 / minor**2], axis=-1)


def exact(amplitude: np.ndarray, inverse: np.ndarray, offset: np.ndarray, size: int) -> np.ndarray:
  """The same sums by their definition, in float64."""
  pixel = np.arange(size) - (size - 1) / 2
  x = (pixel - offset[:, :1])[:, None, None, :]
  y = (pixel - offset[:, 1:])[:, None, :, None]
  xx, xy, yy = np.moveaxis(inverse, -1, 0)[..., None, None]
  planes = np.exp(-0.5 * (xx * x**2 + 2 * xy * x * y + yy * y**2))
  return np.sum(amplitude[:, :, None, None] * planes, axis=1)


class GaussianSumsTest(parameterized.TestCase, tf.test.TestCase):

  @parameterized.product(
      degrees=(0, 10, 20, 45, 70, 90, 110, 135, 160, 170), ratio=(1.0, 0.5, 0.2, 0.05),
      size=(16, 33))
  def test_one_ellipse(self, degrees, ratio, size):
    """At any angle and of any axis ratio, so that some are steep and some are mirrored."""
    inverse = inverse_covariance(np.array([[6.0]]), np.array([[6.0 * ratio]]),
                                 np.radians([[degrees]]))
    offset = np.array([[0.4, -2.3]])
    image = sum_of_gaussians(np.array([[3.0]]), inverse, np.array([6.0]), offset, size)
    self.assertEqual(image.dtype, np.float32)
    # 4e-6 of a peak is left out.
    self.assertAllClose(image, exact(np.array([[3.0]]), inverse, offset, size),
                        rtol=0, atol=1.2e-5)

  @parameterized.parameters(8, 32, 95)
  def test_many_galaxies_of_several_gaussians(self, size):
    """Each has its own orientation and place; narrow Gaussians stand beside wide ones."""
    rng = np.random.default_rng(size)
    sigma = np.array([0.8, 1.5, 4.0, 20.0])
    minor = np.maximum(sigma * rng.uniform(0.15, 1.0, (50, 1)), 0.8)
    inverse = inverse_covariance(np.broadcast_to(sigma, (50, 4)), minor,
                                 np.pi * rng.random((50, 1)))
    steep = np.abs(inverse[..., 1]) > np.minimum(inverse[..., 0], inverse[..., 2])
    self.assertBetween(steep.mean(), 0.01, 0.5)
    amplitude, offset = rng.random((50, 4)), 3 * rng.random((50, 2)) - 1.5
    images = sum_of_gaussians(amplitude, inverse, sigma, offset, size)
    self.assertAllClose(images, exact(amplitude, inverse, offset, size), rtol=0, atol=1e-5)

  @parameterized.parameters(0.0, 1e-35, 1e6)
  def test_faint_and_bright(self, amplitude):
    inverse = inverse_covariance(np.full((2, 1), 2.0), np.full((2, 1), 1.0),
                                 np.radians([[30.0], [150.0]]))
    images = sum_of_gaussians(np.full((2, 1), amplitude), inverse, np.array([2.0]),
                              np.zeros((2, 2)), 24)
    self.assertAllClose(images, exact(np.full((2, 1), amplitude), inverse, np.zeros((2, 2)), 24),
                        rtol=0, atol=4e-6 * amplitude)
    self.assertAllEqual(images[1], images[0, :, ::-1])

  def test_no_galaxies(self):
    images = sum_of_gaussians(np.zeros((0, 2)), np.zeros((0, 2, 3)), np.ones(2),
                              np.zeros((0, 2)), 8)
    self.assertEqual(images.shape, (0, 8, 8))


if __name__ == "__main__":
  tf.test.main()
