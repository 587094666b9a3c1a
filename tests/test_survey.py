"""Definitions of surveys: the published grids, and surveys from files."""

import os
import re

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf import survey as survey_lib
from pzbias_tf.survey import CFHTLS_DEEP, CFHTLS_WIDE, SDSS, load_survey, survey_names

FOLDER = os.path.join(os.path.dirname(survey_lib.__file__), "surveys")

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
      ("bins = 100", "", "the keys bins are missing; a complete file"),
      ("bins = 100", "bin = 100", "unknown keys bin;"),
      ("z_max = 2.0", "z_max = -1.0", "z_min < z_max"),
      ("r_max = 24.0", "r_max = 24.2", "multiple"),
      ("bins = 100", "bins = ", "not a valid TOML"), ("bins = 100", "bins = 20.5", "whole number"),
      ("bins = 100", 'bins = "20"', "whole number"), ("= 0.2", "= 0.0", "positive number"),
      ("bins = 100", "bins = 100\nr_step = 0.0", "r_step must be a positive"),
      ("bins = 100", "bins = 10000000000000000000", "bins must be .* at most 100000"),
      ("bins = 100", "bins = true", "whole number"), ("r_max = 24.0", "r_max = inf", "r_max must"),
      ("bins = 100", "bins = 100\nr_step = 1e-9", "at most 1000 times"),
      ("bins = 100", "bins = 100\nflux_divisor = nan", "flux_divisor must be a positive"),
      ("bins = 100", 'bins = 100\nmax_r_mag = "faint"', "max_r_mag must be a number"),
      ('name = "other"', "name = 5", "name must be a plain name"),
      ('name = "other"', 'name = "$x$"', "name must be a plain name"),
      ('name = "other"', 'name = "other"\ndataset = "../../evil"', "dataset must be a plain name"),
      ('bands = ["g", "r", "i"]', 'bands = ["g", "g"]', "name one twice"),
      ('bands = ["g", "r", "i"]', "bands = 5", "bands"),
      ("[extend_exceptions]\n10 = [10, 10]", "extend_exceptions = 5", "other.toml: "),
      ("10 = [10, 10]", "10 = [10]", "two numbers of bins"),
      ("bins = 100", "bins = 100\nflux_divisor = 0", "flux_divisor must be a positive"),
      ("extend_right = 1.0", "extend_right = -1.0", "extend_right must be"),
      ("bins = 100", "bins = 100\nbatch_size = 0", "batch_size must be a whole number of"),
      ("bins = 100", "bins = 100\nbatch_size_output = 1.5", "batch_size_output must be a whole"),
      ("bins = 100", "bins = 100\nr_step = 1e-320", "r_step must be a positive number"),
      ("bins = 100", "bins = 100\nflux_divisor = 1e300", "flux_divisor must be .* to 1e.30"),
      ("extend_right = 1.0", "extend_right = 1e9", "extend_right must be .* from 0 to 10"),
      ("10 = [10, 10]", "10 = [1, 100000000000]", "two numbers of bins"),
      ("10 = [10, 10]", "10 = 5", "extend_exceptions must be a table of two numbers"),
      ('bands = ["g", "r", "i"]', 'bands = ["g", "../x"]', "a band must be a plain name.*'../x'"),
      ('bands = ["g", "r", "i"]', 'bands = ["g", "{id}"]', "a band must be a plain name.*'{id}'"),
      ('bands = ["g", "r", "i"]', 'bands = ["g", "r "]', "a band must be a plain name.*'r '"),
      ('bands = ["g", "r", "i"]', 'bands = ["g", 5]', "a band must be a plain name.*got 5"),
      ('bands = ["g", "r", "i"]', 'bands = "gri"', "no bands are named.*got 'gri'"),
      ('bands = ["g", "r", "i"]', "bands = []", "no bands"), ("10 = [10, 10]", "x = [1, 1]", "x"))
  def test_mistakes_in_a_file(self, old, new, message):
    with self.assertRaisesRegex(ValueError, message):
      load_survey(self.write(OTHER.replace(old, new)))

  @parameterized.parameters("balance_threshold = -1", "balance_threshold = 1.5",
                            "balance_threshold = true", "balance_threshold = 99999999999999")
  def test_a_wrong_threshold_is_told(self, line):
    text = re.sub("(?m)^balance_threshold.*$", line, OTHER)
    with self.assertRaisesRegex(ValueError, "other.toml: .*balance_threshold must be a whole"):
      load_survey(self.write(text))

  @parameterized.parameters("g'", "u*", "F475W", "HSC-G", "Ks", "NB921", "i+")
  def test_names_of_bands(self, band):
    survey = load_survey(self.write(OTHER.replace('"g"', f'"{band}"')))
    self.assertEqual(survey.bands, (band, "r", "i"))

  def test_files_of_editors(self):
    path = self.write(OTHER)
    for text in (b"\xef\xbb\xbf" + OTHER.encode(), OTHER.replace("\n", "\r\n").encode()):
      with open(path, "wb") as file:
        file.write(text)
      self.assertEqual(load_survey(path).bands, ("g", "r", "i"))
    for text in (OTHER.encode("utf-16"), (OTHER + "# Guzm\xe1n").encode("latin-1"), b"\xff"):
      with open(path, "wb") as file:
        file.write(text)
      with self.assertRaisesRegex(ValueError, "other.toml: not a text in UTF-8 .*save it as such"):
        load_survey(path)

  def test_named_surveys(self):
    names = survey_names()
    self.assertContainsSubset(
        {"sdss", "cfhtls_wide", "cfhtls_deep", "legacysurvey", "kids", "hsc", "des", "panstarrs",
         "lsst", "euclid"}, names)
    for name in names:
      survey = load_survey(name)
      self.assertEqual(survey.name, name)
      with open(os.path.join(FOLDER, f"{name}.toml")) as file:
        comments = [line for line in file if line.startswith("#")]
      self.assertTrue(any("ource" in line for line in comments), name)
    self.assertEqual(load_survey("sdss"), SDSS)
    self.assertEqual(load_survey("cfhtls"), CFHTLS_WIDE)

  def test_a_file_without_keys_shows_one_that_is_complete(self):
    with self.assertRaises(ValueError) as caught:
      load_survey(self.write("z_max = 1.0"))
    message = str(caught.exception)
    for name in ("pixel_scale_arcsec", "bins", "r_min", "r_max", "balance_threshold",
                 "outlier_threshold", "fit_z_min"):
      self.assertIn(name, message.split(" are missing")[0])
    example = load_survey(self.write(message.split("a complete file is")[1]))
    self.assertEqual(example.bands, ("u", "g", "r", "i"))

  def test_without_magnitudes_there_is_one_magnitude_row(self):
    survey = SDSS.without_magnitudes()
    self.assertEqual((survey.rows, survey.outputs, survey.r_min, survey.bins), (1, 1, 12.5, 180))

  def test_unknown_survey(self):
    with self.assertRaisesRegex(ValueError, "no survey 'sdss2'; choose one of cfhtls_deep, "):
      load_survey("sdss2")
    with self.assertRaises(FileNotFoundError):
      load_survey("missing.toml")


if __name__ == "__main__":
  tf.test.main()
