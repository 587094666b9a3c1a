"""Catalogues with one row per object, band and file."""

import os
import pickle
from unittest import mock

from absl.testing import parameterized
from astropy.io import fits
from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.readers.parts import listed_files, templates
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_formats, sample_surveys

NUM = 6
BANDS = "ugriz"


class ListedFilesTest(sample_formats.FormatsTest, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.images = sample_surveys.cube(NUM)
    self.own = sample_formats.table_of(NUM)

  def write(self, folder="", seed=0, spelling="HSC-{}", without=(), columns=("filter", "file")):
    """Writes files of random names, and a catalogue with its rows in any order."""
    os.makedirs(self.path(folder), exist_ok=True)
    rows = []
    for number in range(NUM):
      for place, band in enumerate(BANDS):
        if (number, band) in without:
          continue
        name = os.path.join(folder, f"cutout-{7 * number + 3}-{place}.fits")
        fits.PrimaryHDU(self.images[number, ..., place]).writeto(self.path(name))
        rows.append({**{key: values[number] for key, values in self.own.items()},
                     columns[0]: spelling.format(band.upper()), columns[1]: name,
                     "depth": 25.0 + place})
    first, others = rows[0], rows[1:]
    np.random.default_rng(seed).shuffle(others)
    self.rows = Table(rows=[first, *others])
    self.save()

  def save(self):
    self.rows.write(self.path("catalog.csv"), format="ascii.csv", overwrite=True)

  @parameterized.parameters(
      ("", "HSC-{}", ("filter", "file")), ("images", "DECam {}", ("band", "filename")),
      ("deep/er", "{}", ("FILTER", "path")))
  def test_one_object_per_id(self, folder, spelling, columns):
    self.write(folder, seed=len(folder), spelling=spelling, columns=columns)
    self.assertEqual(readers.detect(self.input), "fits_cutouts")
    source = readers.read(self.input, SDSS)
    self.assertLen(source.catalog, NUM)
    place = {name: row for row, name in enumerate(source.catalog["id"])}
    order = [place[name] for name in self.own["id"]]
    self.assertEqual(order[0], 0)  # that of the first row
    for ours, theirs in (("z_spec", "z"), ("r_mag", "r"), ("ebv", "ebv")):
      self.assertAllClose(source.catalog[ours][order], self.own[theirs], rtol=1e-12)
    images = [source.images(row) for row in order]
    self.assertAllEqual(images, self.images)
    copy = pickle.loads(pickle.dumps(source.images))
    self.assert_images(mock.Mock(images=lambda row: copy(order[row])), self.images)

  def test_names_relative_to_the_folder_of_images(self):
    self.write("images")
    self.rows["file"] = [os.path.basename(name) for name in self.rows["file"]]
    self.save()
    self.convert()
    self.assertEmpty(self.rejected())

  def test_missing_bands_and_files_reject_their_object(self):
    self.write(without=[(1, "g"), *((2, band) for band in "ugri")])
    os.remove(self.path("cutout-24-0.fits"))
    self.convert()
    self.assertEqual(self.rejected(), {
        "J01": "band g missing", "J02": "band u missing", "J03": "band u missing"})

  def test_names_that_lead_out_are_rejected(self):
    self.write()
    self.rows["file"] = self.rows["file"].astype("U80")
    self.rows["file"][(self.rows["id"] == "J04")] = "../secret.fits"
    self.rows["file"][(self.rows["id"] == "J05")] = "/etc/passwd"
    self.save()
    self.convert()
    self.assertEqual(self.rejected(), dict.fromkeys(("J04", "J05"), templates.REASON_CLIMBS))

  def test_other_filters_are_not_used(self):
    self.write()
    row = {name: self.rows[0][name] for name in self.rows.colnames}
    self.rows.add_row({**row, "filter": "NB515", "file": "narrow.fits"})
    self.save()
    with self.assertLogs("absl") as logs:
      source = readers.read(self.input, SDSS)
    self.assertIn("rows of NB515 are not used", "\n".join(logs.output))
    self.assertLen(source.catalog, NUM)

  def test_two_files_for_one_band(self):
    self.write()
    row = {name: self.rows[0][name] for name in self.rows.colnames}
    self.rows.add_row({**row, "file": "again.fits"})
    self.save()
    with self.assertRaisesRegex(ValueError, "again.fits are files of one object in band u; keep"):
      readers.read(self.input, SDSS)

  def test_filters_of_another_survey(self):
    self.write(spelling="NB{}921")
    with self.assertRaisesRegex(ValueError, "column filter names NB.*the survey has the bands u"):
      readers.read(self.input, SDSS)

  @parameterized.parameters(("z", "no column for z_spec .*not used.* z .differs between the rows"),
                            ("r", "r .differs between the rows of one object"))
  def test_values_that_differ_within_an_object(self, column, message):
    self.write()
    self.rows[column][5] += 0.01
    self.save()
    with self.assertRaisesRegex(ValueError, message):
      readers.read(self.input, SDSS)

  def test_a_column_of_depths_may_differ(self):
    self.write()
    with self.assertRaisesRegex(ValueError, listed_files.DIFFERS):
      readers.read(self.input, SDSS, readers.ReaderOptions(columns={"i": "depth"}))

  def test_one_row_per_object_with_usual_names_goes_by_the_names(self):
    for number, name in enumerate(self.own["id"]):
      for place, band in enumerate(BANDS):
        fits.PrimaryHDU(self.images[number, ..., place]).writeto(self.path(f"{name}_{band}.fits"))
    Table({**self.own, "filter": ["g"] * NUM, "file": ["none.fits"] * NUM}).write(
        self.path("catalog.csv"))
    source = readers.read(self.input, SDSS)
    self.assertEqual(source.description["image_template"], "{id}_{band}.fits")
    self.assert_images(source, self.images)


if __name__ == "__main__":
  tf.test.main()
