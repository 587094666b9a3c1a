"""Bad input, each kind with its rule: reject and list, replace and record, or stop."""

import csv
import os

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.conversion import accepted, duplicate_images, image_rules
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.conversion.convert import convert
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.survey import SDSS
from tests.data_tools.conversion import bad_inputs


class BadInputTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.input, self.output = (os.path.join(self.folder, name) for name in ("in", "out"))

  def tearDown(self):
    super().tearDown()
    self.assertFalse(os.path.exists(bad_inputs.PAYLOAD))

  def convert(self, **settings):
    return convert(readers.read(self.input, SDSS), SDSS, self.output,
                   settings=ConversionSettings(**settings))

  def rejected(self):
    with open(os.path.join(self.output, manifest_lib.REJECTED_NAME), newline="") as file:
      return [(row["id"], row["reason"]) for row in csv.DictReader(file)]

  @parameterized.named_parameters(*bad_inputs.REJECTED)
  def test_rejected_and_listed(self, build, ids, *reasons):
    build(self.input)
    manifest = self.convert()
    self.assertEqual(self.rejected(), list(zip(ids, reasons)))
    self.assert_adds_up(manifest, self.rejected())

  def assert_adds_up(self, manifest, rejected):
    """Manifest, catalogue, records and rejects agree."""
    catalog = catalog_lib.load_catalog(self.output)
    self.assertEqual(manifest.galaxies, {
        "read": len(catalog) + len(rejected), "written": len(catalog),
        "rejected": len(rejected)})
    self.assertEqual(sum(manifest.source["rejected"].values()), len(rejected))
    self.assertEqual(sum(shard.records for shard in manifest.shards), len(catalog))
    numbers = []
    for shard in manifest.shards:
      for record in tf.data.TFRecordDataset(os.path.join(self.output, shard.name)):
        example = tf.train.Example.FromString(record.numpy())
        numbers.append(example.features.feature["number"].int64_list.value[0])
    self.assertAllEqual(numbers, catalog["number"])

  @parameterized.named_parameters(*bad_inputs.STOPPED)
  def test_stopped(self, build, message):
    build(self.input)
    with self.assertRaises((ValueError, OSError)) as caught:
      self.convert()
    self.assertIn(message, str(caught.exception))
    if os.path.exists(self.output):
      self.assertEmpty([name for name in os.listdir(self.output) if not name.startswith(".")])

  def test_template_that_climbs(self):
    bad_inputs.fits_files()(self.input)
    with self.assertRaisesRegex(ValueError, "leads out of the input folder"):
      readers.read(self.input, SDSS, readers.ReaderOptions(image_template="../in/{id}_{band}.fits"))

  @parameterized.parameters(99.0, -99.0, 999.0, 99.9, 9999.0, np.inf, -np.inf, np.nan, -1.0)
  def test_sentinels_of_r_are_missing(self, value):
    bad_inputs.label("dered_petro_r", 5, value)(self.input)
    largest = np.delete(readers.read(self.input, SDSS).catalog["r_mag"], 5).max()
    with self.assertLogs(level="WARNING") as logged:
      self.assertEqual(self.convert().replaced, {"r_mag": 1})
    self.assertIn("in 1 galaxies", "".join(logged.output))
    catalog = catalog_lib.load_catalog(self.output)
    self.assertEqual(catalog["r_mag"][catalog["id"] == bad_inputs.BAD_ID], [largest])

  @parameterized.parameters(-99.0, -1.0, -9.99, 99.0)
  def test_redshifts_that_stand_for_none_are_listed(self, value):
    bad_inputs.label("z", slice(0, 2), value)(self.input)
    with self.assertLogs(level="WARNING") as logged:
      self.convert()
    self.assertRegex("".join(logged.output), r"z_spec has numbers that stand for none.*\(2\)")

  @parameterized.parameters((1, 1), (2, 8), (8, 2))
  def test_images_of_one_or_two_pixels_are_refused(self, height, width):
    bad_inputs.cube(lambda cube: cube[:, :height, :width])(self.input)
    with self.assertRaisesRegex(ValueError, f"images of {height} x {width} pixels: they need a s"):
      self.convert()

  def test_images_of_three_pixels_are_converted(self):
    bad_inputs.cube(lambda cube: cube[:, :3, :3])(self.input)
    self.assertEqual(self.convert().image_shape, (3, 3, 5))

  def test_photon_counts_are_mostly_zero(self):
    counts = np.random.default_rng(0).poisson(0.02, (bad_inputs.NUM, 8, 8, 5)).astype(np.float32)
    counts[:, 3, 3] += np.arange(1, bad_inputs.NUM + 1)[:, np.newaxis]
    bad_inputs.cube(lambda _: counts)(self.input)
    self.assertEqual(self.convert().galaxies["rejected"], 0)

  def test_replaced_and_recorded(self):
    bad_inputs.label("dered_petro_r", 5, -9999.0)(self.input)
    manifest = self.convert()
    self.assertEqual(manifest.replaced, {"r_mag": 1})
    self.assert_adds_up(manifest, [])

  def test_missing_z_goes_to_the_target_set(self):
    bad_inputs.label("z", 5, np.nan)(self.input)
    self.assert_adds_up(manifest := self.convert(), [])
    self.assertEqual(manifest.records("target"), 1)

  def test_shard_of_which_nothing_is_left(self):
    bad_inputs.public(self.input, lambda images, labels: labels["z"].__setitem__(5, np.nan) or
                      bad_inputs.with_value(5, 0))
    manifest = self.convert()
    self.assertEqual([shard.records for shard in manifest.split_shards("target")], [0])
    self.assert_adds_up(manifest, self.rejected())

  def test_all_rules_at_once_with_several_copies(self):
    def spoil(images, labels):
      images[0], images[1, 0, 0, 0], images[2] = 0, np.nan, images[3]
      labels["z"][4], labels["EBV"][5], labels["objid"][7] = 2.0, -1, "g6"
      return images
    bad_inputs.public(self.input, spoil)
    manifest = self.convert(augment_copies=3, split=(1, 0, 0), shard_size_mb=0.003)
    self.assertEqual(dict(self.rejected()), {
        "g0": image_rules.EMPTY, "g1": image_rules.NOT_FINITE,
        "g3": duplicate_images.DUPLICATE_IMAGE, "g4": accepted.OUTSIDE_GRID,
        "g5": accepted.BAD_EBV, "g6": accepted.DUPLICATE})
    self.assertEqual(manifest.galaxies, {"read": 12, "written": 6, "rejected": 6})
    self.assertEqual(manifest.records("train"), 18)
    catalog = catalog_lib.load_catalog(self.output)
    self.assertAllEqual(np.unique(catalog["id"], return_counts=True)[1], [3] * 6)

  @parameterized.parameters((0.08, True), (0.09, False), (0.0, True))
  def test_max_rejected(self, max_rejected, stops):
    bad_inputs.cube(lambda _: bad_inputs.with_value(5, 0))(self.input)  # one of twelve
    if not stops:
      self.assertEqual(self.convert(max_rejected=max_rejected).galaxies["rejected"], 1)
      return
    with self.assertRaisesRegex(ValueError, f"--max_rejected={max_rejected:g}: 1 of 12 objects.*"
                                "empty image"):
      self.convert(max_rejected=max_rejected)
    self.assertEmpty([name for name in os.listdir(self.output) if not name.startswith(".")])
    self.convert()  # without the limit it continues

  def test_max_rejected_applies_to_the_catalogue_first(self):
    bad_inputs.label("z", slice(0, 3), 5.0)(self.input)
    source = readers.read(self.input, SDSS)
    with self.assertRaisesRegex(ValueError, "3 of 12 objects are rejected"):
      convert(source, SDSS, self.output, settings=ConversionSettings(max_rejected=0.2))

  def test_max_rejected_does_not_count_what_was_asked_for(self):
    bad_inputs.public(self.input, lambda images, labels: None)
    manifest = self.convert(max_rejected=0.0, max_r_mag=16.0)
    self.assertGreater(manifest.galaxies["rejected"], 2)


if __name__ == "__main__":
  tf.test.main()
