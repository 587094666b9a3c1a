"""Damaged, missing, surplus and exchanged shards, and impossible records, are found."""

import dataclasses
import hashlib
import os
import shutil

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from tests import programs
from tests.data_tools.verification import damaged_sets
from tests.small_data import make_dataset


class ShardsTest(damaged_sets.DamagedSetTest, parameterized.TestCase):

  @parameterized.parameters(3, 200, 3000, -1)
  def test_flipped_bit(self, place):
    def flip(content):
      content[place] ^= 4
      return content
    damaged_sets.write_bytes(self.path, flip)
    record = self.shard.records if place < 0 else 1
    self.assert_one(self.shard.name, f"damaged in record {record} of {self.shard.records}")

  def test_shard_cut_inside_a_record(self):
    damaged_sets.write_bytes(self.path, lambda content: content[:-100])
    self.assert_one(self.shard.name,
                    f"cut off inside record {self.shard.records} of {self.shard.records}",
                    f"{self.shard.bytes - 100} of {self.shard.bytes} bytes")

  def test_shard_cut_between_two_records(self):
    record = self.shard.bytes // self.shard.records  # the ids are equally long
    self.assertEqual(record * self.shard.records, self.shard.bytes)
    damaged_sets.write_bytes(self.path, lambda content: content[:3 * record])
    self.assert_one(self.shard.name, "cut off between two records, before record 4 of")

  def test_empty_shard(self):
    damaged_sets.write_bytes(self.path, lambda content: b"")
    self.assert_one(self.shard.name, "before record 1 of", f"0 of {self.shard.bytes} bytes")

  def test_missing_shard(self):
    os.remove(self.path)
    self.assert_one(self.shard.name, "missing", "copy the shard")

  @parameterized.parameters("train-00000-of-00099.tfrecord", ".test-00000-of-00001.tfrecord.7.tmp",
                            "catalog-00000-of-00002.fits")
  def test_surplus_shard(self, name):
    shutil.copy(self.path, os.path.join(self.folder, name))
    self.assert_one(name, "surplus", "delete it")

  def test_other_files_are_ignored(self):
    with open(os.path.join(self.folder, "notes.txt"), "w", encoding="utf-8") as file:
      file.write("mine")
    self.assertEmpty(self.problems())

  def test_two_shards_exchanged(self):
    other = next(shard for shard in self.manifest.shards[2:] if shard.bytes == self.shard.bytes)
    theirs = os.path.join(self.folder, other.name)
    os.rename(theirs, f"{theirs}.aside")
    os.rename(self.path, theirs)
    os.rename(f"{theirs}.aside", self.path)
    with programs.forked_workers():
      lines = self.problems(num_workers=2)
    self.assertLen(lines, 2)
    for line, here, there in zip(lines, (self.shard, other), (other, self.shard)):
      self.assertIn(f"{here.name}: has the contents of {there.name}", line)
      self.assertIn(f"rename it to {there.name}", line)

  def rewrite(self, change):
    """Changes the first record of a shard as a faulty converter would, with matching digests."""
    examples = [tf.train.Example.FromString(record)
                for record in tf.data.TFRecordDataset(self.path).as_numpy_iterator()]
    change(examples[0].features.feature)
    with tf.io.TFRecordWriter(self.path) as writer:
      for example in examples:
        writer.write(example.SerializeToString())
    with open(self.path, "rb") as file:
      sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    self.change_shards(self.manifest.shards[0], dataclasses.replace(
        self.shard, bytes=os.path.getsize(self.path), sha256=sha256))

  def test_pixels_that_are_not_finite(self):
    def change(feature):
      pixels = np.frombuffer(feature["image"].bytes_list.value[0], "<f4").copy()
      pixels[7] = np.nan
      feature["image"].bytes_list.value[0] = pixels.tobytes()
    self.rewrite(change)
    self.assert_one(f"{self.shard.name}: pixels are not finite: 1 records, the first in",
                    f"row {self.manifest.shards[0].records}")

  def test_image_of_another_size(self):
    def change(feature):
      feature["image"].bytes_list.value[0] = feature["image"].bytes_list.value[0][:-2]
    self.rewrite(change)
    self.assert_one("manifest.json: image_shape or dtype does not fit the images: 1 records")

  def test_records_of_another_kind(self):
    self.rewrite(lambda feature: feature.pop("ebv"))
    self.assert_one(self.shard.name, "damaged in record 1 of", "not the record of a galaxy")

  def test_undamaged_records_of_another_data_set(self):
    other = os.path.join(self.folder, "other")
    shards = make_dataset(other, num=120, shard_size_mb=0.05, seed=1).manifest.shards
    shard = next(shard for shard in shards if shard.records == self.shard.records)
    shutil.copy(os.path.join(other, shard.name), self.path)
    self.assert_one(self.shard.name, "not the file that the manifest describes")


if __name__ == "__main__":
  tf.test.main()
