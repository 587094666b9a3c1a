"""Definitions of surveys: the published grids, and surveys from files."""

import os

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.survey import CFHTLS_DEEP, CFHTLS_WIDE, SDSS, load_survey

OTHER = """
name = "other"
bands = ["g", "r", "i"]
image_size = 32
pixel_scale_arcsec = 0.2
z_max = 2.0
bins = 100
r_min = 18.0
r_max = 24.0
extend_right = 1.0
balance_threshold = 20
outlier_threshold = 0.1
fit_z_min = 0.3
[extend_exceptions]
10 = [10, 10]
"""


class SurveyTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      (SDSS, 180, 11, 6, (90, 90), 0.05), (CFHTLS_WIDE, 1000, 19, 10, (500, 1000), 0.15),
      (CFHTLS_DEEP, 1000, 19, 10, (500, 1000), 0.15),
      (SDSS.with_bins(20), 20, 11, 6, (20, 20), 0.05),
      (SDSS.with_bins(50), 50, 11, 6, (25, 25), 0.05))
  def test_published_grids(self, survey, bins, rows, outputs, extension, outlier):
    self.assertEqual((survey.bins, survey.rows, survey.outputs, survey.extension),
                     (bins, rows, outputs, extension))
    self.assertEqual(survey.bins_extended, bins + sum(extension))
    self.assertEqual(survey.outlier_threshold, outlier)

  def test_thresholds(self):
    self.assertEqual([s.balance_threshold for s in (SDSS, CFHTLS_WIDE, CFHTLS_DEEP)],
                     [200, 100, 5])
    self.assertEqual((SDSS.batch_size, CFHTLS_WIDE.batch_size), (128, 32))
    self.assertEqual((SDSS.flux_divisor, CFHTLS_DEEP.flux_divisor), (1.0, 1000.0))

  def test_bins_and_rows_are_clipped(self):
    self.assertAllEqual(SDSS.redshift_bin([-0.1, 0.0, 0.0023, 0.39999, 0.4, 1.0]),
                        [0, 0, 1, 179, 179, 179])
    self.assertAllEqual(SDSS.magnitude_row([10.0, 12.5, 13.0, 17.9, 18.0, 25.0]),
                        [0, 0, 1, 10, 10, 10])
    with self.assertRaisesRegex(ValueError, "1 of 2 magnitude values"):
      SDSS.magnitude_row([np.nan, 15.0])

  def test_extended_grid_continues_the_plain_one(self):
    left, right = CFHTLS_WIDE.extension
    edges = CFHTLS_WIDE.edges(extended=True)
    self.assertAllClose(edges[left:-right], CFHTLS_WIDE.edges())
    self.assertAllClose([edges[0], edges[-1]], [-2.0, 8.0])
    self.assertAllClose(SDSS.centers()[:2], [0.2 / 180, 0.6 / 180])

  def write(self, text):
    path = os.path.join(self.create_tempdir().full_path, "other.toml")
    with open(path, "w") as file:
      file.write(text)
    return path

  def test_another_survey_from_a_file(self):
    survey = load_survey(self.write(OTHER))
    self.assertEqual((survey.name, survey.dataset), ("other", "other"))
    self.assertEqual(survey.bands, ("g", "r", "i"))
    self.assertEqual((survey.rows, survey.outputs), (12, 7))
    self.assertEqual(survey.extension, (50, 100))
    self.assertEqual(survey.with_bins(10).extension, (10, 10))

  @parameterized.parameters(
      ("bins = 100", "", "missing.*bins"), ("bins = 100", "bin = 100", "unknown keys bin;"),
      ("z_max = 2.0", "z_max = -1.0", "z_min < z_max"),
      ("r_max = 24.0", "r_max = 24.2", "multiple"),
      ("bins = 100", "bins = ", "not a valid TOML"), ("bins = 100", "bins = 20.5", "whole number"),
      ("bins = 100", 'bins = "20"', "whole number"), ("= 0.2", "= 0.0", "positive number"),
      ("bins = 100", "bins = 100\nr_step = 0.0", "r_step must be a positive"),
      ("bins = 100", "bins = 100\nflux_divisor = 0", "flux_divisor must be a positive"),
      ("extend_right = 1.0", "extend_right = -1.0", "extend_right must be"),
      ('bands = ["g", "r", "i"]', "bands = []", "no bands"), ("10 = [10, 10]", "x = [1, 1]", "x"))
  def test_mistakes_in_a_file(self, old, new, message):
    with self.assertRaisesRegex(ValueError, message):
      load_survey(self.write(OTHER.replace(old, new)))

  def test_without_magnitudes_there_is_one_magnitude_row(self):
    survey = SDSS.without_magnitudes()
    self.assertEqual((survey.rows, survey.outputs, survey.r_min, survey.bins), (1, 1, 12.5, 180))

  def test_unknown_survey(self):
    with self.assertRaisesRegex(ValueError, "no survey 'lsst'; choose one of sdss"):
      load_survey("lsst")
    with self.assertRaises(FileNotFoundError):
      load_survey("missing.toml")


if __name__ == "__main__":
  tf.test.main()
