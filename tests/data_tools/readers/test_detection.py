"""Layouts are recognised or named."""

import tensorflow as tf

from data_tools import readers
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_formats


class DetectionTest(sample_formats.FormatsTest):

  def test_missing_path(self):
    with self.assertRaisesRegex(FileNotFoundError, "--input=/nowhere does not exist"):
      readers.read("/nowhere", SDSS)

  def test_unknown_layout(self):
    with self.assertRaisesRegex(ValueError, "no known layout(.|\n)*--layout=cfhtls"):
      readers.read(self.input, SDSS)
    with self.assertRaisesRegex(ValueError, "--layout=fits: choose one of auto"):
      readers.read(self.input, SDSS, layout="fits")

  def test_named_layout_that_does_not_fit(self):
    for layout in readers.READERS:
      with self.assertRaises((OSError, ValueError)):
        readers.read(self.input, SDSS, layout=layout)


if __name__ == "__main__":
  tf.test.main()
