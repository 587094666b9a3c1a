"""Data sets on a file system that Python's `open` does not know, for the tests."""

import dataclasses
import glob
import itertools
import os
import tempfile
from unittest import mock

import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.conversion import resume
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.conversion.convert import convert
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_surveys
from tests.data_tools.sample_conversions import files_of

NUM = 60
SAMPLED = 32  # images in the fingerprint of a source
SETTINGS = ConversionSettings(shard_size_mb=0.01, augment_copies=2)
FOLDERS = (f"ram://bucket{number}/data/set" for number in itertools.count())


def remote_files(folder):
  """{path: contents} of all files below a remote folder."""
  contents = {}
  for parent, _, names in tf.io.gfile.walk(folder):
    for name in names:
      path = os.path.join(parent, name)
      with tf.io.gfile.GFile(path, "rb") as file:
        contents[os.path.relpath(path, folder)] = file.read()
  return contents


def write(path, data):
  """Replaces a remote file; ram:// would append to an existing one."""
  if tf.io.gfile.exists(path):
    tf.io.gfile.remove(path)
  with tf.io.gfile.GFile(path, "wb") as file:
    file.write(data)


class RemoteTest(tf.test.TestCase):
  """Converts a small survey to a remote folder of its own."""

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.input, self.local = (os.path.join(self.folder, name) for name in ("in", "local"))
    self.output = next(FOLDERS)
    self.scratch = os.path.join(self.folder, "scratch")
    os.makedirs(self.scratch)
    self.enter_context(mock.patch.object(tempfile, "tempdir", self.scratch))
    # Special cases: a rejected image, and two galaxies with the same image.
    images = sample_surveys.cube(NUM)
    images[7, 0, 0, 0] = np.nan
    images[41] = images[20]
    sample_surveys.write_public(self.input, images, sample_surveys.columns(NUM))

  def tearDown(self):
    self.assertEmpty(glob.glob(f"{self.scratch}/pzbias-*"))  # however a conversion ends
    self.assertEmpty(glob.glob("ram:*"))  # no local folder of that name
    super().tearDown()

  def convert(self, output=None, before_image=lambda count, row: None, **changes):
    """Converts, and calls `before_image(count, row)` before each image is read."""
    source, counts = readers.read(self.input, SDSS), itertools.count(1)

    def images(row):
      before_image(next(counts), row)
      return source.images(row)

    return convert(dataclasses.replace(source, images=images), SDSS, output or self.output,
                   settings=dataclasses.replace(SETTINGS, **changes))

  def expected(self, **changes):
    """The files of the same conversion to a local folder."""
    self.convert(self.local, **changes)
    return files_of(self.local)

  def unfinished_shards(self):
    """{name: contents} of the shards of an unfinished conversion."""
    return {os.path.basename(name): data for name, data in remote_files(self.output).items()
            if name.endswith(".tfrecord") and name.startswith(resume.UNFINISHED)}
