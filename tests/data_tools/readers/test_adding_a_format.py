"""A format added as documented."""

import importlib.util
import os
import re
from unittest import mock

from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools import readers
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_formats, sample_surveys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


class AddingAFormatTest(sample_formats.FormatsTest):

  def example(self):
    """The reader of docs/adding_a_format.md as a module."""
    with open(os.path.join(ROOT, "docs", "adding_a_format.md"), encoding="utf-8") as file:
      code = re.search(r"```python\n(.*?)```", file.read(), re.DOTALL).group(1)
    path = os.path.join(self.folder, "stack.py")
    with open(path, "w", encoding="utf-8") as file:
      file.write(code)
    spec = importlib.util.spec_from_file_location("stack", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

  def test_documented_example(self):
    images = sample_surveys.cube(12)
    np.save(self.path("stack.npy"), np.moveaxis(images, -1, 1))
    Table(sample_formats.table_of(12)).write(self.path("stack.csv"))
    with self.assertRaisesRegex(ValueError, "no known layout"):
      readers.detect(self.input)
    with mock.patch.dict(readers.READERS, {"stack": self.example().READER}):
      self.assertEqual(readers.detect(self.input), "stack")
      self.assert_images(readers.read(self.input, SDSS), images)
      manifest = self.convert()
    self.assertEqual(manifest.galaxies, {"read": 12, "written": 12, "rejected": 0})


if __name__ == "__main__":
  tf.test.main()
