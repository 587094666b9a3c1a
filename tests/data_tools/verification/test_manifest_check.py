"""A manifest that is damaged, changed or contradicts the files is found."""

import dataclasses
import json
import os
from unittest import mock

from absl.testing import parameterized
import tensorflow as tf

from data_tools.verification.all_checks import verify
from pzbias_tf import storage
from tests import small_photometry
from tests.data_tools.verification import damaged_sets


class ManifestTest(damaged_sets.DamagedSetTest, parameterized.TestCase):

  @parameterized.parameters(
      (lambda content: content[:200], "damaged"), (lambda content: b"", "damaged"),
      (lambda content: b"\xff" + content, "damaged"), (lambda content: b"[]", "damaged"),
      (lambda content: content.replace(b'"records": ', b'"records": "x", "was": '), "damaged"),
      (lambda content: content.replace(b'"schema_version": 2', b'"schema_version": 9'),
       "schema version 9"))
  def test_damaged_manifest(self, change, words):
    damaged_sets.write_bytes(os.path.join(self.folder, "manifest.json"), change)
    self.assert_one("manifest.json", words)

  @parameterized.parameters(
      (b'"flux_divisor": 1.0', b'"flux_divisor": 9.0'), (b'"u"', b'"w"'),
      (b'"seed": 0', b'"seed": 4'), (b'"path": "memory"', b'"path": "elsewhere"'))
  def test_manifest_with_a_changed_value(self, old, new):
    damaged_sets.write_bytes(os.path.join(self.folder, "manifest.json"),
                             lambda content: content.replace(old, new, 1))
    self.assert_one("manifest.json", "changed after it was written")

  def test_manifest_without_any_one_value(self):
    path = os.path.join(self.folder, "manifest.json")
    with open(path, encoding="utf-8") as file:
      fields = json.load(file)
    for name in fields:
      with open(path, "w", encoding="utf-8") as file:
        json.dump({**fields, name: None}, file)
      self.assertNotEmpty(self.problems(), name)

  def test_manifest_is_read_once(self):
    with mock.patch.object(storage, "read_bytes", wraps=storage.read_bytes) as read:
      self.assertEmpty(self.problems())
    names = [os.path.basename(call.args[0]) for call in read.call_args_list]
    self.assertEqual(names.count("manifest.json"), 1)

  def test_missing_manifest(self):
    os.remove(os.path.join(self.folder, "manifest.json"))
    self.assert_one("manifest.json is missing", "make_tfrecords")

  @parameterized.parameters(
      ({"image_shape": (16, 5)}, "image_shape is [16, 5]"),
      ({"image_shape": (16, 16, 4)}, "has 4 bands, 5 are named"),
      ({"dtype": "int8"}, "dtype is 'int8'"), ({"compression": "zip"}, "compression is 'zip'"),
      ({"catalogs": ()}, "the catalogue's files are called nothing"),
      ({"catalog_sha256": ()}, "the catalogue's files have the SHA-256 of none"),
      ({"catalogs": ("../catalog.fits",)}, "the catalogue's files are called ../catalog.fits"),
      ({"flux_divisor": "1"}, "flux_divisor is '1'"), ({"flux_divisor": 0}, "flux_divisor is 0"),
      ({"source": None}, "source is not a table"), ({"galaxies": []}, "galaxies is not a table"),
      ({"compression": []}, "compression is []"),
      ({"galaxies": {"read": 120, "written": "120", "rejected": 0}}, "three whole numbers"),
      ({"galaxies": {}}, "three whole numbers"),
      ({"galaxies": {"read": 121, "written": 120, "rejected": 0}},
       "121 galaxies read are not 120 written and 0 rejected"))
  def test_impossible_manifest(self, changes, words):
    self.change_manifest(**changes)
    self.assert_one("manifest.json", words)

  @parameterized.parameters(
      ({"name": "../train-00000-of-00002.tfrecord"}, "is called '../train"),
      ({"split": "nonsense"}, "of the split 'nonsense'"), ({"records": None}, "None records"),
      ({"bytes": -1}, "-1 bytes"), ({"sha256": "ab"}, "SHA-256 'ab'"))
  def test_impossible_entry_of_a_shard(self, changes, words):
    self.change_shards(dataclasses.replace(self.manifest.shards[0], **changes))
    self.assert_one("manifest.json", words)

  def test_shard_listed_twice(self):
    self.change_shards(self.manifest.shards[1])
    self.assert_one("manifest.json", f"{self.shard.name} is listed 2 times")

  def test_manifest_of_other_images(self):
    self.change_manifest(image_shape=(16, 8, 5))
    self.assert_one("manifest.json", "image_shape or dtype", "120 records")

  def test_manifest_with_shards_in_another_order(self):
    one, two = self.manifest.shards[:2]
    self.change_shards(two, one)
    lines = "\n".join(self.problems())
    self.assertIn(f"number differs from that of the records: {one.records + two.records} records, "
                  f"the first in {two.name}, row 0", lines)
    self.assertIn("catalog.fits: shard is 0 in row 0, the manifest's shards say 1", lines)

  def test_changed_digest_of_a_shard(self):
    shard = self.shard
    self.change_shards(self.manifest.shards[0], dataclasses.replace(shard, sha256="ab" * 32))
    self.assert_one(shard.name, "not the file that the manifest describes")


class PhotometryTest(tf.test.TestCase):

  def test_a_manifest_of_other_types(self):
    folder = os.path.join(self.create_tempdir().full_path, "data")
    small_photometry.make_photometry(folder)
    path = os.path.join(folder, "manifest.json")
    with open(path, encoding="utf-8") as file:
      fields = json.load(file)
    fields.pop("sha256")  # as of older versions, so that only the values can tell
    shard = fields["shards"][0]
    for changes in ({"kind": "images"}, {"kind": None}, {"shards": [{**shard, "sha256": []}]},
                    {"shards": [{**shard, "sha256": None}]}, {"shards": [{**shard, "bytes": {}}]},
                    {"photometry": {**fields["photometry"], "magnitudes": [["u"]]}}):
      with open(path, "w", encoding="utf-8") as file:
        json.dump({**fields, **changes}, file)
      self.assertRegex(str(verify(folder).problems), "manifest.json", changes)


if __name__ == "__main__":
  tf.test.main()
