"""Root mean squares of the residual by z_photo: what dominates them, and their errors."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.metrics.bootstrap import Bootstrap
from pzbias_tf.metrics.residuals import residual_vs_z_photo, rms_by_galaxies
from pzbias_tf.metrics.rms_residual import RMS, WEIGHTED_RMS, rms_with_errors
from pzbias_tf.metrics.stage_metrics import summarize
from pzbias_tf.predictions.predictions import Estimates
from pzbias_tf.survey import SDSS

BOOTSTRAP = Bootstrap(number=200)


def sample(num=4000, scatter=0.01, seed=0):
  """z_spec and unbiased estimates below 0.2, which leaves half of the wide bins empty."""
  rng = np.random.default_rng(seed)
  z_photo = rng.uniform(0.01, 0.2, num)
  return z_photo + rng.normal(0, scatter, num), z_photo


class RmsTest(tf.test.TestCase, parameterized.TestCase):

  def test_one_galaxy_alone_in_a_bin_dominates_the_plain_one(self):
    z_spec, z_photo = sample()
    before = rms_with_errors(z_spec, z_photo, SDSS, bootstrap=BOOTSTRAP)
    z_spec, z_photo = np.append(z_spec, 0.1), np.append(z_photo, 0.39)
    summary = summarize(Estimates({"redshift": z_spec, "zmode": z_photo,
                                   "r_mag": np.full(z_spec.size, 16.0)}), SDSS, BOOTSTRAP)
    self.assertGreater(summary[RMS], 0.05)
    self.assertGreater(summary["errors"][RMS], 0.2 * summary[RMS])  # and its error says so
    self.assertLess(summary[WEIGHTED_RMS], before[WEIGHTED_RMS] + 0.005)

  @parameterized.parameters(None, 3)
  def test_the_weighted_one_is_that_of_the_curve(self, seed):
    z_spec, z_photo = sample(seed=seed or 0)
    curve = residual_vs_z_photo(z_spec, z_photo, SDSS)
    self.assertAllClose(rms_with_errors(z_spec, z_photo, SDSS, bootstrap=BOOTSTRAP)[WEIGHTED_RMS],
                        rms_by_galaxies(curve, z_photo, SDSS))

  def test_errors_are_the_scatter_of_samples(self):
    found = []
    for seed in range(40):
      z_spec, z_photo = sample(num=2000, seed=seed)
      found.append(rms_with_errors(z_spec + 0.01, z_photo, SDSS, bootstrap=Bootstrap(number=20)))
    for key in (RMS, WEIGHTED_RMS):
      error = np.mean([own["errors"][key] for own in found])
      if key == WEIGHTED_RMS:
        scatter = np.std([own[key] for own in found])
        self.assertBetween(error, 0.6 * scatter, 1.6 * scatter)
      self.assertGreater(error, 0.0)

  @parameterized.parameters(2, 5)
  def test_weights_are_galaxies(self, times):
    z_spec, z_photo = sample(num=300)
    weights = np.where(np.arange(300) < 100, float(times), 1.0)
    repeated = np.repeat(np.arange(300), weights.astype(int))
    self.assertAllClose(
        rms_with_errors(z_spec, z_photo, SDSS, weights=weights, bootstrap=BOOTSTRAP)[WEIGHTED_RMS],
        rms_with_errors(z_spec[repeated], z_photo[repeated], SDSS,
                        bootstrap=BOOTSTRAP)[WEIGHTED_RMS])

  @parameterized.parameters((np.array([0.1]), np.array([0.11])),
                            (np.array([0.1, 0.2]), np.array([3.0, -1.0])))
  def test_what_galaxies_do_not_determine_is_nan(self, z_spec, z_photo):
    found = rms_with_errors(z_spec, z_photo, SDSS, bootstrap=BOOTSTRAP)
    self.assertTrue(np.isnan(found["errors"][RMS]))
    self.assertEqual(np.isnan(found[WEIGHTED_RMS]), z_spec.size == 2)


if __name__ == "__main__":
  tf.test.main()
