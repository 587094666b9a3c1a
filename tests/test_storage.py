import os
import tempfile
from unittest import mock

from absl.testing import parameterized
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
    for function in (storage.read_bytes, storage.is_file, storage.names, storage.make_folders,
                     lambda path: storage.write_text(path, "x")):
      with self.assertRaisesRegex(OSError, "nosuch://a/b: TensorFlow knows no such file system"):
        function("nosuch://a/b")

  def test_paths(self):
    self.assertEqual(storage.absolute("gs://bucket/set"), "gs://bucket/set")
    self.assertEqual(storage.absolute("set"), os.path.join(os.getcwd(), "set"))


class WritingTest(tf.test.TestCase, parameterized.TestCase):

  def folder(self, remote):
    folder = f"{REMOTE}/{self._testMethodName}" if remote else self.create_tempdir().full_path
    storage.make_folders(folder)
    storage.make_folders(folder)  # it exists already
    return folder

  @parameterized.parameters(False, True)
  def test_files_are_written_moved_and_removed(self, remote):
    folder = self.folder(remote)
    one, two = f"{folder}/one", f"{folder}/two"
    for text in ("old", "\u00e4\nb\n"):
      storage.write_text(one, text)
    storage.write_text(two, "other")
    self.assertSameElements(storage.names(folder), ["one", "two"])
    storage.move(one, two)
    self.assertEqual(storage.names(folder), ["two"])
    self.assertEqual(list(storage.lines(two)), ["\u00e4\n", "b\n"])
    with storage.opened(two) as file:
      self.assertEqual([file.read(3), file.read(9), file.read(9)],
                       [b"\xc3\xa4\n", b"b\n", b""])
    storage.remove(two)
    self.assertEmpty(storage.names(folder))
    for function in (storage.remove, lambda path: storage.move(path, one)):
      with self.assertRaisesRegex(FileNotFoundError, two):
        function(two)

  @parameterized.parameters(False, True)
  def test_folders_are_removed_with_what_is_in_them(self, remote):
    folder = self.folder(remote)
    for remove in (storage.remove, storage.remove_tree):
      storage.make_folders(f"{folder}/one/two")
      storage.write_text(f"{folder}/one/two/file", "x")
      remove(f"{folder}/one")
      self.assertEmpty(storage.names(folder))
      self.assertFalse(storage.is_file(f"{folder}/one/two/file"))
    storage.remove_tree(f"{folder}/one")

  @parameterized.parameters(False, True)
  def test_a_failure_leaves_the_old_file_alone(self, remote):
    path = f"{self.folder(remote)}/file"
    storage.write_text(path, "old")
    with self.assertRaises(KeyError):
      with storage.whole_file(path) as hidden:
        with open(hidden, "w", encoding="utf-8") as file:
          file.write("half")
        raise KeyError
    self.assertEqual(storage.read_bytes(path), b"old")
    self.assertFalse(os.path.exists(hidden))
    self.assertEqual(storage.names(os.path.dirname(path)), ["file"])

  @parameterized.parameters(False, True)
  def test_a_file_is_not_taken_for_one_whose_name_goes_on(self, remote):
    folder = self.folder(remote)
    storage.write_text(f"{folder}/name.old", "x")
    self.assertFalse(storage.is_file(f"{folder}/name"))
    self.assertTrue(storage.is_file(f"{folder}/name.old"))
    self.assertFalse(storage.is_file(folder))

  def test_names_of_object_stores(self):
    storage.make_folders(f"{REMOTE}/store")
    with mock.patch.object(tf.io.gfile, "listdir", return_value=["folder/", "file"]):
      self.assertEqual(storage.names(f"{REMOTE}/store"), ["folder", "file"])
    self.assertEqual(storage.names(f"{REMOTE}/nothing"), [])


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
    with self.assertRaisesRegex(FileNotFoundError, "not a complete data set"):
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
