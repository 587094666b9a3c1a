"""The seeing of an instrument."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from data_tools.simulation import instruments


class InstrumentsTest(tf.test.TestCase):

  def test_seeing_differs_from_galaxy_to_galaxy(self):
    instrument = instruments.sdss_instrument()
    fwhm = instrument.draw_fwhm(4000, np.random.default_rng(0))
    self.assertAllClose(np.median(fwhm, axis=0), instrument.fwhm_arcsec, rtol=0.02)
    scatter = np.std(np.log(fwhm), axis=0)
    self.assertAllInRange(scatter, 0.15, 0.2)
    self.assertBetween(np.corrcoef(np.log(fwhm[:, 1]), np.log(fwhm[:, 3]))[0, 1], 0.6, 0.9)


if __name__ == "__main__":
  tf.test.main()
