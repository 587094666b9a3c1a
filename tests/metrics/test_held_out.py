"""The residual of other galaxies before and after a correction."""

import numpy as np
import tensorflow as tf

from pzbias_tf.metrics.bootstrap import Bootstrap
from pzbias_tf.metrics.held_out import residual_change
from pzbias_tf.metrics.residuals import residual_vs_z_photo, rms_by_galaxies
from pzbias_tf.survey import SDSS


def sample(num=5000):
  rng = np.random.default_rng(0)
  z_spec = rng.uniform(0.05, 0.35, num)
  return z_spec, z_spec + 0.005 + rng.normal(0, 0.01, num)


class ResidualChangeTest(tf.test.TestCase):

  def test_it_is_the_difference_of_the_root_mean_squares(self):
    z_spec, z = sample()
    change = residual_change(z_spec, z, z - 0.005, SDSS, bootstrap=Bootstrap(number=20))
    for found, estimate in ((change.before, z), (change.after, z - 0.005)):
      self.assertAllClose(found, rms_by_galaxies(
          residual_vs_z_photo(z_spec, estimate, SDSS), estimate, SDSS), rtol=1e-12)
    self.assertAllClose(change.change.mean, change.after - change.before)
    self.assertLess(change.change.mean, -10 * change.change.error)

  def test_no_correction_is_no_change(self):
    z_spec, z = sample()
    self.assertEqual(residual_change(z_spec, z, z, SDSS).change, (0.0, 0.0))

  def test_the_error_is_the_scatter_between_samples(self):
    z_spec, z = sample(40_000)
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.002, 40)[(z / 0.01).astype(int).clip(0, 39)]
    parts = [residual_change(*(own[k::20] for own in (z_spec, z, z - noise)), SDSS,
                             bootstrap=Bootstrap(number=30)) for k in range(20)]
    scatter = np.std([part.change.mean for part in parts])
    self.assertBetween(np.mean([part.change.error for part in parts]) / scatter, 0.6, 1.7)

  def test_weights(self):
    z_spec, z = sample()
    weights = (np.arange(z.size) % 2).astype(float)
    own = weights > 0
    weighted = residual_change(z_spec, z, z - 0.005, SDSS, weights=weights)
    alone = residual_change(z_spec[own], z[own], z[own] - 0.005, SDSS)
    self.assertEqual(weighted, alone)


if __name__ == "__main__":
  tf.test.main()
