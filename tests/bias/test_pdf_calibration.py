"""Calibration of p(z): PIT values become uniform."""

import os

import numpy as np
import tensorflow as tf

from pzbias_tf.bias.pdf_calibration import FEWEST, PdfCalibration
from pzbias_tf.metrics.pdf import cde_loss, crps, pit, pit_distances
from pzbias_tf.survey import CFHTLS_WIDE, SDSS


def _sample(num, seed, blur=(1.0, 1.0), shift=0.0):
  """PDFs of width 0.02 around truths that scatter by blur x 0.02: bright and faint."""
  rng = np.random.default_rng(seed)
  r_mag = rng.uniform(16.0, 18.0, num)
  center = rng.uniform(0.15, 0.25, num)
  probability = np.exp(-0.5 * ((SDSS.centers() - center[:, None]) / 0.02) ** 2)
  scatter = np.where(r_mag < 17.0, *blur) * 0.02
  return (probability / probability.sum(axis=1, keepdims=True),
          center + shift + rng.normal(0.0, 1.0, num) * scatter, r_mag)


def _fit(sample, **options):
  probability, z_spec, r_mag = sample
  return PdfCalibration.fit(pit(probability, z_spec, SDSS), r_mag, SDSS, **options)


def _ks(fitted, sample, own=slice(None)):
  probability, z_spec, r_mag = (column[own] for column in sample)
  return pit_distances(pit(fitted.apply(probability, r_mag), z_spec, SDSS)).ks


class PdfCalibrationTest(tf.test.TestCase):

  def test_pit_of_other_galaxies_becomes_uniform(self):
    for settings in (dict(blur=(2.0, 2.0)), dict(blur=(0.5, 0.5)), dict(shift=0.02)):
      fitted = _fit(_sample(20000, 0, **settings))
      probability, z_spec, r_mag = _sample(5000, 1, **settings)
      calibrated = fitted.apply(probability, r_mag)
      self.assertGreater(pit_distances(pit(probability, z_spec, SDSS)).ks, 0.1)
      self.assertLess(_ks(fitted, (probability, z_spec, r_mag)), 1.95 / np.sqrt(5000))
      for score in (crps, cde_loss):  # better PDFs, not only more uniform ones
        self.assertLess(score(calibrated, z_spec, SDSS), score(probability, z_spec, SDSS))

  def test_calibrated_pdfs_stay_as_they_are(self):
    probability, _, r_mag = _sample(100, 1)
    uniform = (np.arange(32000) + 0.5) / 32000
    fitted = PdfCalibration.fit(uniform, np.full(32000, 16.2), SDSS)
    self.assertAllClose(fitted.apply(probability, r_mag), probability, atol=1e-4)

  def test_galaxies_outside_their_whole_pdf_give_nothing_to_empty_bins(self):
    values = np.concatenate([np.zeros(500), np.linspace(0, 1, 500), np.ones(500)])
    fitted = PdfCalibration.fit(values, np.full(1500, 16.2), SDSS)
    probability = np.array([[0.0, 0.1, 0.8, 0.1, 0.0]])
    calibrated = fitted.apply(probability, [16.2])
    self.assertAllEqual(calibrated[0, [0, 4]], [0.0, 0.0])
    self.assertAllClose(calibrated.sum(), 1.0)

  def test_by_magnitude_corrects_rows_that_err_in_different_ways(self):
    train, test = (_sample(20000, seed, blur=(2.0, 0.5)) for seed in (0, 1))
    together, apart = _fit(train), _fit(train, by_magnitude=True)
    bright = test[2] < 17.0
    for own in (bright, ~bright):
      self.assertGreater(_ks(together, test, own), 0.05)
      self.assertLess(_ks(apart, test, own), 0.025)
    self.assertAllEqual(apart.count[:7], np.full(7, 20000))  # rows without galaxies
    self.assertAllEqual(apart.quantiles[0], together.quantiles[0])

  def test_results_are_probabilities_of_any_grid_and_dtype(self):
    fitted = _fit(_sample(1000, 0, blur=(2.0, 2.0)))
    for dtype in (np.float32, np.float64):
      sure = np.eye(20, dtype=dtype)
      calibrated = fitted.apply(sure, np.full(20, 16.2))
      self.assertEqual(calibrated.dtype, dtype)
      self.assertAllClose(calibrated.sum(axis=1), np.ones(20))
      self.assertAllEqual(calibrated, sure)  # a sure PDF cannot be widened

  def test_whole_weights_are_repeated_galaxies(self):
    probability, z_spec, r_mag = _sample(1000, 0, shift=0.01)
    weights = np.random.default_rng(0).integers(0, 4, 1000)
    values = pit(probability, z_spec, SDSS)
    weighted = PdfCalibration.fit(values, r_mag, SDSS, weights=weights)
    repeated = PdfCalibration.fit(np.repeat(values, weights), np.repeat(r_mag, weights), SDSS)
    self.assertAllClose(weighted.quantiles, repeated.quantiles, rtol=1e-12)

  def test_round_trip_and_refusals(self):
    path = os.path.join(self.create_tempdir().full_path, "pdf_calibration.json")
    fitted = _fit(_sample(1000, 0, shift=0.01))
    fitted.save(path, weights_digest="a1")
    loaded = PdfCalibration.load(path, SDSS, weights_digest="a1")
    self.assertAllEqual(loaded.quantiles, fitted.quantiles)
    self.assertAllEqual(loaded.count, fitted.count)
    with self.assertRaisesRegex(ValueError, "other weights"):
      PdfCalibration.load(path, SDSS, weights_digest="b2")
    with self.assertRaisesRegex(ValueError, "different grid"):
      PdfCalibration.load(path, CFHTLS_WIDE)
    with open(path, "w", encoding="utf-8") as file:
      file.write('{"format": "x"}')
    with self.assertRaisesRegex(ValueError, "is not a pdf calibration .its format is 'x'"):
      PdfCalibration.load(path, SDSS)

  def test_bad_input_is_refused(self):
    fitted = _fit(_sample(1000, 0))
    for call, message in (
        (lambda: PdfCalibration.fit([0.5] * 10, [16.2] * 10, SDSS), f"needs {FEWEST} galaxies"),
        (lambda: PdfCalibration.fit([1.5] * 900, [16.2] * 900, SDSS), r"pit spans \[1.5, 1.5\]"),
        (lambda: PdfCalibration.fit([np.nan] * 900, [16.2] * 900, SDSS), "pit is not finite"),
        (lambda: fitted.apply(np.ones((3, 180)) / 180, [16.2]), "for 1 magnitudes"),
        (lambda: PdfCalibration(
            survey=SDSS, quantiles=np.ones((11, 33)), count=np.ones(11)), "rise"),
        (lambda: PdfCalibration(
            survey=SDSS, quantiles=np.ones((11, 3)), count=np.ones(11)), "shape")):
      with self.assertRaisesRegex(ValueError, message):
        call()


if __name__ == "__main__":
  tf.test.main()
