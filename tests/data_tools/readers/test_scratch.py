"""Long columns go to the folder of --scratch_dir, whatever the catalogue is."""

import os
import tempfile

from absl.testing import parameterized
import h5py
import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.readers import ReaderOptions
from pzbias_tf.survey import SDSS
from pzbias_tf.tables.disk_columns import is_on_disk
from pzbias_tf.tables.scratch_file import ScratchError
from tests.small_photometry import BANDS, ERRORS, make_table
from tests.tables.small_blocks import read_in_blocks

NUM = 40


class ScratchTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = tempfile.mkdtemp(dir=self.get_temp_dir())

  def options(self, layout, scratch):
    """The input of a layout, and how it is read."""
    path = os.path.join(self.folder, "input.fits" if layout == "fits" else "input")
    if layout == "fits":
      make_table(NUM).write(path, overwrite=True)
      return path, ReaderOptions(magnitude_columns=tuple(BANDS), error_columns=ERRORS,
                                 columns={"z": "zs"}, scratch=scratch)
    os.makedirs(path, exist_ok=True)
    for number in range(2):
      with h5py.File(os.path.join(path, f"{number}.hdf5"), "w") as file:
        file["images"] = np.ones((NUM, 8, 8, 5), np.float32)
        file["id"] = np.arange(NUM) + 10 ** (2 + 3 * number)
        for name in ("z", "r", "ebv"):
          file[name] = np.linspace(0.1, 0.3, NUM) + 16 * (name == "r")
    return path, ReaderOptions(scratch=scratch)

  @parameterized.parameters("fits", "hdf5")
  def test_columns_are_there(self, layout):
    path, options = self.options(layout, self.folder)
    whole = readers.read(path, SDSS, options).catalog
    with read_in_blocks(7):
      catalog = readers.read(path, SDSS, options).catalog
    self.assertTrue(all(is_on_disk(catalog[name]) for name in ("id", "z_spec", "r_mag", "ebv")))
    self.assertEqual(catalog.colnames, whole.colnames)
    self.assertEqual(catalog["id"].meta, whole["id"].meta)
    for name in whole.colnames:
      self.assertEqual(catalog[name].dtype, whole[name].dtype)
      np.testing.assert_array_equal(catalog[name], whole[name])

  @parameterized.parameters("fits", "hdf5")
  def test_a_folder_that_is_missing_is_told(self, layout):
    path, options = self.options(layout, os.path.join(self.folder, "nowhere"))
    with read_in_blocks(7), self.assertRaisesRegex(ScratchError, "nowhere: .*--scratch_dir"):
      readers.read(path, SDSS, options)


if __name__ == "__main__":
  tf.test.main()
