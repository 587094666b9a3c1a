"""Dispersions: the cross-entropy and the search for its global minimum."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.bias import dispersion
from pzbias_tf.survey import SDSS


def _cross_entropy_by_loops(sigma, x, y):
  bins = len(x)
  blurred = np.zeros(bins)
  for center in range(bins):
    if sigma > 0:
      kernel = np.exp(-(np.arange(bins) - center) ** 2 / (2 * sigma ** 2))
    else:
      kernel = (np.arange(bins) == center).astype(float)
    blurred += x[center] * kernel / kernel.sum()
  return -np.sum(y * np.log(np.clip(blurred, 1e-5, 1 - 1e-5)))


def _distributions(bins, seed):
  rng = np.random.default_rng(seed)
  x, y = rng.dirichlet(np.full(bins, 0.3)), rng.dirichlet(np.full(bins, 2.0))
  return x, y


class DispersionTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(0.0, 1e-9, 0.3, 1.0, 7.0, 40.0, 1000.0)
  def test_cross_entropy_is_the_definition(self, sigma):
    x, y = _distributions(37, 0)
    self.assertAllClose(
        dispersion.dispersion_cross_entropy(sigma, x, y),
        _cross_entropy_by_loops(sigma if sigma > 1e-3 else 0.0, x, y), rtol=1e-12, atol=0)

  @parameterized.parameters(-0.1, 1000.1, np.nan)
  def test_sigma_out_of_range_is_refused(self, sigma):
    with self.assertRaisesRegex(ValueError, "sigma must be in"):
      dispersion.dispersion_cross_entropy(sigma, [1.0], [1.0])

  def test_lengths_must_match(self):
    with self.assertRaisesRegex(ValueError, "y has 1"):
      dispersion.dispersion_cross_entropy(1.0, [0.5, 0.5], [1.0])

  @parameterized.parameters(range(5))
  def test_fit_is_no_worse_than_a_dense_scan(self, seed):
    x, y = _distributions(40, seed)
    fitted = dispersion.dispersion_cross_entropy(dispersion.fit_dispersion(x, y), x, y)
    scan = min(_cross_entropy_by_loops(s, x, y) for s in np.geomspace(0.01, 1000, 700))
    self.assertLessEqual(fitted, scan + 1e-9)

  def test_known_blur_is_recovered(self):
    bins = np.arange(200)
    x = np.exp(-0.5 * ((bins - 100) / 6.0) ** 2)
    y = np.exp(-0.5 * ((bins - 100) / 10.0) ** 2)
    self.assertAllClose(dispersion.fit_dispersion(x / x.sum(), y / y.sum()), 8.0, atol=0.05)

  def test_equal_point_masses_need_no_blur(self):
    x = np.eye(20)[4]
    self.assertEqual(dispersion.fit_dispersion(x, x), 0.0)

  def test_density_and_outputs(self):
    density = dispersion.density([0.001, 0.4, 0.5, 0.001], [12.6, 13.2, 99.0, 12.6], SDSS)
    self.assertEqual(density[0, 0], 0.5)
    self.assertEqual(density[179, 1], 0.25)
    self.assertEqual(density[179, 10], 0.25)
    outputs = dispersion.output_distributions(density, SDSS)
    self.assertAllClose(outputs.sum(axis=1), [1, 1, 0, 0, 0, 1])
    self.assertAllClose(outputs[0, [0, 179]], [2 / 3, 1 / 3])

  def test_output_without_galaxies_keeps_one(self):
    z = np.linspace(0.05, 0.1, 50)
    fitted = dispersion.fit_dispersions(z, z, np.full(50, 12.6), SDSS)
    self.assertAllEqual(fitted[1:], np.ones(5))
    self.assertNotEqual(fitted[0], 1.0)


if __name__ == "__main__":
  tf.test.main()
