"""Total variation and Wasserstein distances."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf import cells
from pzbias_tf.metrics import distributions, residuals
from pzbias_tf.survey import SDSS

_BINS10 = SDSS.with_bins(10)


def _curve(mean=0.0, error=1e-3):
  shape = np.ones(40)
  return residuals.Curve(cells.wide_centers(SDSS), mean * shape, error * shape)


class TotalVariationTest(tf.test.TestCase, parameterized.TestCase):

  def test_extremes(self):
    z = np.random.default_rng(0).uniform(0, 0.19, 1000)
    self.assertAllEqual(distributions.total_variation(z, z, SDSS), [0.0, 0.0])
    self.assertAllEqual(distributions.total_variation(z, z + 0.2, SDSS), [1.0, 0.0])

  def test_known_distance_and_bootstrap_error(self):
    # Three quarters stay in bin 2, one quarter moves to bin 5.
    z = np.full(4000, 0.1)
    z_photo = np.where(np.arange(4000) % 4 == 0, 0.22, 0.1)
    measured = distributions.total_variation(z, z_photo, _BINS10, num_bootstrap=400)
    self.assertAllClose(measured.mean, 0.25, atol=4 * measured.error / 20)
    self.assertAllClose(measured.error, np.sqrt(0.25 * 0.75 / 4000), rtol=0.15)

  def test_estimates_off_the_grid_fall_out_and_are_counted(self):
    z, z_photo = np.full(4, 0.1), np.array([-0.1, 0.5, 0.6, 0.1])
    measured = distributions.total_variation(z, z_photo, _BINS10, num_bootstrap=2000)
    self.assertAllClose(measured.mean, 0.375, atol=0.02)  # half of 3/4: they fill no other bin
    self.assertEqual(distributions.off_grid(z_photo, _BINS10), (1, 2))
    self.assertEqual(distributions.off_grid([0.0, 0.4], _BINS10), (0, 0))

  def test_seed_decides(self):
    rng = np.random.default_rng(0)
    z, z_photo = rng.uniform(0, 0.4, (2, 500))
    draw = lambda seed: distributions.total_variation(z, z_photo, SDSS, seed=seed).mean
    self.assertEqual(draw(0), draw(0))
    self.assertNotEqual(draw(0), draw(1))

  def test_bad_input_is_refused(self):
    for z_spec, z_photo, settings, message in (
        ([0.1], [0.1, 0.2], {}, "z_photo has 2"), ([], [], {}, "z_spec is empty"),
        ([0.1], [np.nan], {}, "z_photo is not finite"),
        ([0.1], [0.1], dict(num_bootstrap=1), "num_bootstrap"),
        ([0.1], [0.1], dict(seed=-1), "seed")):
      with self.assertRaisesRegex(ValueError, message):
        distributions.total_variation(z_spec, z_photo, SDSS, **settings)


class ExpectedTotalVariationTest(tf.test.TestCase, parameterized.TestCase):

  def test_draws_follow_the_normal_law(self):
    """Compared with the same law, written out with a generator of its own."""
    rng = np.random.default_rng(0)
    z = np.full(2000, 0.205)
    curve = _curve(mean=0.01, error=3e-4)
    expected = distributions.expected_total_variation(z, curve, SDSS)
    other = []
    for _ in range(100):
      drawn = rng.normal(0.205 + 1.205 * 0.01, 1.205 * 3e-4 * np.sqrt(2000), 2000)
      edges = SDSS.edges()
      other.append(0.5 * np.abs(
          np.histogram(drawn, edges)[0] - np.histogram(z, edges)[0]).sum() / 2000)
    self.assertAllClose(expected.mean, np.mean(other), atol=4 * np.std(other) / 7)
    self.assertAllClose(expected.error, np.std(other), rtol=0.5)

  def test_smooth_estimates_reach_it(self):
    """A sample without mode collapse has the total variation that is expected of it."""
    rng = np.random.default_rng(1)
    z = np.clip(rng.normal(0.2, 0.05, 20000), 0.0, 0.4)
    z_photo = z + rng.normal(0, 0.01, 20000)
    curve = residuals.residual_vs_z_spec(z, z_photo, np.full(20000, 1e-4), SDSS)
    expected = distributions.expected_total_variation(z, curve, SDSS)
    measured = distributions.total_variation(z, z_photo, SDSS)
    self.assertAllClose(measured.mean, expected.mean, atol=0.02)
    collapsed = np.round(z_photo / 0.02) * 0.02 + 1e-4
    self.assertGreater(
        distributions.total_variation(z, collapsed, SDSS).mean, 5 * expected.mean)

  def test_curve_of_another_length_is_refused(self):
    short = residuals.Curve(*(values[:39] for values in _curve()))
    with self.assertRaisesRegex(ValueError, "the curve must hold 40 values"):
      distributions.expected_total_variation([0.1], short, SDSS)

  def test_curve_of_another_survey_is_refused(self):
    curve = _curve()._replace(z=10 * cells.wide_centers(SDSS))
    with self.assertRaisesRegex(ValueError, "wide bin of survey 'sdss'"):
      distributions.expected_total_variation([0.1], curve, SDSS)


class WassersteinTest(tf.test.TestCase, parameterized.TestCase):

  def test_a_shift_is_its_own_distance(self):
    rng = np.random.default_rng(0)
    z, r = rng.uniform(0.0, 0.39, 6000), rng.uniform(12.0, 18.5, 6000)
    for bins in (3, -20):  # the second one leaves the grid
      curve = distributions.wasserstein_by_magnitude(
          z, z + bins * SDSS.bin_width, r, SDSS, num_bootstrap=5)
      self.assertAllClose(curve.mean, np.full(6, abs(bins) * SDSS.bin_width), rtol=1e-6)

  def test_known_distance_and_bootstrap_error(self):
    z = np.full(4000, 0.1)
    z_photo = np.where(np.arange(4000) % 4 == 0, 0.22, 0.1)
    curve = distributions.wasserstein_by_magnitude(
        z, z_photo, np.full(4000, 15.0), _BINS10, num_bootstrap=300)
    self.assertAllClose(curve.mean[2], 0.25 * 0.12, rtol=0.02)
    self.assertAllClose(curve.error[2], 0.12 * np.sqrt(0.25 * 0.75 / 4000), rtol=0.2)

  def test_bins_without_galaxies_are_nan(self):
    curve = distributions.wasserstein_by_magnitude([0.1], [0.1], [30.0], SDSS)
    self.assertAllEqual(np.isnan(curve.mean), [True] * 5 + [False])
    self.assertAllEqual(np.isnan(curve.error), [True] * 6)  # a single galaxy has no error
    curve = distributions.wasserstein_by_magnitude([0.1] * 2, [0.1] * 2, [30.0] * 2, SDSS)
    self.assertAllEqual(np.isnan(curve.error), [True] * 5 + [False])

  def test_bad_columns_are_refused(self):
    with self.assertRaisesRegex(ValueError, "r_mag has 1"):
      distributions.wasserstein_by_magnitude([0.1, 0.2], [0.1, 0.2], [15.0], SDSS)


if __name__ == "__main__":
  tf.test.main()
