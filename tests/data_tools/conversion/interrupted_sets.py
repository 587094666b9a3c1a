"""Local conversions that are disturbed, compared with an undisturbed one, for the tests."""

import dataclasses
import os

import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.conversion.convert import convert
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_surveys
from tests.data_tools.conversion import killed_conversion
from tests.data_tools.sample_conversions import files_of

NUM = 60


def visible(folder):
  """Names in a folder, except for hidden ones."""
  return [name for name in os.listdir(folder) if not name.startswith(".")]


class InterruptedTest(tf.test.TestCase):
  """Converts a small survey to a local folder of its own."""

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.input, self.output = (os.path.join(self.folder, name) for name in ("in", "out"))
    # Special cases: a rejected image, and two galaxies with the same image.
    images = sample_surveys.cube(NUM)
    images[7, 0, 0, 0] = np.nan
    images[41] = images[20]
    sample_surveys.write_public(self.input, images, sample_surveys.columns(NUM))

  def source(self, change=lambda images: images):
    """The survey, with images(row) replaced by change(images)(row)."""
    source = readers.read(self.input, SDSS)
    return dataclasses.replace(source, images=change(source.images))

  def convert(self, output=None, workers=1, source=None, **changes):
    """Converts with changed settings."""
    settings = dataclasses.replace(killed_conversion.settings(workers), **changes)
    return convert(source or self.source(), SDSS, output or self.output, settings=settings)

  def undisturbed(self):
    """The files of a conversion that nothing disturbs."""
    output = os.path.join(self.folder, f"undisturbed{len(os.listdir(self.folder))}")
    manifest = self.convert(output)
    self.assertEqual(manifest.source["rejected"], {
        "image of another galaxy": 1, "image with pixels that are not finite": 1})
    return files_of(output)
