"""What the bytes of a data set depend on; copies, float16, gzip, catalogues in several files."""

import os
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.conversion import record_plan
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.conversion.convert import convert
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import pipeline
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.survey import CFHTLS_WIDE, SDSS
from tests import programs
from tests.data_tools import sample_conversions, sample_surveys


class BytesTest(sample_conversions.ConversionTest, parameterized.TestCase):

  def test_same_bytes_for_any_number_of_workers_and_again(self):
    source = self.public(100)
    digests = []
    for name, workers in (("one", 1), ("again", 1), ("two", 2)):
      output = os.path.join(self.folder, name)
      with programs.forked_workers():
        convert(source, SDSS, output, settings=ConversionSettings(
            num_workers=workers, shard_size_mb=sample_conversions.SMALL_SHARDS, augment_copies=2))
      digests.append(sample_conversions.digests(output))
    self.assertGreater(len(digests[0]), 10)
    self.assertEqual(digests[0], digests[1])
    self.assertEqual(digests[0], digests[2])

  def test_order_of_the_input_does_not_matter(self):
    table, images = sample_surveys.columns(50), sample_surveys.cube(50)
    shuffled = np.random.default_rng(0).permutation(50)
    digests = []
    for name, order in (("a", np.arange(50)), ("b", shuffled)):
      path = sample_surveys.write_public(
          os.path.join(self.folder, f"in_{name}"), images[order],
          {column: values[order] for column, values in table.items()})
      convert(readers.read(path, SDSS), SDSS, os.path.join(self.folder, name))
      digests.append(sample_conversions.digests(os.path.join(self.folder, name)))
    self.assertEqual(*digests)

  def test_seed_changes_the_bytes(self):
    source = self.public(50)
    for seed in (0, 1):
      convert(source, SDSS, os.path.join(self.folder, str(seed)),
              settings=ConversionSettings(seed=seed))
    self.assertNotEqual(*(sample_conversions.digests(os.path.join(self.folder, name))
                          for name in "01"))

  def test_eight_copies_are_the_eight_transforms(self):
    source = self.public(20)
    manifest = convert(source, SDSS, self.output, settings=ConversionSettings(
        augment_copies=8, split=(1, 0, 0)))
    self.assert_faithful(source, manifest)
    self.assertEqual(manifest.galaxies["written"], 20)
    self.assertEqual(manifest.records("train"), 160)
    catalog = catalog_lib.load_catalog(self.output)
    images = sample_conversions.read_records(self.output, manifest)["image"]
    for object_id in set(catalog["id"]):
      mine = catalog["id"] == object_id
      self.assertAllEqual(np.sort(catalog["copy"][mine]), np.arange(8))
      original = source.images(int(np.flatnonzero(source.catalog["id"] == object_id)[0]))
      mirrored = np.flip(original, axis=1)
      expected = {np.rot90(image, turns).tobytes() for image in (original, mirrored)
                  for turns in range(4)}
      self.assertLen(expected, 8)
      self.assertEqual({image.tobytes() for image in images[mine]}, expected)

  def test_only_training_galaxies_are_copied(self):
    manifest = convert(self.public(100), SDSS, self.output,
                       settings=ConversionSettings(augment_copies=3))
    catalog = catalog_lib.load_catalog(self.output)
    self.assertEqual(set(catalog["copy"][catalog["split"] != "train"]), {0})
    training = len(set(catalog["id"][catalog["split"] == "train"]))
    self.assertEqual(manifest.records("train"), 3 * training)

  def test_copies_of_a_galaxy_are_not_neighbours(self):
    convert(self.public(100), SDSS, self.output, settings=ConversionSettings(
        augment_copies=4, split=(1, 0, 0)))
    ids = catalog_lib.load_catalog(self.output)["id"]
    # By chance 3 of 399 neighbouring records show the same galaxy; in input order, 300 would.
    self.assertLess(np.sum(ids[1:] == ids[:-1]), 20)

  def test_few_copies_show_every_orientation(self):
    elements = [record_plan.augmentation_element(str(number), 1, 0) for number in range(700)]
    counts = np.bincount(elements, minlength=8)
    self.assertEqual(counts[0], 0)
    self.assertAllInRange(counts[1:], 50, 150)

  def test_float16(self):
    folder, images = os.path.join(self.folder, "in"), 1e5 * sample_surveys.cube(10)
    sample_surveys.write_cfhtls(folder, "LR", 1, images, ["W"] * 10, np.linspace(0.1, 3, 10))
    source = readers.read(folder, CFHTLS_WIDE)
    manifest = convert(source, CFHTLS_WIDE, self.output,
                       settings=ConversionSettings(dtype="float16"))
    self.assertEqual((manifest.dtype, manifest.flux_divisor), ("float16", 1.0))
    catalog = catalog_lib.load_catalog(self.output)
    records = sample_conversions.read_records(self.output, manifest)
    rows = [int(object_id.split(":")[1]) for object_id in catalog["id"]]
    error = np.max(np.abs(records["image"] - images[rows] / 1000))
    self.assertAllClose(manifest.source["float16_largest_error"], error, rtol=1e-3)
    self.assertBetween(error, 1e-4, 0.2)

  def test_gzip(self):
    images = np.round(sample_surveys.cube(100), 1)  # full-precision noise cannot be compressed
    source = self.public(100, images)
    plain = convert(source, SDSS, os.path.join(self.folder, "plain"),
                    settings=ConversionSettings(shard_size_mb=sample_conversions.SMALL_SHARDS))
    packed = [convert(source, SDSS, os.path.join(self.folder, name), settings=ConversionSettings(
        shard_size_mb=sample_conversions.SMALL_SHARDS, compression="gzip")) for name in "ab"]
    self.assertEqual(packed[0].shards, packed[1].shards)
    self.assertLess(sum(shard.bytes for shard in packed[0].shards),
                    0.7 * sum(shard.bytes for shard in plain.shards))
    images_read = [self.read_all(os.path.join(self.folder, name)) for name in ("plain", "a")]
    self.assertAllEqual(*images_read)
    self.assertLen(images_read[0], packed[0].records("train"))

  def read_all(self, folder):
    """Training images in record order, as training reads them."""
    data = Dataset.open(folder)
    return np.concatenate([batch["image"] for batch in pipeline.ordered_batches(
        data, "train", keep=data.column("split") == "train", labels=None, batch_size=64,
        image_size=8)])

  def test_gaps_of_rejected_images_are_skipped(self):
    images = sample_surveys.cube(100)
    images[::7, 0, 0, 0] = np.nan
    source = self.public(100, images)
    manifest = convert(source, SDSS, self.output,
                       settings=ConversionSettings(shard_size_mb=sample_conversions.SMALL_SHARDS))
    self.assert_faithful(source, manifest)
    catalog = catalog_lib.load_catalog(self.output)
    self.assertGreater(catalog["number"][-1], len(catalog) - 1)
    self.assertLen(self.read_all(self.output), manifest.records("train"))

  def test_catalogue_in_several_files(self):
    with mock.patch.object(catalog_lib, "ROWS_PER_FILE", 40):
      manifest = convert(self.public(100), SDSS, self.output)
    self.assertEqual(manifest.catalogs, tuple(
        f"catalog-0000{number}-of-00003.fits" for number in range(3)))
    self.assertNotIn("catalog.fits", os.listdir(self.output))
    convert(self.public(100), SDSS, os.path.join(self.folder, "whole"))
    parts, whole = (Dataset.open(folder).catalog
                    for folder in (self.output, os.path.join(self.folder, "whole")))
    self.assertEqual(parts.colnames, whole.colnames)
    for name in whole.colnames:
      self.assertAllEqual(parts[name], whole[name])
      self.assertEqual(parts[name].dtype.newbyteorder("="), whole[name].dtype.newbyteorder("="))

  def test_float16_overflow(self):
    images = sample_surveys.cube(5)
    images[2, 0, 0, 0] = 1e5
    with self.assertRaisesRegex(ValueError, "exceeds float16's 65504.*--dtype=float32"):
      convert(self.public(5, images), SDSS, self.output,
              settings=ConversionSettings(dtype="float16"))

  @parameterized.parameters(
      ({"augment_copies": 9}, "--augment_copies=9"), ({"augment_copies": 0}, "--augment_copies=0"),
      ({"dtype": "int8"}, "--dtype=int8"), ({"compression": "zip"}, "--compression=zip"),
      ({"max_rejected": 1.5}, "--max_rejected=1.5"), ({"shard_size_mb": 0}, "--shard_size_mb=0"))
  def test_bad_settings(self, fields, message):
    with self.assertRaisesRegex(ValueError, message):
      ConversionSettings(**fields)


if __name__ == "__main__":
  tf.test.main()
