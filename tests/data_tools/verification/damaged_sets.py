"""Copies of a small data set, to be damaged, and what is said about them, for the tests."""

import dataclasses
import os
import shutil
import tempfile

import tensorflow as tf

from data_tools.verification import all_checks
from pzbias_tf.data.manifest import Manifest
from tests.small_data import make_dataset


def write_bytes(path, change):
  """Writes what `change` makes of the bytes of a file."""
  with open(path, "rb") as file:
    content = bytearray(file.read())
  content = change(content)
  with open(path, "wb") as file:
    file.write(content)


class DamagedSetTest(tf.test.TestCase):
  """A copy for each test: all of it in `folder`, one of its shards in `shard` and `path`."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.sound = os.path.join(tempfile.mkdtemp(), "sound")
    make_dataset(cls.sound, num=120, shard_size_mb=0.05)

  def setUp(self):
    super().setUp()
    self.folder = os.path.join(tempfile.mkdtemp(), "set")
    shutil.copytree(self.sound, self.folder)
    self.manifest = Manifest.load(self.folder)
    self.shard = self.manifest.shards[1]
    self.path = os.path.join(self.folder, self.shard.name)

  def problems(self, **options):
    return list(all_checks.verify(self.folder, **options).problems)

  def assert_one(self, *words, **options):
    """One problem is found, and these words stand in its line."""
    found = self.problems(**options)
    self.assertLen(found, 1, found)
    self.assertNotIn("\n", found[0])
    for word in (self.folder, *words):
      self.assertIn(word, found[0])

  def change_manifest(self, **changes):
    dataclasses.replace(self.manifest, **changes).save(self.folder)

  def change_shards(self, *shards):
    self.change_manifest(shards=(*shards, *self.manifest.shards[len(shards):]))
