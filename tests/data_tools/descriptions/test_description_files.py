"""Other packages open data sets as they are: tensorflow-datasets and mlcroissant themselves."""

import dataclasses
import json
import os
import shutil
from unittest import mock

from absl.testing import parameterized
import mlcroissant
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from data_tools import verify
from data_tools.conversion import lock
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.conversion.convert import convert
from data_tools.descriptions import description_files
from data_tools.verification import all_checks
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.survey import SDSS
from tests import small_photometry
from tests.data_tools import sample_conversions, sample_surveys

INFO, FEATURES, CROISSANT = description_files.NAMES
IN_ORDER = tfds.ReadConfig(interleave_cycle_length=1)


class ImagesTest(sample_conversions.ConversionTest, parameterized.TestCase):

  def converted(self, survey=SDSS, num=100, images=None, **settings):
    return convert(self.public(num, images=images), survey, self.output,
                   settings=ConversionSettings(shard_size_mb=0.01, **settings))

  @parameterized.product(dtype=("float32", "float16"), copies=(1, 3))
  def test_every_split_is_that_of_the_catalogue(self, dtype, copies):
    manifest = self.converted(dtype=dtype, augment_copies=copies, split=(0.5, 0.2, 0.3))
    builder, catalog = tfds.builder_from_directory(self.output), Dataset.open(self.output).catalog
    records = sample_conversions.read_records(self.output, manifest)
    self.assertCountEqual(builder.info.splits, ("train", "validation", "test"))
    for split, info in builder.info.splits.items():
      rows = np.flatnonzero(catalog["split"] == split)
      self.assertEqual((info.num_examples, info.num_shards),
                       (len(rows), len(manifest.split_shards(split))))
      self.assertGreater(info.num_shards, 1)
      galaxies = list(builder.as_dataset(
          split=split, read_config=IN_ORDER).as_numpy_iterator())
      self.assertEqual([galaxy["id"].decode() for galaxy in galaxies], list(catalog["id"][rows]))
      for name in ("number", "z_spec", "r_mag", "ebv"):
        self.assertAllEqual([galaxy[name] for galaxy in galaxies],
                            np.asarray(catalog[name][rows]).astype(galaxies[0][name].dtype))
      images = np.stack([galaxy["image"] for galaxy in galaxies])
      self.assertEqual((images.dtype, images.shape[1:]), (dtype, manifest.image_shape))
      self.assertAllEqual(images, records["image"][rows])

  def test_features_and_parts_of_splits(self):
    manifest = self.converted()
    builder = tfds.builder_from_directory(self.output)
    features = builder.info.features
    self.assertEqual(features["image"].shape, manifest.image_shape)
    self.assertEqual({name: feature.np_dtype for name, feature in features.items()
                      if name not in ("image", "id")},
                     {"number": np.int64, "z_spec": np.float32, "r_mag": np.float32,
                      "ebv": np.float32})
    half = builder.as_dataset(split="train[:50%]")
    self.assertLen(list(half), round(manifest.records("train") / 2))
    self.assertEqual(builder.info.dataset_size, sum(shard.bytes for shard in manifest.shards))

  @parameterized.parameters("sdss", "my-survey.2", "2mass")
  def test_names_of_data_sets(self, name):
    self.converted(survey=dataclasses.replace(SDSS, name=name, dataset=name))
    self.assertRegex(tfds.builder_from_directory(self.output).name, r"^[a-z]\w*$")
    self.assertEqual(mlcroissant.Dataset(os.path.join(self.output, CROISSANT)).metadata.name, name)

  def test_as_tensorflow_datasets_itself_would_write(self):
    manifest = self.converted()
    folder = os.path.join(self.folder, "theirs")
    shutil.copytree(self.output, folder)
    info = tfds.builder_from_directory(self.output).info
    tfds.folder_dataset.write_metadata(
        data_dir=folder, features=info.features, split_infos=list(info.splits.values()),
        filename_template="{SPLIT}-{SHARD_X_OF_Y}.{FILEFORMAT}", description="")
    theirs, ours = self.read(FEATURES, folder), self.read(FEATURES)
    self.assertEqual(theirs, ours)
    self.assertEqual(self.read(INFO, folder)["splits"], self.read(INFO)["splits"])
    self.assertLen(manifest.shards, sum(len(split["shardLengths"])
                                        for split in self.read(INFO)["splits"]))

  def test_a_shard_whose_images_are_all_rejected(self):
    images = sample_surveys.cube(100)
    with mock.patch.object(description_files, "save_descriptions", return_value=()):
      first = self.converted(images=images)
    shard, = [shard for shard in first.shards if shard.split == "test"][:1]
    catalog = catalog_lib.load_catalog(self.output)
    lost = catalog["id"][(catalog["split"] == "test") & (catalog["shard"] == 0)]
    ids = [str(name) for name in self.public(100).catalog["id"]]
    images[[ids.index(name) for name in lost], 0, 0, 0] = np.nan
    shutil.rmtree(self.output)
    manifest = self.converted(images=images)
    self.assertIn((shard.name, 0), [(shard.name, shard.records) for shard in manifest.shards])
    found = tfds.builder_from_directory(self.output).as_dataset(split="test")
    self.assertLen(list(found), manifest.records("test"))
    self.assertEqual(verify.verify(self.output), 0)

  def test_compressed_shards_are_not_for_tensorflow_datasets(self):
    self.converted(compression="gzip")
    self.assertNoCommonElements(os.listdir(self.output), (INFO, FEATURES))
    mlcroissant.Dataset(os.path.join(self.output, CROISSANT))
    self.assertEqual(verify.verify(self.output), 0)

  @parameterized.parameters((INFO,), (FEATURES,), (CROISSANT,))
  def test_interrupted_conversion_with_other_settings(self, name):
    """Of compressed shards, none may stay; croissant.json is replaced."""
    with mock.patch.object(lock.Owner, "publish", side_effect=KeyError):
      with self.assertRaises(KeyError):
        self.converted()
    self.assertIn(name, os.listdir(self.output))
    self.converted(compression="gzip")
    self.assertEqual(name in os.listdir(self.output), name == CROISSANT)
    self.assertEqual(verify.verify(self.output), 0)

  def read(self, name, folder=""):
    with open(os.path.join(folder or self.output, name), encoding="utf-8") as file:
      return json.load(file)


class CroissantTest(sample_conversions.ConversionTest, parameterized.TestCase):

  def test_images(self):
    manifest = convert(self.public(40), SDSS, self.output)
    metadata = mlcroissant.Dataset(os.path.join(self.output, CROISSANT)).metadata
    self.assertEmpty(metadata.issues.errors)
    galaxies, examples = metadata.record_sets
    image, = [field for field in examples.fields if field.name == "image"]
    self.assertEqual(image.array_shape, ",".join(map(str, manifest.image_shape)))
    self.assertEqual([field.name for field in galaxies.fields],
                     catalog_lib.load_catalog(self.output).colnames)
    self.assertEqual(metadata.distribution[0].sha256, manifest.catalog_sha256[0])

  def test_catalogue_in_parts(self):
    with mock.patch.object(catalog_lib, "ROWS_PER_FILE", 150):
      data = small_photometry.make_photometry(self.output)
    metadata = mlcroissant.Dataset(os.path.join(self.output, CROISSANT)).metadata
    self.assertEqual([file.sha256 for file in metadata.distribution[:-1]],
                     list(data.manifest.catalog_sha256))
    self.assertLen(data.manifest.catalogs, 3)

  @parameterized.parameters(True, False)
  def test_photometry(self, errors):
    small_photometry.make_photometry(
        self.output, **({} if errors else {"error_columns": ()}), extra_columns=("mag_J",))
    self.assertNoCommonElements(os.listdir(self.output), (INFO, FEATURES))
    metadata = mlcroissant.Dataset(os.path.join(self.output, CROISSANT)).metadata
    galaxies, = metadata.record_sets
    names = [field.name for field in galaxies.fields]
    self.assertEqual(names, catalog_lib.load_catalog(self.output).colnames)
    self.assertContainsSubset(("mag_u", "mag_z", "mag_J"), names)
    self.assertEqual("err_u" in names, errors)
    self.assertEqual(verify.verify(self.output), 0)


class VerifyTest(sample_conversions.ConversionTest, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    convert(self.public(30), SDSS, self.output)

  def problems(self):
    return all_checks.verify(self.output).problems

  def test_data_sets_of_earlier_versions_have_none(self):
    for name in description_files.NAMES:
      os.remove(os.path.join(self.output, name))
    self.assertEmpty(self.problems())
    Dataset.open(self.output)
    convert(self.public(30), SDSS, self.output)  # it is there already
    self.assertNoCommonElements(os.listdir(self.output), description_files.NAMES)

  @parameterized.parameters(*description_files.NAMES)
  def test_one_is_missing(self, name):
    os.remove(os.path.join(self.output, name))
    self.assertEqual([line.split("; ")[0] for line in self.problems()],
                     [f"{os.path.join(self.output, name)}: missing"])

  @parameterized.parameters((INFO, b'"shardLengths": [', b'"shardLengths": ["1", '),
                            (FEATURES, b'"float32"', b'"float16"'),
                            (CROISSANT, b'"sha256": "', b'"sha256": "0'),
                            (INFO, b"{", b"{{"))
  def test_one_is_changed(self, name, old, new):
    self.change(name, old, new)
    line, = self.problems()
    self.assertStartsWith(line, f"{os.path.join(self.output, name)}: describes another data set")

  @parameterized.parameters(INFO, CROISSANT)
  def test_words_may_be_changed(self, name):
    self.change(name, b"for photometric redshifts", b"of my own")
    self.assertEmpty(self.problems())

  def change(self, name, old, new):
    path = os.path.join(self.output, name)
    with open(path, "rb") as file:
      data = file.read()
    self.assertIn(old, data)
    with open(path, "wb") as file:
      file.write(data.replace(old, new, 1))


if __name__ == "__main__":
  tf.test.main()
