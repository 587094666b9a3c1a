"""The public SDSS release."""

import os
import pickle

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.readers.parts.cutout_source import ReaderOptions
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_formats, sample_surveys


class SdssPublicTest(sample_formats.FormatsTest, parameterized.TestCase):

  @parameterized.parameters("npy", "npz", "npz_compressed")
  def test_layouts(self, kind):
    images, table = sample_surveys.cube(7), sample_surveys.columns(7)
    path = sample_surveys.write_public(self.input, images, table, kind)
    self.assertEqual(readers.detect(path), "sdss_public")
    source = readers.read(path, SDSS)
    self.assert_images(source, images)
    self.assertAllEqual(source.catalog["id"], table["objid"].astype(str))
    for ours, theirs in (("z_spec", "z"), ("ebv", "EBV"), ("r_mag", "dered_petro_r"),
                         ("r_err", "petroMagErr_r"), ("i_mag", "dered_petro_i"),
                         ("i_err", "petroMagErr_i"), ("z_photo_ref", "zphot"), ("ra", "ra")):
      self.assertAllEqual(source.catalog[ours], table[theirs])
    self.assertEqual(source.image_shape, (8, 8, 5))

  def test_images_pickle_without_their_data(self):
    images = sample_surveys.cube(50)
    source = readers.read(sample_surveys.write_public(
        self.input, images, sample_surveys.columns(50)), SDSS)
    source.images(0)  # opens the memory map
    data = pickle.dumps(source.images)
    self.assertLess(len(data), 2000)
    self.assertAllEqual(pickle.loads(data)(49), images[49])

  def test_without_ids_rows_are_named(self):
    table = sample_surveys.columns(3)
    del table["objid"]
    path = sample_surveys.write_public(self.input, sample_surveys.cube(3), table)
    self.assertAllEqual(readers.read(path, SDSS).catalog["id"], ["0", "1", "2"])

  def test_ids_that_lost_digits_are_not_used(self):
    table = sample_surveys.columns(3)
    table["objid"] = table["objid"].astype(np.float64)
    path = sample_surveys.write_public(self.input, sample_surveys.cube(3), table)
    self.assertAllEqual(readers.read(path, SDSS).catalog["id"], ["0", "1", "2"])
    with self.assertRaisesRegex(ValueError, "'objid' are floating-point.*--id_column"):
      readers.read(path, SDSS, ReaderOptions(columns={"id": "objid"}))

  @parameterized.parameters(("EBV", "--ebv_column.*--ebv=0"), ("z", "--z_column"))
  def test_missing_column_names_file_columns_and_flag(self, column, remedy):
    table = sample_surveys.columns(3)
    del table[column]
    path = sample_surveys.write_public(self.input, sample_surveys.cube(3), table)
    with self.assertRaisesRegex(ValueError, f"labels.npy.*petroMagErr_r.*{remedy}"):
      readers.read(path, SDSS)

  def test_named_columns_and_constant_reddening(self):
    table = sample_surveys.columns(3)
    table["redshift"] = table.pop("z")
    del table["EBV"]
    path = sample_surveys.write_public(self.input, sample_surveys.cube(3), table)
    source = readers.read(path, SDSS, ReaderOptions(columns={"z": "redshift"}, ebv=0.0))
    self.assertAllEqual(source.catalog["z_spec"], table["redshift"])
    self.assertAllEqual(source.catalog["ebv"], np.zeros(3))
    with self.assertRaisesRegex(ValueError, "no column 'zed', named by --z_column"):
      readers.read(path, SDSS, ReaderOptions(columns={"z": "zed"}, ebv=0.0))

  def test_no_redshifts_at_all(self):
    table = sample_surveys.columns(3)
    del table["z"]
    path = sample_surveys.write_public(self.input, sample_surveys.cube(3), table)
    source = readers.read(path, SDSS, ReaderOptions(columns={"z": "none"}))
    self.assertAllEqual(np.isnan(source.catalog["z_spec"]), [True] * 3)

  def test_cube_and_labels_of_different_lengths(self):
    path = sample_surveys.write_public(
        self.input, sample_surveys.cube(4), sample_surveys.columns(3))
    with self.assertRaisesRegex(ValueError, "4 images, but .*labels.npy"):
      readers.read(path, SDSS)

  def test_wrong_number_of_bands(self):
    path = sample_surveys.write_public(
        self.input, sample_surveys.cube(3)[..., :4], sample_surveys.columns(3))
    with self.assertRaisesRegex(ValueError, "5 bands u, g, r, i, z"):
      readers.read(path, SDSS)

  def test_cut_file(self):
    path = sample_surveys.write_public(
        self.input, sample_surveys.cube(4), sample_surveys.columns(4))
    with open(os.path.join(path, "cube.npy"), "r+b") as file:
      file.truncate(1000)
    with self.assertRaisesRegex(ValueError, "cube.npy: shorter than its header says"):
      readers.read(path, SDSS).images(3)


if __name__ == "__main__":
  tf.test.main()
