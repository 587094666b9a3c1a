"""The SDSS layout of the research code."""

import os
import pickle

import tensorflow as tf

from data_tools import readers
from data_tools.conversion.accepted import OUTSIDE_SAMPLE
from data_tools.readers.parts.cutout_source import EXCLUDED, ImageError
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_formats, sample_surveys


class SdssResearchTest(sample_formats.FormatsTest):

  def test_layout(self):
    images, table = sample_surveys.cube(6), sample_surveys.columns(6)
    path = sample_surveys.write_research(
        self.input, images, table, {"train": [0, 3], "val": [1], "test": [5, 4]})
    self.assertEqual(readers.detect(path), "sdss_research")
    source = readers.read(path, SDSS)
    self.assert_images(source, images)
    self.assertAllEqual(source.catalog["id"], [str(row) for row in range(6)])
    self.assertAllEqual(source.catalog["split"],
                        ["train", "validation", "", "train", "test", "test"])
    self.assertAllEqual(source.catalog["r_mag"], table["dered_petro_r"])

  def test_legacy_label_and_preference_for_npz(self):
    images, table = sample_surveys.cube(3), sample_surveys.columns(3)
    path = sample_surveys.write_research(self.input, images, table)
    with open(os.path.join(path, "label"), "wb") as file:
      pickle.dump(dict(table, z=table["z"] / 2), file, protocol=2)
    self.assertAllEqual(readers.read(path, SDSS).catalog["z_spec"], table["z"])
    os.remove(os.path.join(path, "label.npz"))
    self.assertEqual(readers.detect(path), "sdss_research")
    self.assertAllEqual(readers.read(path, SDSS).catalog["z_spec"], table["z"] / 2)

  def test_missing_image(self):
    path = sample_surveys.write_research(
        self.input, sample_surveys.cube(3), sample_surveys.columns(3))
    os.remove(os.path.join(path, "data", "0.py.npy"))
    source = readers.read(path, SDSS)
    self.assertEqual(source.image_shape, (8, 8, 5))
    with self.assertRaisesRegex(ImageError, "missing"):
      source.images(0)

  def test_the_galaxy_that_the_study_leaves_out(self):
    """Only in a sample of the published size: another one may hold any galaxy in that row."""
    split = {"train": [0], "val": [1], "test": [281_531, 2]}
    for num, expected in ((516_525, {281_531: EXCLUDED}), (516_526, {})):
      path = sample_surveys.write_research(
          self.input, sample_surveys.cube(1), sample_surveys.columns(num), split)
      self.assertEqual(readers.read(path, SDSS).rejected, expected)
    self.assertIn(EXCLUDED, OUTSIDE_SAMPLE)

  def test_bad_index_arrays(self):
    images, table = sample_surveys.cube(3), sample_surveys.columns(3)
    for split, message in (
        ({"train": [0], "val": [1], "test": [0]}, "test.npy: object 0 is already in train"),
        ({"train": [0], "val": [1], "test": [3]}, "index 3 is outside the 3 objects"),
    ):
      path = sample_surveys.write_research(self.input, images, table, split)
      with self.assertRaisesRegex(ValueError, message):
        readers.read(path, SDSS)
    os.remove(os.path.join(path, "val.npy"))
    with self.assertRaisesRegex(FileNotFoundError, "val.npy missing"):
      readers.read(path, SDSS)


if __name__ == "__main__":
  tf.test.main()
