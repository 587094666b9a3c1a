import json
import os

from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.data.manifest import Manifest, Shard


def _shard(split="train", number=0, records=3):
  return Shard(split=split, name=f"{split}-{number:05d}-of-00002.tfrecord", records=records,
               bytes=100, sha256="ab" * 32)


def _manifest(**changes):
  fields = dict(
      dataset="sdss", survey="sdss", bands=tuple("ugriz"), image_shape=(64, 64, 5), seed=3,
      galaxies={"read": 9, "written": 8, "rejected": 1}, source={"path": "in"},
      shards=(_shard(), _shard(number=1, records=4), _shard("test", records=1)))
  return Manifest(**{**fields, **changes})


class ManifestTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = os.path.join(self.get_temp_dir(), self.id().split(".")[-1])
    os.makedirs(self.folder)
    self.path = os.path.join(self.folder, manifest_lib.MANIFEST_NAME)

  def test_round_trip(self):
    manifest = _manifest(preset={"net": 5, "stages": {"step1": {"drops": [0.5]}}})
    manifest.save(self.folder)
    self.assertEqual(Manifest.load(self.folder), manifest)
    self.assertEqual(Manifest.load(self.folder).digest(), manifest.digest())
    self.assertEqual(os.listdir(self.folder), [manifest_lib.MANIFEST_NAME])

  def test_records_by_split(self):
    manifest = _manifest()
    self.assertEqual([manifest.records(split) for split in manifest_lib.SPLITS], [7, 0, 1, 0])
    self.assertEqual([shard.name[:11] for shard in manifest.split_shards("train")],
                     ["train-00000", "train-00001"])

  def test_digest_tells_data_sets_apart(self):
    self.assertEqual(_manifest().digest(), _manifest().digest())
    self.assertNotEqual(_manifest().digest(), _manifest(seed=4).digest())

  def test_missing(self):
    with self.assertRaisesRegex(FileNotFoundError, "not a complete data set.*make_tfrecords"):
      Manifest.load(self.folder)

  def test_cut_off(self):
    for stop in (0, 10, 200):
      with open(self.path, "w", encoding="utf-8") as file:
        file.write(_manifest().to_json()[:stop])
      with self.assertRaisesRegex(ValueError, "manifest.json: damaged"):
        Manifest.load(self.folder)

  @parameterized.parameters(
      ("schema_version", 1, "schema version 1, but this package reads 2"),
      ("schema_version", None, "schema version None"),
      ("shards", None, "damaged"), ("shards", [{"split": "train"}], "damaged"),
      ("bands", None, "damaged"), ("catalogs", None, "damaged"), ("unknown", 1, "damaged"))
  def test_other_contents(self, key, value, message):
    fields = json.loads(_manifest().to_json())
    fields[key] = value
    with open(self.path, "w", encoding="utf-8") as file:
      json.dump(fields, file)
    with self.assertRaisesRegex(ValueError, message):
      Manifest.load(self.folder)

  def test_no_table(self):
    with open(self.path, "w", encoding="utf-8") as file:
      file.write("[]")
    with self.assertRaisesRegex(ValueError, "manifest.json: damaged"):
      Manifest.load(self.folder)


if __name__ == "__main__":
  tf.test.main()
