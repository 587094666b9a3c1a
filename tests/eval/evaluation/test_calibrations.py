"""Step 4 on predictions: the resampling's draws, and what is written about them."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from eval.evaluation.calibrations import counted, fit_step4, fitted_on
from pzbias_tf.bias.calibration import Calibration, resample_to_expected
from pzbias_tf.bias.target_counts import TargetCounts
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import SDSS


def _predictions(num, seed, upper):
  """Estimates without PDFs to speak of."""
  rng = np.random.default_rng(seed)
  z_spec = rng.uniform(0.0, upper, num)
  return Predictions(SDSS.edges(), np.full((num, 180), 1 / 180), {
      "redshift": z_spec, "zmode": z_spec + rng.normal(0.0, 0.02, num),
      "r_mag": rng.uniform(16.0, 18.0, num)})


class FitCalibrationTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.balanced, self.target = _predictions(3000, 0, 0.4), _predictions(500, 1, 0.1)
    self.fitted = fit_step4(self.balanced, self.target, SDSS, seed=3)

  def test_means_are_those_of_the_resampled_galaxies(self):
    own = self.balanced
    drawn = resample_to_expected(
        own.z_spec, own.r_mag, self.target.z_photo, self.target.r_mag, SDSS, seed=3)
    again = Calibration.fit(own.z_spec[drawn], own.z_photo[drawn], own.r_mag[drawn], SDSS)
    self.assertAllClose(self.fitted.offset, again.offset, atol=1e-14)
    # The target's quarter of the grid is drawn from four times as often as it has galaxies.
    self.assertEqual(self.fitted.count.sum(), np.unique(drawn).size)
    self.assertGreater(again.count.sum(), 3 * self.fitted.count.sum())
    several = self.fitted.count > 5
    self.assertGreater(np.median(self.fitted.error[several] / again.error[several]), 1.5)

  def test_smoothing_is_handed_on(self):
    smooth = fit_step4(self.balanced, self.target, SDSS, seed=3, smoothing=2.0)
    self.assertNotAllClose(smooth.offset, self.fitted.offset)

  def test_shrinking_is_handed_on(self):
    shrunk = fit_step4(self.balanced, self.target, SDSS, seed=3, shrunk=True)
    self.assertNotAllClose(shrunk.offset, self.fitted.offset)
    self.assertLess(np.abs(shrunk.offset).sum(), np.abs(self.fitted.offset).sum())

  @parameterized.parameters(({},), ({"smoothing": 2.0},), ({"shrunk": True},))
  def test_counts_give_the_same_fit_to_the_last_bit(self, settings):
    pieces = [self.target.select(np.arange(start, min(start + 80, 500)))
              for start in (400, 0, 80, 320, 240, 160, 480)]  # in any order
    counts = sum((counted(piece, SDSS) for piece in pieces), TargetCounts.none(SDSS))
    fitted = fit_step4(self.balanced, counts, SDSS, seed=3, **settings)
    whole = fit_step4(self.balanced, self.target, SDSS, seed=3, **settings)
    for table in ("offset", "count", "error"):
      self.assertEqual(getattr(fitted, table).tobytes(), getattr(whole, table).tobytes())
    self.assertEqual(fitted_on(self.balanced, counts, seed=3, smoothing=0.0),
                     fitted_on(self.balanced, counted(self.target, SDSS), seed=3, smoothing=0.0))
    fewer = counted(pieces[0], SDSS)  # the test can fail
    self.assertNotAllClose(
        fit_step4(self.balanced, fewer, SDSS, seed=3, **settings).offset, whole.offset)

  def test_provenance(self):
    self.assertEqual(
        fitted_on(self.balanced, counted(self.target, SDSS), seed=3, smoothing=0.0),
        {"balanced_galaxies": 3000, "target_galaxies": 500, "seed": 3, "smoothing_wide_bins": 0.0,
         "shrunk": False,
         "target_r_mag": [self.target.r_mag.min(), self.target.r_mag.max()]})


if __name__ == "__main__":
  tf.test.main()
