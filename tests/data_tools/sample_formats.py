"""Small surveys in files of many formats, and a base of the tests that read them."""

import csv
import os

import numpy as np
import tensorflow as tf

from data_tools import make_tfrecords, readers
from data_tools.conversion.conversion_settings import ConversionSettings
from tests.data_tools import sample_surveys


def table_of(num):
  """A catalogue with usual column names, without images."""
  columns = sample_surveys.columns(num)
  return {"id": np.array([f"J{row:02d}" for row in range(num)]), "z": columns["z"],
          "ebv": columns["EBV"], "r": columns["dered_petro_r"]}


class FormatsTest(tf.test.TestCase):
  """An input and an output of its own for each test."""

  def setUp(self):
    super().setUp()
    self.folder = os.path.join(self.get_temp_dir(), self.id().split(".")[-1])
    self.input = os.path.join(self.folder, "in")
    self.output = os.path.join(self.folder, "out")
    os.makedirs(self.input)

  def path(self, name):
    """A file of the input."""
    return os.path.join(self.input, name)

  def convert(self, survey="sdss", **options):
    return make_tfrecords.run(make_tfrecords.ConversionConfig(
        survey=survey, input=self.input, output=self.output,
        options=readers.ReaderOptions(**options),
        settings=ConversionSettings(split=(0.5, 0.25, 0.25))))

  def rejected(self):
    """{id: reason} of the rejected objects."""
    with open(os.path.join(self.output, "rejected.csv"), newline="", encoding="utf-8") as file:
      return {row["id"]: row["reason"] for row in csv.DictReader(file)}

  def assert_images(self, source, images):
    """The source has these images, in native byte order."""
    for row, image in enumerate(images):
      self.assertAllEqual(source.images(row), image)
      self.assertTrue(source.images(row).dtype.isnative)
