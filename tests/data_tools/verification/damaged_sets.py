"""Copies of a small data set that tests damage, and the problems that are reported."""

import dataclasses
import os
import shutil
import tempfile

import tensorflow as tf

from data_tools.verification import all_checks
from pzbias_tf.data.manifest import Manifest
from tests.small_data import make_dataset


def write_bytes(path, change):
  """Replaces the bytes of a file by `change(bytes)`."""
  with open(path, "rb") as file:
    content = bytearray(file.read())
  content = change(content)
  with open(path, "wb") as file:
    file.write(content)


class DamagedSetTest(tf.test.TestCase):
  """A copy per test in `folder`; one of its shards is `shard`, at `path`."""

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
    """Exactly one problem is reported, and its line contains these words."""
    lines = self.problems(**options)
    self.assertLen(lines, 1, lines)
    self.assertNotIn("\n", lines[0])
    for word in (self.folder, *words):
      self.assertIn(word, lines[0])

  def change_manifest(self, **changes):
    dataclasses.replace(self.manifest, **changes).save(self.folder)

  def change_shards(self, *shards):
    self.change_manifest(shards=(*shards, *self.manifest.shards[len(shards):]))
