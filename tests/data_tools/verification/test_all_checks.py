"""Sound data sets pass; galaxies and images in two splits are found."""

import os
import tempfile
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools.conversion import duplicate_images
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.conversion.convert import convert
from data_tools.readers.parts.cutout_source import CutoutSource, with_split
from data_tools.verification import all_checks
from pzbias_tf.data.catalog import load_catalog, object_table
from pzbias_tf.data.manifest import Manifest
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_surveys
from tests.data_tools.verification import damaged_sets


class SoundDataSetTest(damaged_sets.DamagedSetTest):

  def test_sound_data_set(self):
    self.assertGreater(len(self.manifest.shards), 8)
    self.assertEmpty(self.problems())

  def test_progress_counts_all_bytes(self):
    seen = []
    all_checks.verify(self.folder, progress=seen.append)
    self.assertEqual(seen, [shard.bytes for shard in self.manifest.shards])


class OtherDataSetsTest(tf.test.TestCase, parameterized.TestCase):

  def convert(self, ids, images, *, copies=1, **settings):
    """Converts galaxies; the first half is for training, the second for testing."""
    num = len(ids)
    catalog = object_table(num, id=np.array(ids), z_spec=np.linspace(0.1, 0.2, num),
                           r_mag=np.full(num, 16.0), ebv=np.zeros(num))
    source = CutoutSource(
        catalog=with_split(catalog, np.repeat(["train", "test"], num // 2).astype("U10")),
        images=images.__getitem__, image_shape=images.shape[1:])
    folder = os.path.join(tempfile.mkdtemp(), "set")
    convert(source, SDSS, folder, settings=ConversionSettings(
        augment_copies=copies, **settings))
    return folder

  def test_same_image_in_two_splits(self):
    images = sample_surveys.cube(8)
    images[6] = images[1]
    # As if the conversion did not look for duplicates.
    with mock.patch.object(duplicate_images, "find_duplicates", return_value={}):
      folder = self.convert([f"g{number}" for number in range(8)], images, copies=2)
    ids = list(load_catalog(folder)["id"])
    problems = all_checks.verify(folder).problems
    self.assertLen(problems, 1)
    self.assertIn("test-00000-of-00001.tfrecord: 1 images are in two splits, e.g. row "
                  f"{ids.index('g6')} here and row", problems[0])

  def test_same_galaxy_in_two_splits(self):
    folder = self.convert([f"g{number}" for number in range(8)], sample_surveys.cube(8))
    table = load_catalog(folder)
    row, other = list(table["id"]).index("g1"), list(table["id"]).index("g6")
    table["id"][other] = "g1"
    table.write(os.path.join(folder, "catalog.fits"), overwrite=True)
    words = f"1 galaxies are in two splits, e.g. g1 in test (row {other}) and train (row {row})"
    self.assertIn(words, "\n".join(all_checks.verify(folder).problems))

  @parameterized.parameters(
      {"compression": "gzip"}, {"dtype": "float16"}, {"compression": "gzip", "dtype": "float16"})
  def test_sound_sets_of_other_kinds(self, **settings):
    images = sample_surveys.cube(8)
    images[2, 0, 0, 0] = np.nan  # its record leaves a gap
    folder = self.convert([f"g{number}" for number in range(8)], images, **settings)
    self.assertEqual(Manifest.load(folder).galaxies["written"], 7)
    self.assertEmpty(all_checks.verify(folder).problems)

  def test_damaged_gzip(self):
    folder = self.convert([f"g{number}" for number in range(8)], sample_surveys.cube(8),
                          compression="gzip")
    name = Manifest.load(folder).shards[0].name
    damaged_sets.write_bytes(os.path.join(folder, name), lambda content: content[:-100])
    problems = all_checks.verify(folder).problems
    self.assertLen(problems, 1)
    self.assertIn(f"{name}: cut off inside record", problems[0])

  def test_copies_of_a_galaxy_are_not_reported(self):
    folder = self.convert([f"g{number}" for number in range(8)], sample_surveys.cube(8), copies=8)
    self.assertEmpty(all_checks.verify(folder).problems)


if __name__ == "__main__":
  tf.test.main()
