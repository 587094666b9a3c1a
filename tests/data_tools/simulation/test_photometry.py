"""Template fluxes over redshift."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from data_tools.simulation import instruments, photometry
from tests.data_tools.simulation.sample_observations import R


class PhotometryTest(tf.test.TestCase):

  def test_intergalactic_hydrogen(self):
    """Galaxies at z = 3.5 drop out of u; at z = 0.5 nothing is absorbed."""
    # Seen at z = 3: past the Lyman limit, between Lyman beta and alpha, redward of both.
    passed = photometry.transmission(np.array([3600.0, 4600.0, 4900.0]), 3.0)
    self.assertAllClose(passed, [0.0, np.exp(-3.6e-3 * (4600 / 1215.67) ** 3.46), 1.0])
    grid = photometry.flux_grid(instruments.cfhtls_instrument().filters, 4.0, num_z=9)
    young = grid.flux[:, 1]
    self.assertLess(young[7, 0] / young[7, R], 0.03)
    self.assertGreater(young[1, 0] / young[1, R], 0.3)

  def test_rest_frame_normalisation(self):
    """At z = 0 a template of r magnitude M at 10 pc has r magnitude M."""
    grid = photometry.flux_grid(instruments.sdss_instrument().filters, 0.4, num_z=3)
    self.assertAllClose(grid.flux[0, :, R], np.ones(photometry.NUM_TEMPLATES), rtol=1e-6)


if __name__ == "__main__":
  tf.test.main()
