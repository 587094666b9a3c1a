import os
import tempfile

import numpy as np
import tensorflow as tf

from pzbias_tf import storage
from pzbias_tf.data import pipeline
from pzbias_tf.data.dataset import Dataset
from tests.small_data import SIZE, make_dataset

REMOTE = "ram://bucket"
"""TensorFlow's file system in memory, which Python's `open` does not know."""


class StorageTest(tf.test.TestCase):

  def test_local_and_remote_files_are_read_alike(self):
    for folder in (tempfile.mkdtemp(), REMOTE):
      path = os.path.join(folder, "file")
      with tf.io.gfile.GFile(path, "wb") as file:
        file.write(b"\x00\xffbytes")
      self.assertEqual(storage.read_bytes(path), b"\x00\xffbytes")
      self.assertEqual(storage.file_size(path), 7)

  def test_missing_files(self):
    for folder in (tempfile.mkdtemp(), REMOTE):
      path = os.path.join(folder, "nothing")
      for function in (storage.read_bytes, storage.file_size):
        with self.assertRaisesRegex(FileNotFoundError, path):
          function(path)

  def test_unknown_file_system(self):
    with self.assertRaisesRegex(OSError, "nosuch://a/b: TensorFlow knows no such file system"):
      storage.read_bytes("nosuch://a/b")

  def test_paths(self):
    self.assertEqual(storage.absolute("gs://bucket/set"), "gs://bucket/set")
    self.assertEqual(storage.absolute("set"), os.path.join(os.getcwd(), "set"))


class RemoteDataTest(tf.test.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.local = make_dataset(os.path.join(tempfile.mkdtemp(), "set"), num=60, shard_size_mb=0.05)
    cls.folder = f"{REMOTE}/set"
    for name in os.listdir(cls.local.folder):
      if not name.startswith("."):
        tf.io.gfile.copy(os.path.join(cls.local.folder, name), os.path.join(cls.folder, name))

  def test_batches_are_those_of_the_local_copy(self):
    found = []
    for folder in (self.local.folder, self.folder):
      data = Dataset.open(folder)
      batches = pipeline.ordered_batches(data, "test", keep=data.column("split") == "test",
                                         labels=None, batch_size=100, image_size=SIZE)
      found.append(next(batches.as_numpy_iterator()))
    self.assertAllEqual(found[0]["image"], found[1]["image"])
    self.assertAllEqual(found[0]["row"], found[1]["row"])
    self.assertGreater(len(found[0]["row"]), 10)

  def test_catalogues_agree(self):
    data = Dataset.open(self.folder)
    self.assertEqual(data.manifest, self.local.manifest)
    for name in self.local.catalog.colnames:
      np.testing.assert_array_equal(data.column(name), self.local.column(name))

  def test_missing_and_short_shards(self):
    with self.assertRaisesRegex(FileNotFoundError, "no complete data set"):
      Dataset.open(f"{REMOTE}/nothing")
    name = self.local.manifest.shards[0].name
    folder = f"{REMOTE}/damaged"
    tf.io.gfile.copy(f"{self.folder}/manifest.json", f"{folder}/manifest.json")
    with self.assertRaisesRegex(FileNotFoundError, f"{folder}/{name} is missing"):
      Dataset.open(folder)
    with tf.io.gfile.GFile(f"{folder}/{name}", "wb") as file:
      file.write(b"short")
    with self.assertRaisesRegex(ValueError, f"{folder}/{name} has 5 bytes"):
      Dataset.open(folder)


if __name__ == "__main__":
  tf.test.main()
