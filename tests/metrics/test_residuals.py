"""Variances, residual curves and line fits."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf import cells
from pzbias_tf.bias import scatter
from pzbias_tf.metrics import residuals
from pzbias_tf.survey import CFHTLS_WIDE, SDSS


def _catalogue(size=5000, seed=0):
  rng = np.random.default_rng(seed)
  z, r = rng.uniform(0, 0.4, size), rng.uniform(12.0, 18.5, size)
  return z, z + rng.normal(0, 0.02, size), r


class VariancesTest(tf.test.TestCase, parameterized.TestCase):

  def test_galaxy_of_two_outputs_takes_their_mean(self):
    z, z_photo, r = _catalogue()
    sigma = np.linspace(1, 6, 6)
    of_galaxy, grid = residuals.variances(z, z_photo, r, sigma, SDSS)
    by_output, bins = [], SDSS.redshift_bin(z)
    for k in range(6):
      lower = -np.inf if k == 0 else 12.5 - 0.5 + k
      upper = np.inf if k == 5 else 12.5 + 1 + k
      own = (r > lower) & (r <= upper)
      v = scatter.typical_square((z_photo - z)[own] ** 2, bins[own], 180)
      by_output.append(scatter.smooth(v, sigma[k]))
    self.assertEqual((of_galaxy.shape, grid.shape), ((5000,), (11, 180)))
    self.assertAllClose(grid[4], by_output[2], atol=1e-12)
    self.assertAllClose(grid[5], 0.5 * (by_output[2] + by_output[3]), atol=1e-12)
    one, two = np.flatnonzero((r > 14.5) & (r <= 15.0))[0], np.flatnonzero((r > 15) & (r < 15.5))[0]
    self.assertAllClose(of_galaxy[one], by_output[2][bins[one]], atol=1e-12)
    self.assertAllClose(
        of_galaxy[two], 0.5 * (by_output[2] + by_output[3])[bins[two]], atol=1e-12)

  def test_rows_are_closed_above_and_open_ended(self):
    z = np.full(4, 0.1)
    z_photo = z + np.array([0.01, 0.02, 0.03, 0.04])
    r = np.array([10.0, 13.0, 13.001, 20.0])
    of_galaxy, _ = residuals.variances(z, z_photo, r, np.ones(6), SDSS)
    # Output 0 holds the first three, output 1 the third, output 5 the last.
    v = [(4e-4 + 14e-4 / 3) / 2, 9e-4, 16e-4]
    self.assertAllClose(of_galaxy, [v[0], v[0], 0.5 * (v[0] + v[1]), v[2]], atol=1e-12)

  def test_scatter_is_recovered(self):
    z, z_photo, r = _catalogue(50000)
    of_galaxy, _ = residuals.variances(z, z_photo, r, np.full(6, 10.0), SDSS)
    # (median + mean)/2 of a squared normal number is 0.727.
    self.assertAllClose(np.median(of_galaxy), 0.727 * 0.02 ** 2, rtol=0.05)

  def test_bad_dispersions_are_refused(self):
    z, z_photo, r = _catalogue(10)
    for sigma in (np.ones(5), -np.ones(6)):
      with self.assertRaisesRegex(ValueError, "sigma_disp must hold 6 numbers"):
        residuals.variances(z, z_photo, r, sigma, SDSS)


class CurveTest(tf.test.TestCase, parameterized.TestCase):

  def test_against_z_spec_by_loops(self):
    z, z_photo, _ = _catalogue()
    variance = np.random.default_rng(1).uniform(0, 1e-3, z.size)
    curve = residuals.residual_vs_z_spec(z, z_photo, variance, SDSS)
    dz = (z_photo - z) / (1 + z)
    for index in range(40):
      own = (z >= 0.01 * index) & (z < 0.01 * (index + 1))
      weight = (1 + z[own]) ** 2 / np.maximum(variance[own], 1e-5)
      self.assertAllClose(curve.mean[index], np.average(dz[own], weights=weight))
      self.assertAllClose(curve.error[index], 1 / np.sqrt(weight.sum()))
    self.assertAllClose(curve.z, 0.005 + 0.01 * np.arange(40))

  def test_against_z_photo_by_loops(self):
    z, z_photo, _ = _catalogue()
    curve = residuals.residual_vs_z_photo(z, z_photo, SDSS)
    dz = (z_photo - z) / (1 + z)
    for index in range(40):
      own = dz[(z_photo >= 0.01 * index) & (z_photo < 0.01 * (index + 1))]
      self.assertAllClose(curve.mean[index], own.mean())
      self.assertAllClose(curve.error[index], own.std() / np.sqrt(own.size - 1))

  def test_empty_bins_keep_their_place_as_nan(self):
    z = np.array([0.105, 0.106, 0.305])
    of_spec = residuals.residual_vs_z_spec(z, z + 0.001, np.ones(3), SDSS)
    of_photo = residuals.residual_vs_z_photo(z, z + 0.001, SDSS)
    for curve in (of_spec, of_photo):
      self.assertAllEqual(np.flatnonzero(np.isfinite(curve.mean)), [10, 30])
      self.assertLen(curve.z, 40)
    self.assertAllEqual(np.flatnonzero(np.isfinite(of_spec.error)), [10, 30])
    self.assertAllEqual(np.flatnonzero(np.isfinite(of_photo.error)), [10])  # 30 has one

  def test_estimates_off_the_grid_fall_out(self):
    curve = residuals.residual_vs_z_photo([0.1, 0.1, 0.1], [-0.1, 0.5, 0.1], SDSS)
    self.assertAllEqual(np.flatnonzero(np.isfinite(curve.mean)), [10])

  def test_bad_columns_are_refused(self):
    with self.assertRaisesRegex(ValueError, "variance has 1"):
      residuals.residual_vs_z_spec([0.1, 0.2], [0.1, 0.2], [1.0], SDSS)
    with self.assertRaisesRegex(ValueError, "z_photo is not finite"):
      residuals.residual_vs_z_photo([0.1], [np.inf], SDSS)


class LinearFitTest(tf.test.TestCase):

  def _curve(self, **changes):
    z = cells.wide_centers(SDSS)
    return residuals.Curve(z, 0.01 - 0.03 * z, np.full(40, 0.001))._replace(**changes)

  def test_exact_line(self):
    fit = residuals.linear_fit(self._curve(), 0.15)
    self.assertAllClose(list(fit), [-0.03, 0.01, 0.0, 0.0], atol=1e-12)

  def test_errors_are_those_of_a_least_squares_covariance(self):
    rng = np.random.default_rng(0)
    z, error = cells.wide_centers(SDSS), rng.uniform(0.001, 0.003, 40)
    mean = -0.02 * z + rng.normal(0, 0.002, 40)
    fit = residuals.linear_fit(residuals.Curve(z, mean, error), 0.1)
    above = z > 0.1
    best, covariance = np.polyfit(z[above], mean[above], 1, w=1 / error[above], cov=True)
    self.assertAllClose(list(fit), [*best, *np.sqrt(np.diag(covariance))], rtol=1e-8)

  def test_bins_below_and_bins_without_a_value_or_error_are_left_out(self):
    curve = self._curve()
    mean, error = curve.mean.copy(), curve.error.copy()
    mean[:15], mean[20], mean[25], mean[30] = 7.0, np.nan, 7.0, 7.0
    error[20], error[25], error[30] = np.nan, np.nan, 0.0
    fit = residuals.linear_fit(curve._replace(mean=mean, error=error), 0.15)
    self.assertAllClose(fit[:2], [-0.03, 0.01], atol=1e-12)

  def test_too_few_bins_are_refused(self):
    with self.assertRaisesRegex(ValueError, "three bins above z = 0.385, but the curve has 1"):
      residuals.linear_fit(self._curve(), 0.385)


class SimulatedResidualTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(180, 20, 50, 1000, 7)
  def test_by_loops(self, bins):
    survey = SDSS.with_bins(bins)
    z, _, r = _catalogue()
    grid = np.random.default_rng(1).uniform(1e-4, 1e-3, (11, 1)) * np.ones(bins)
    curve = residuals.simulated_residual(z, r, grid, survey)
    center = cells.wide_centers(survey)
    for index in (0, 13, 39):
      total = weights = 0.0
      for row in range(11):
        own = z[survey.magnitude_row(r) == row]
        count = np.histogram(own, survey.wide_edges())[0]
        kernel = count * np.exp(-(center[index] - center) ** 2 / (2 * grid[row, 0]))
        residual = np.sum(kernel * (center - center[index])) / kernel.sum() / (1 + center[index])
        total += residual * count[index] / grid[row, 0]
        weights += count[index] / grid[row, 0]
      self.assertAllClose(curve.mean[index], total / weights, atol=1e-12)

  def test_pull_is_towards_the_crowd(self):
    rng = np.random.default_rng(2)
    z = np.clip(rng.normal(0.2, 0.05, 20000), 0, 0.4)
    curve = residuals.simulated_residual(z, np.full(20000, 15.2), np.full((11, 180), 4e-4), SDSS)
    self.assertAllGreater(curve.mean[8:18], 0.0)
    self.assertAllLess(curve.mean[22:32], 0.0)

  def test_bins_without_galaxies_or_variance_are_nan(self):
    grid = np.full((11, 180), 1e-3)
    grid[:, :90] = 0.0
    curve = residuals.simulated_residual([0.105, 0.305], [15.2, 15.2], grid, SDSS)
    self.assertAllEqual(np.flatnonzero(np.isfinite(curve.mean)), [30])
    self.assertAllEqual(np.isnan(curve.error), np.ones(40, bool))

  def test_rms_by_galaxies(self):
    """Two bins, of three galaxies and of one; the empty ones do not count."""
    z_photo = np.array([0.101, 0.102, 0.103, 0.301])
    z_spec = z_photo - np.array([0.1, 0.1, 0.1, 0.2])
    curve = residuals.residual_vs_z_photo(z_spec, z_photo, SDSS)
    filled = curve.mean[np.isfinite(curve.mean)]
    self.assertLen(filled, 2)
    expected = np.sqrt((3 * filled[0]**2 + filled[1]**2) / 4)
    self.assertAllClose(residuals.rms_by_galaxies(curve, z_photo, SDSS), expected, rtol=1e-12)
    self.assertTrue(np.isnan(residuals.rms_by_galaxies(curve, np.array([9.0]), SDSS)))

  def test_wrong_grid_is_refused(self):
    with self.assertRaisesRegex(ValueError, r"variance_grid must have shape \[19, 1000\]"):
      residuals.simulated_residual([0.1], [20.0], np.ones((11, 180)), CFHTLS_WIDE)


if __name__ == "__main__":
  tf.test.main()
