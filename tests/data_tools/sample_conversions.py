"""Conversions of small surveys, and the files that they wrote, for the tests."""

import csv
import glob
import hashlib
import os

import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.conversion import catalog_rows, record_plan
from pzbias_tf.data import augment, schema
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_surveys

SMALL_SHARDS = 0.02  # MB: 14 records of 8 x 8 x 5 float32


def read_records(folder, manifest):
  """Images, numbers and E(B-V) of all records, in the order of the manifest's shards."""
  files = [os.path.join(folder, shard.name) for shard in manifest.shards]
  dataset = tf.data.TFRecordDataset(files).batch(4096)
  batches = [schema.parse_batch(batch, image_shape=manifest.image_shape, dtype=manifest.dtype)
             for batch in dataset]
  return {name: np.concatenate([batch[name].numpy() for batch in batches])
          for name in ("image", "number", "ebv")}


def digests(folder):
  """{name: SHA-256} of all shards."""
  by_name = {}
  for name in sorted(os.listdir(folder)):
    if name.endswith(".tfrecord"):
      with open(os.path.join(folder, name), "rb") as file:
        by_name[name] = hashlib.sha256(file.read()).hexdigest()
  return by_name


def rejected(folder):
  """{id: reason} of the rejected objects."""
  with open(os.path.join(folder, manifest_lib.REJECTED_NAME), newline="") as file:
    return {row["id"]: row["reason"] for row in csv.DictReader(file)}


class ConversionTest(tf.test.TestCase):
  """An input and an output of its own for each test."""

  def setUp(self):
    super().setUp()
    self.folder = os.path.join(self.get_temp_dir(), self.id().split(".")[-1])
    self.output = os.path.join(self.folder, "out")

  def public(self, num=100, images=None, **changes):
    """A source in the layout of the public release, with some columns changed."""
    table = sample_surveys.columns(num)
    table.update(changes)
    images = sample_surveys.cube(num) if images is None else images
    return readers.read(
        sample_surveys.write_public(os.path.join(self.folder, "in"), images, table), SDSS)

  def assert_faithful(self, source, manifest, divisor=1.0):
    """Every record carries the image and the labels of its object."""
    catalog = catalog_lib.load_catalog(self.output)
    records = read_records(self.output, manifest)
    self.assertAllEqual(records["number"], catalog["number"])
    row_of = {str(object_id): row for row, object_id in enumerate(source.catalog["id"])}
    for row, object_id in enumerate(catalog["id"]):
      theirs = row_of[object_id]
      element = record_plan.augmentation_element(
          object_id, int(catalog["copy"][row]), manifest.seed)
      image = augment.dihedral_numpy(source.images(theirs) / np.float32(divisor), element)
      self.assertAllEqual(records["image"][row], image)
      for column in ("z_spec", "ebv"):
        self.assertAllEqual(catalog[column][row], source.catalog[column][theirs])
    self.assertAllClose(records["ebv"], catalog["ebv"], rtol=1e-6)
    self.assert_shards_add_up(catalog, manifest)

  def assert_shards_add_up(self, catalog, manifest):
    self.assertEqual(digests(self.output), {s.name: s.sha256 for s in manifest.shards})
    for shard in manifest.shards:
      self.assertEqual(os.path.getsize(os.path.join(self.output, shard.name)), shard.bytes)
      number = int(shard.name.split("-")[1])
      mine = catalog[(catalog["split"] == shard.split) & (catalog["shard"] == number)]
      self.assertAllEqual(mine["position"], np.arange(shard.records))
    self.assertEqual(sum(s.records for s in manifest.shards), len(catalog))
    self.assertEqual(manifest.galaxies["read"],
                     manifest.galaxies["written"] + manifest.galaxies["rejected"])
    self.assertLen(rejected(self.output), manifest.galaxies["rejected"])
    self.assertLen(set(catalog["id"]), manifest.galaxies["written"])


class MiscountedCatalog(catalog_rows.WrittenCatalog):
  """Has other counts than the shards, as if images had changed during the conversion."""

  def __init__(self, *arguments):
    super().__init__(*arguments)
    self.counts += 1


def files_of(folder):
  """{path: contents} of all files below a folder, except for the lock."""
  contents = {}
  for path in glob.glob(os.path.join(folder, "**"), recursive=True, include_hidden=True):
    if os.path.isfile(path) and os.path.basename(path) != ".lock":
      with open(path, "rb") as file:
        contents[os.path.relpath(path, folder)] = file.read()
  return contents
