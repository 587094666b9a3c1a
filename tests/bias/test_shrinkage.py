"""Shrunk corrections of Step 4: they do no harm, and keep what is sure."""

import warnings

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf import cells
from pzbias_tf.bias.calibration import Calibration, cell_settings
from pzbias_tf.bias.shrinkage import shrink_means
from pzbias_tf.metrics.residuals import residual_vs_z_photo, rms_by_galaxies
from pzbias_tf.survey import SDSS


def sample(num, bias, seed):
  """z_spec, z_photo and r of galaxies whose z_photo - z_spec has the mean bias(z_photo, r)."""
  rng = np.random.default_rng(seed)
  z_photo = 0.02 + 0.36 * rng.beta(2, 3, num)
  r_mag = 18.0 - rng.exponential(0.8, num).clip(max=5.0)
  scatter = 0.015 * rng.standard_t(4, num)
  return z_photo - bias(z_photo, r_mag) - scatter, z_photo, r_mag


def no_bias(z_photo, r_mag):
  del r_mag
  return 0.0 * z_photo


def wave(z_photo, r_mag):
  """Waves of a few wide bins, of another height in each magnitude."""
  return 0.004 * np.sin(z_photo / 0.02) + 0.003 * (r_mag - 16.0)


def one_cell(z_photo, r_mag):
  """A bias in a single cell, which is full of galaxies."""
  return np.where((np.abs(z_photo - 0.135) < 0.005) & (r_mag > 17.5), 0.02, 0.0)


def fit(num, bias, seed=0, **settings):
  return Calibration.fit(*sample(num, bias, seed), SDSS, **settings)


def rms(z_spec, z_photo):
  return rms_by_galaxies(residual_vs_z_photo(z_spec, z_photo, SDSS), z_photo, SDSS)


class ShrinkageTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(*range(6))
  def test_noise_is_not_subtracted(self, seed):
    plain, shrunk = (fit(5000, no_bias, seed, shrunk=value) for value in (False, True))
    size = lambda fitted: np.sqrt(np.average(fitted.offset ** 2, weights=fitted.count))
    self.assertGreater(size(plain), 2e-3)
    self.assertLess(size(shrunk), 0.15 * size(plain))
    self.assertAllEqual(shrunk.count, plain.count)

  def test_where_nothing_is_significant_nothing_changes(self):
    quiet = [fit(5000, no_bias, seed, shrunk=True) for seed in range(6)]
    self.assertGreaterEqual(sum(fitted.significant_cells == 0 for fitted in quiet), 4)
    for fitted in quiet:
      if not fitted.significant_cells:
        self.assertAllEqual(fitted.offset, np.zeros_like(fitted.offset))

  def test_a_bias_of_many_galaxies_is_kept(self):
    fitted = fit(200_000, one_cell, shrunk=True)
    self.assertAllClose(fitted.offset[14, 10], 0.02, atol=1e-3)
    self.assertGreaterEqual(fitted.significant_cells, 1)
    others = np.delete(fitted.offset[:, 10], 14)
    self.assertLess(np.abs(others).max(), 2e-3)

  def test_few_galaxies_take_the_mean_of_their_neighbours(self):
    z_spec, z_photo, r_mag = sample(40_000, lambda z, r: 0.01 + 0.0 * z, 0)
    cell = cells.wide_cell(z_photo, SDSS) * SDSS.rows + SDSS.magnitude_row(r_mag)
    in_cell = np.flatnonzero(cell == 15 * SDSS.rows + 9)
    few = np.setdiff1d(np.arange(z_photo.size), in_cell[2:])
    z_spec[in_cell[:2]] = z_photo[in_cell[:2]] + [0.02, 0.03]  # residuals of -0.02 and -0.03
    fitted = Calibration.fit(z_spec[few], z_photo[few], r_mag[few], SDSS, shrunk=True)
    self.assertEqual(fitted.count[15, 9], 2)
    self.assertBetween(fitted.offset[15, 9], 0.005, 0.011)

  @parameterized.product(bias=(no_bias, wave, one_cell), seed=(1, 2, 3))
  def test_the_residual_of_other_galaxies_is_not_worse(self, bias, seed):
    z_spec, z_photo, r_mag = sample(20_000, bias, 100 + seed)
    fitted = fit(8000, bias, seed, shrunk=True)
    before, after = rms(z_spec, z_photo), rms(z_spec, fitted.apply(z_photo, r_mag))
    self.assertLess(after, 1.05 * before + 5e-5)

  def test_it_takes_out_what_the_mean_takes_out(self):
    z_spec, z_photo, r_mag = sample(20_000, wave, 7)
    plain, shrunk = (rms(z_spec, fit(20_000, wave, shrunk=value).apply(z_photo, r_mag))
                     for value in (False, True))
    self.assertLess(plain, 0.5 * rms(z_spec, z_photo))
    self.assertLess(shrunk, 1.02 * plain)

  def test_errors_are_about_those_of_held_out_galaxies(self):
    fitted = fit(20_000, wave, shrunk=True)
    z_spec, z_photo, r_mag = sample(2_000_000, wave, 8)
    truth = Calibration.fit(z_spec, z_photo, r_mag, SDSS)
    known = (fitted.count > 20) & (truth.count > 2000)
    pull = (fitted.offset - truth.offset)[known] / fitted.error[known]
    self.assertBetween(np.std(pull), 0.7, 1.6)

  @parameterized.parameters(1, 2)
  def test_hardly_any_galaxies(self, num):
    z = np.full(num, 0.1)
    with warnings.catch_warnings():
      warnings.simplefilter("error")
      fitted = Calibration.fit(z, z + 0.01, np.full(num, 15.2), SDSS, shrunk=True)
    self.assertTrue(np.all(np.isfinite(fitted.offset)))
    self.assertLessEqual(np.abs(fitted.offset).max(), 0.01 + 1e-9)

  def test_empty_cells_stay_empty(self):
    shape = (cells.WIDE_CELLS, SDSS.rows)
    empty = cells.Means(np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape),
                        np.zeros(shape, np.int64))
    self.assertAllEqual(np.isnan(shrink_means(empty).mean), np.ones(shape, bool))

  def test_means_are_shrunk_or_smoothed(self):
    with self.assertRaisesRegex(ValueError, "either smoothed or shrunk"):
      fit(100, no_bias, shrunk=True, smoothing=1.0)

  def test_settings_of_the_kinds_of_cells(self):
    self.assertEqual(cell_settings(""), {"smoothing": 0.0, "shrunk": False})
    self.assertEqual(cell_settings("", 3.0), {"smoothing": 3.0, "shrunk": False})
    self.assertEqual(cell_settings("smoothed"), {"smoothing": 2.0, "shrunk": False})
    self.assertEqual(cell_settings("shrunk"), {"smoothing": 0.0, "shrunk": True})
    with self.assertRaisesRegex(ValueError, "a width of smoothing, 2, is for"):
      cell_settings("plain", 2.0)
    with self.assertRaisesRegex(ValueError, "choose one of plain, smoothed, shrunk"):
      cell_settings("shrink")


if __name__ == "__main__":
  tf.test.main()
