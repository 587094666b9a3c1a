"""Files of shards become one file, whole or not at all."""

import os

from absl.testing import parameterized
import h5py
import numpy as np
import tensorflow as tf

from pzbias_tf.guards import hdf5_files
from pzbias_tf.predictions.joined_file import joined_file
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.predictions.predictions_file import PdfFormat, PredictionsWriter, read_columns
from pzbias_tf.survey import SDSS

NUMBERS = (3, 1, 5)


def columns_of(start, num, letter):
  return {"id": np.array([f"{letter}{start + row}" for row in range(num)]),
          "redshift": np.full(num, np.nan), "zmode": np.arange(start, start + num) / 7}


class JoinedFileTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.path = os.path.join(self.create_tempdir().full_path, "out.hdf5")
    self.pdf = np.random.default_rng(0).dirichlet(
        np.ones(SDSS.bins), sum(NUMBERS)).astype(np.float32)

  def parts(self, pdf_format=PdfFormat(), letter="g", **settings):
    """Writes the parts; yields their paths and columns."""
    start = 0
    for number, num in enumerate(NUMBERS):
      path, columns = os.path.join(self.folder, f"{number}.hdf5"), columns_of(start, num, letter)
      with h5py.File(path, "w") as file:
        writer = PredictionsWriter(file, SDSS.edges(), num, pdf_format, weights_digest="a",
                                   **settings)
        writer.append(self.pdf[start:start + num], columns)
      start += num
      yield path, columns

  @parameterized.parameters("g", "\u03b1", "a long id ")
  def test_everything_is_there_in_order(self, letter):
    with joined_file(self.path, self.folder, sum(NUMBERS)) as joined:
      for path, columns in self.parts(letter=letter):
        joined.add(path, columns)
      joined.finish({**joined.columns(), "zmode_calibrated": np.zeros(sum(NUMBERS))})
    found = Predictions.load(self.path)
    self.assertAllClose(found.pdf, self.pdf, rtol=1e-6)
    expected = columns_of(0, sum(NUMBERS), letter)
    self.assertCountEqual(found.ancil, [*expected, "zmode_calibrated"])
    for name, values in expected.items():
      self.assertAllEqual(found.ancil[name], values, name)
    self.assertEqual(os.listdir(os.path.dirname(self.path)), ["out.hdf5"])

  @parameterized.product(
      kind_and_groups=(("full", ["data", "meta"]), ("quantiles", ["data", "meta"]), ("none", [])),
      sealed=(True, False))
  def test_every_dataset_has_its_digest(self, kind_and_groups, sealed):
    """Whether the parts have theirs or not."""
    kind, groups = kind_and_groups
    with joined_file(self.path, self.folder, sum(NUMBERS)) as joined:
      for path, columns in self.parts(PdfFormat(kind=kind), sealed=sealed):
        with h5py.File(path) as file:
          for values in file.get("data", {}).values():
            self.assertEqual("sha256" in values.attrs, sealed)
        joined.add(path, columns)
      joined.finish(joined.columns())
    with h5py.File(self.path) as file:
      self.assertCountEqual(file, ["ancil", *groups])
      for group in groups:
        for name in file[group]:
          hdf5_files.read(file, f"{group}/{name}")
          self.assertIn("sha256", file[group][name].attrs)
    self.assertAllEqual(read_columns([self.path])["zmode"], np.arange(sum(NUMBERS)) / 7)

  @parameterized.parameters(0, 1, 2)
  def test_nothing_is_left_of_a_failure(self, failing):
    with self.assertRaisesRegex(RuntimeError, "stop"):
      with joined_file(self.path, self.folder, sum(NUMBERS)) as joined:
        for number, (path, columns) in enumerate(self.parts()):
          if number == failing:
            raise RuntimeError("stop")
          joined.add(path, columns)
    self.assertFalse(os.path.exists(self.path))
    self.assertNotIn("joined", " ".join(os.listdir(self.folder)))


if __name__ == "__main__":
  tf.test.main()
