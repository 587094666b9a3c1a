"""Step 4: resampling and correction."""

import json
import os
import pathlib

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf import cells
from pzbias_tf.bias import calibration
from pzbias_tf.survey import CFHTLS_WIDE, SDSS


class WideCellTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      (-0.001, 0), (0.0, 1), (0.005, 1), (0.01, 2), (0.3999, 40), (0.4, 40), (0.4001, 41))
  def test_cells(self, z, expected):
    self.assertEqual(cells.wide_cell(z, SDSS), expected)

  @parameterized.parameters(SDSS, CFHTLS_WIDE)
  def test_precision_does_not_move_a_bin_center(self, survey):
    centers = survey.centers(extended=True)
    self.assertAllEqual(
        cells.wide_cell(centers, survey), cells.wide_cell(np.float32(centers), survey))

  @parameterized.parameters(SDSS, CFHTLS_WIDE)
  def test_an_edge_belongs_to_the_cell_above_it(self, survey):
    cell = cells.wide_cell(survey.wide_edges(), survey)
    self.assertAllEqual(cell, list(range(1, 41)) + [40])


class ResampleTest(tf.test.TestCase, parameterized.TestCase):

  def test_counts_follow_the_target(self):
    rng = np.random.default_rng(0)
    survey = SDSS.with_bins(10)
    z, r = rng.uniform(0, 0.4, 5000), rng.uniform(12.5, 18.0, 5000)
    z_target, r_target = rng.beta(2, 5, 800) * 0.4, rng.normal(16.5, 0.8, 800)
    chosen = calibration.resample_to_expected(
        z, r, z_target, r_target, survey, size=4000, seed=1)
    target = cells.cell_counts(z_target, r_target, survey)
    self.assertAllEqual(cells.cell_counts(z[chosen], r[chosen], survey), 5 * target)
    self.assertEqual(chosen.dtype, np.int64)

  def test_size_defaults_to_the_training_set(self):
    z, r = np.full(30, 0.1), np.full(30, 15.2)
    self.assertLen(calibration.resample_to_expected(z, r, z[:7], r[:7], SDSS), 30)

  def test_half_a_galaxy_rounds_up(self):
    z, r = np.array([0.1, 0.2]), np.array([15.2, 15.2])
    self.assertLen(calibration.resample_to_expected(z, r, z, r, SDSS, size=1), 2)

  def test_each_galaxy_once_before_any_repeats(self):
    z, r = np.full(7, 0.1), np.full(7, 15.2)
    chosen = calibration.resample_to_expected(z, r, z, r, SDSS, size=17)
    self.assertAllEqual(np.sort(np.bincount(chosen)), [2, 2, 2, 2, 3, 3, 3])
    self.assertLen(set(chosen[:7]), 7)

  def test_empty_bin_draws_from_the_nearest_of_its_row(self):
    survey = SDSS.with_bins(10)  # bins 0.04 wide
    z, r = np.array([0.02, 0.18, 0.14]), np.array([15.2, 15.2, 13.2])
    target_z = np.array([0.10, 0.14, 0.38, 0.42])  # bins 2 (a tie), 3, 9, off the grid
    chosen = calibration.resample_to_expected(
        z, r, target_z, np.full(4, 15.2), survey, size=4)
    self.assertAllEqual(np.bincount(chosen, minlength=3), [1, 3, 0])

  def test_seed_decides(self):
    z, r = np.full(50, 0.1), np.full(50, 15.2)
    draw = lambda seed: calibration.resample_to_expected(
        z, r, z[:5], r[:5], SDSS, size=20, seed=seed)
    self.assertAllEqual(draw(0), draw(0))
    self.assertNotAllEqual(draw(0), draw(1))

  def test_nothing_to_draw_is_refused(self):
    z, r = np.full(50, 0.1), np.full(50, 15.2)
    with self.assertRaisesRegex(ValueError, "size = 50 leaves no galaxy"):
      calibration.resample_to_expected(z, r, z, np.full(50, 17.2), SDSS)
    many = np.linspace(0.0, 0.4, 180)
    with self.assertRaisesRegex(ValueError, "size = 1 leaves no galaxy"):
      calibration.resample_to_expected(z, r, many, np.full(180, 15.2), SDSS, size=1)

  def test_bad_columns_are_refused(self):
    with self.assertRaisesRegex(ValueError, "r_mag_target has 1"):
      calibration.resample_to_expected([0.1], [15.0], [0.1, 0.2], [15.0], SDSS)
    with self.assertRaisesRegex(ValueError, "z_photo_target is empty"):
      calibration.resample_to_expected([0.1], [15.0], [], [], SDSS)


class CalibrationTest(tf.test.TestCase, parameterized.TestCase):

  def _fitted(self):
    z_spec = np.array([0.10, 0.12, 0.30, 0.41, -0.2])
    z_photo = np.array([0.112, 0.118, 0.315, 0.45, -0.1])
    return calibration.Calibration.fit(
        z_spec, z_photo, np.array([15.2, 15.3, 17.9, 15.2, 15.2]), SDSS)

  def test_mean_residual_of_the_cell_is_subtracted(self):
    fitted = self._fitted()
    corrected = fitted.apply([0.115, 0.125, 0.312], [15.4, 15.4, 17.6])
    self.assertAllClose(corrected, [0.115 - 0.005, 0.125, 0.312 - 0.015], atol=1e-12)
    self.assertAllEqual(
        fitted.correct([0.115, 0.125, 0.312], [15.4, 15.4, 17.6]).has_correction,
        [True, False, True])

  def test_correction_removes_the_mean_residual_of_every_cell(self):
    rng = np.random.default_rng(0)
    z, r = rng.uniform(0, 0.4, 20000), rng.uniform(12, 18.5, 20000)
    z_photo = 0.05 + 0.8 * z + rng.normal(0, 0.01, 20000)
    fitted = calibration.Calibration.fit(z, z_photo, r, SDSS)
    residual = fitted.apply(z_photo, r) - z
    cell = cells.wide_cell(z_photo, SDSS) * SDSS.rows + SDSS.magnitude_row(r)
    self.assertAllClose(np.bincount(cell, residual), np.zeros(cell.max() + 1), atol=1e-12)

  def test_round_trip(self):
    path = pathlib.Path(self.get_temp_dir()) / "calibration.json"
    fitted = self._fitted()
    fitted.save(path)
    loaded = calibration.Calibration.load(path, SDSS)
    self.assertAllEqual(loaded.offset, fitted.offset)
    self.assertAllEqual(loaded.count, fitted.count)
    self.assertAllEqual(np.nan_to_num(loaded.error, nan=9.0), np.nan_to_num(fitted.error, nan=9.0))

  def test_file_holds_provenance_and_uncorrected_cells(self):
    path = pathlib.Path(self.get_temp_dir()) / "calibration.json"
    fitted = self._fitted()
    fitted.save(path, provenance={"seed": 3})
    content = json.loads(path.read_text())
    self.assertEqual(content["provenance"], {"seed": 3})
    self.assertLen(content["uncorrected_cells"], 42 * 11 - 5 + 1)  # two galaxies share a cell
    self.assertNotIn([12, 5], content["uncorrected_cells"])  # z_photo 0.11 to 0.12, r 15 to 15.5
    self.assertIn([13, 5], content["uncorrected_cells"])
    self.assertAllEqual(content["uncorrected_cells"], fitted.uncorrected_cells)

  def test_errors_are_those_of_the_mean(self):
    rng = np.random.default_rng(0)
    offset = rng.normal(0.01, 0.02, 400)
    fitted = calibration.Calibration.fit(
        0.105 - offset, np.full(400, 0.105), np.full(400, 15.2), SDSS)
    self.assertEqual(fitted.count[11, 5], 400)
    self.assertAllClose(fitted.error[11, 5], offset.std(ddof=1) / 20)
    self.assertEqual(np.isfinite(fitted.error).sum(), 1)
    self.assertAllEqual(np.nan_to_num(fitted.correct([0.107, 0.2], [15.4, 15.4]).error),
                        [fitted.error[11, 5], 0.0])
    self.assertNotIn(True, np.isfinite(self._fitted().error[[31, 0, 41]]))  # one galaxy each

  def test_a_galaxy_drawn_many_times_is_one_galaxy(self):
    z_spec, z_photo, r_mag = np.array([0.10, 0.09, 0.12]), np.full(3, 0.105), np.full(3, 15.2)
    times = np.array([1, 4, 3])
    fitted = calibration.Calibration.fit(z_spec, z_photo, r_mag, SDSS, weights=times)
    repeated = calibration.Calibration.fit(
        *(np.repeat(column, times) for column in (z_spec, z_photo, r_mag)), SDSS)
    self.assertAllClose(fitted.offset, repeated.offset, atol=1e-15)
    self.assertEqual((fitted.count[11, 5], repeated.count[11, 5]), (3, 8))
    self.assertGreater(fitted.error[11, 5], 1.3 * repeated.error[11, 5])

  def test_another_grid_and_other_files_are_refused(self):
    folder = pathlib.Path(self.get_temp_dir())
    self._fitted().save(folder / "calibration.json")
    with self.assertRaisesRegex(ValueError, "different grid than that of survey 'cfhtls_wide'"):
      calibration.Calibration.load(folder / "calibration.json", CFHTLS_WIDE)
    for name, text in (("a.json", "[1]"), ("b.json", "{"), ("c.json", '{"format": "x"}')):
      (folder / name).write_text(text)
      with self.assertRaisesRegex(ValueError, f"{name} is not a calibration"):
        calibration.Calibration.load(folder / name, SDSS)

  def test_bad_columns_are_refused(self):
    with self.assertRaisesRegex(ValueError, "z_photo is not finite"):
      self._fitted().apply([np.nan], [15.0])
    with self.assertRaisesRegex(ValueError, "offset must hold finite numbers"):
      calibration.Calibration(survey=SDSS, offset=np.zeros((40, 11)), count=np.zeros((42, 11)))

  def test_other_weights_are_refused(self):
    path = os.path.join(self.create_tempdir().full_path, "calibration.json")
    shape = (cells.WIDE_CELLS, SDSS.rows)
    made = calibration.Calibration(
        survey=SDSS, offset=np.zeros(shape), count=np.zeros(shape, int))
    made.save(path, weights_digest="a1")
    calibration.Calibration.load(path, SDSS)
    calibration.Calibration.load(path, SDSS, weights_digest="a1")
    with self.assertRaisesRegex(ValueError, "other weights.*eval.main"):
      calibration.Calibration.load(path, SDSS, weights_digest="b2")


class SmoothingTest(tf.test.TestCase):

  def _fit(self, smoothing, num=20000):
    rng = np.random.default_rng(0)
    z_photo, r_mag = rng.uniform(-0.05, 0.45, num), rng.uniform(12.5, 18.0, num)
    z_spec = z_photo - 0.1 * z_photo + rng.normal(0, 0.02, num)
    keep = (z_photo < 0.2) | (z_photo > 0.21)
    return calibration.Calibration.fit(
        z_spec[keep], z_photo[keep], r_mag[keep], SDSS, smoothing=smoothing)

  def test_off_by_default(self):
    again = calibration.Calibration.fit(
        np.array([0.1]), np.array([0.12]), np.array([15.2]), SDSS)
    self.assertAllClose(again.offset[13, 5], 0.02)
    plain = self._fit(0.0)
    self.assertAllEqual(plain.offset, self._fit(1e-3).offset)  # a kernel of no width

  def test_noise_falls_and_the_slope_stays(self):
    plain, smooth = self._fit(0.0), self._fit(2.0)
    truth = 0.1 * cells.wide_centers(SDSS)[5:15, None]
    noise = [np.std(fitted.offset[6:16] - truth) for fitted in (plain, smooth)]
    self.assertLess(noise[1], 0.5 * noise[0])
    self.assertAllClose(np.mean(smooth.offset[6:16] - truth), 0.0, atol=3e-4)
    # A kernel of width 2 averages over the galaxies of seven cells.
    self.assertAllClose(np.nanmean(smooth.error[6:16] / plain.error[6:16]), 7.1 ** -0.5, rtol=0.1)

  def test_empty_and_outer_cells_are_unchanged(self):
    plain, smooth = self._fit(0.0), self._fit(3.0)
    self.assertAllEqual(smooth.count, plain.count)
    self.assertAllEqual(smooth.offset[21], np.zeros(11))  # no galaxy there
    self.assertAllEqual(smooth.offset[[0, 41]], plain.offset[[0, 41]])

  def test_a_negative_width_is_refused(self):
    with self.assertRaisesRegex(ValueError, "a width of 0 wide bins or more, got -1"):
      self._fit(-1.0)


if __name__ == "__main__":
  tf.test.main()
