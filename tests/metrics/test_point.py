"""Metrics of point estimates."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.metrics import point
from pzbias_tf.survey import CFHTLS_WIDE, SDSS

_METRICS = (
    point.mean_residual, point.sigma_mad, point.bias_rail, point.sigma_iqr_rail,
    point.outlier_fraction_rail, lambda a, b: point.outlier_fraction(a, b, SDSS))


def _with_residuals(dz):
  z_spec = np.linspace(0.05, 0.35, len(dz))
  return z_spec, z_spec + np.asarray(dz) * (1 + z_spec)


class PointTest(tf.test.TestCase, parameterized.TestCase):

  def test_by_hand(self):
    z = _with_residuals([-0.01, 0.0, 0.01, 0.02, 0.2])
    self.assertAllClose(point.mean_residual(*z), 0.044)
    self.assertAllClose(point.sigma_mad(*z), 1.4826 * 0.01)
    self.assertAllClose(point.outlier_fraction(*z, SDSS), 0.2)
    self.assertAllClose(point.bias_rail(*z), 0.01)
    self.assertAllClose(point.sigma_iqr_rail(*z), 0.02 / 1.349)

  def test_outlier_threshold_is_the_survey_s(self):
    z = _with_residuals([0.0, 0.1, 0.2, -0.2])
    self.assertEqual(point.outlier_fraction(*z, SDSS), 0.75)
    self.assertEqual(point.outlier_fraction(*z, CFHTLS_WIDE), 0.5)

  def test_rail_outliers_scale_with_the_scatter(self):
    narrow = _with_residuals([0.0] * 8 + [0.061, 0.059])
    self.assertEqual(point.outlier_fraction_rail(*narrow), 0.1)
    wide = _with_residuals([-0.1] * 10 + [0.1] * 10 + [0.4, 0.5])
    limit = 3 * point.sigma_iqr_rail(*wide)
    self.assertBetween(limit, 0.4, 0.5)
    self.assertEqual(point.outlier_fraction_rail(*wide), 1 / 22)

  def test_gaussian_scatter_is_recovered_by_both_conventions(self):
    z = _with_residuals(np.random.default_rng(0).normal(0, 0.01, 100000))
    self.assertAllClose(point.sigma_mad(*z), 0.01, rtol=0.02)
    self.assertAllClose(point.sigma_iqr_rail(*z), 0.01, rtol=0.02)

  @parameterized.parameters(*_METRICS)
  def test_perfect_estimates_score_zero(self, metric):
    self.assertEqual(metric([0.1, 0.2], [0.1, 0.2]), 0.0)

  @parameterized.parameters(*_METRICS)
  def test_bad_columns_are_refused(self, metric):
    for z_spec, z_photo, message in (
        ([0.1], [0.1, 0.2], "z_photo has 2"), ([], [], "z_spec is empty"),
        ([0.1], [np.nan], "z_photo is not finite"), ([-1.0], [0.1], "placeholder")):
      with self.assertRaisesRegex(ValueError, message):
        metric(z_spec, z_photo)

  def test_scatter_by_magnitude(self):
    rng = np.random.default_rng(1)
    r_mag = np.concatenate([rng.uniform(12.5, 13.0, 4000), rng.uniform(17.5, 19.0, 4000)])
    sigma = np.where(r_mag < 15, 0.005, 0.02)
    z = _with_residuals(rng.normal(0, 1, 8000) * sigma)
    curve = point.sigma_mad_by_magnitude(*z, r_mag, SDSS, seed=1)
    self.assertAllClose(curve.mean[[0, 10]], [0.005, 0.02], rtol=0.06)
    # A median absolute deviation of n normal numbers has an error of 1.17 sigma / sqrt(n).
    self.assertAllClose(
        curve.error[[0, 10]], np.array([0.005, 0.02]) * 1.17 / np.sqrt(4000), rtol=0.35)
    self.assertAllClose(curve.r_mag[[0, 10]], [12.75, 18.25], atol=0.03)
    for values in curve:
      self.assertAllEqual(np.flatnonzero(np.isnan(values)), range(1, 10))

  def test_seed_decides(self):
    z = _with_residuals(np.random.default_rng(2).normal(0, 0.01, 100))
    means = [
        point.sigma_mad_by_magnitude(*z, np.full(100, 15.2), SDSS, seed=seed).mean[5]
        for seed in (0, 0, 1)]
    self.assertEqual(means[0], means[1])
    self.assertNotEqual(means[0], means[2])

  def test_bad_settings_are_refused(self):
    with self.assertRaisesRegex(ValueError, "num_bootstrap must be a whole number of at least 2"):
      point.sigma_mad_by_magnitude([0.1], [0.1], [15.0], SDSS, num_bootstrap=1)
    with self.assertRaisesRegex(ValueError, "r_mag has 2"):
      point.sigma_mad_by_magnitude([0.1], [0.1], [15.0, 16.0], SDSS)


if __name__ == "__main__":
  tf.test.main()
