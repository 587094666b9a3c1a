"""Redshifts and magnitudes of the simulated samples."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tests.data_tools.simulation import sample_observations
from tests.data_tools.simulation.sample_observations import R, draw_galaxies


class PopulationTest(tf.test.TestCase):

  def test_sdss_population(self):
    chunk = sample_observations.chunk("sdss")
    z = draw_galaxies("sdss", 20000).z
    self.assertAllInRange(z, 0.005, 0.4)
    self.assertBetween(np.median(z), 0.08, 0.11)
    # Few at high z, but not none: the Schechter law alone gives 0.0004 beyond 0.3.
    self.assertBetween(np.mean(z > 0.25), 0.008, 0.02)
    self.assertBetween(np.mean(z > 0.3), 0.002, 0.007)
    self.assertGreater(np.mean(z > 0.35), 0.0004)
    r_mag = chunk.mag[:, R]
    self.assertBetween(r_mag.min(), 12.4, 16.0)
    self.assertLess(r_mag.max(), 17.9)
    self.assertGreater(np.sum(r_mag > 17), np.sum(r_mag < 16.5))
    self.assertGreater(np.corrcoef(r_mag, chunk.z)[0, 1], 0.2)

  def test_cfhtls_population(self):
    wide, deep = (draw_galaxies("cfhtls", 8000, part) for part in (0, 1))
    for galaxies, faintest, low, high in ((wide, 24.0, 0.4, 0.65), (deep, 24.5, 0.55, 0.85)):
      self.assertLessEqual(30 - 2.5 * np.log10(galaxies.flux[:, R].min()), faintest + 1e-6)
      self.assertBetween(np.median(galaxies.z), low, high)
      self.assertBetween(np.mean(galaxies.z > 2), 0.001, 0.05)
      self.assertAllInRange(galaxies.z, 0.0, 4.0)


if __name__ == "__main__":
  tf.test.main()
