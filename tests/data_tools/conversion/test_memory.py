"""The memory of a conversion hardly grows with the number of galaxies."""

import importlib.util
import os
import tempfile
import unittest

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from benchmarks import catalog_memory
from tests import programs
from tests.data_tools.conversion import measured_memory

SIZES = (15_000, 90_000)
LARGEST = 100.0
"""Bytes a galaxy; about half of it are in use."""
ATTEMPTS = 3
"""The system counts resident pages to one or two MB: the smallest of so many processes counts."""


@unittest.skipUnless(measured_memory.can_reset(), "needs /proc with the peak of resident memory")
class MemoryTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters("parquet_parts", "fits", "hdf5_folder")
  def test_bytes_a_galaxy(self, name):
    if "parquet" in name and not importlib.util.find_spec("pyarrow"):
      self.skipTest("needs the extra parquet")
    folder = tempfile.mkdtemp(dir=self.get_temp_dir())
    with programs.FORKS.Pool(1, maxtasksperchild=1) as pool:
      paths = [pool.apply(measured_memory.write, (name, folder, num)) for num in SIZES]
      slopes = []
      while len(slopes) < ATTEMPTS and min(slopes, default=LARGEST) >= LARGEST:
        peaks = pool.apply(measured_memory.peaks, (name, paths))
        slopes.append(catalog_memory.slope(SIZES, peaks))
    self.assertLess(min(slopes), LARGEST, slopes)

  def test_a_row_group_is_never_in_memory_as_a_whole(self):
    if not importlib.util.find_spec("pyarrow"):
      self.skipTest("needs the extra parquet")
    import pyarrow
    from pyarrow import parquet
    path = os.path.join(tempfile.mkdtemp(dir=self.get_temp_dir()), "table.parquet")
    table = pyarrow.table({name: np.random.default_rng(0).random(150_000) for name in "abcdefgh"})
    parquet.write_table(table, path, use_dictionary=False, data_page_size=1 << 14)
    with programs.FORKS.Pool(1) as pool:
      self.assertLess(pool.apply(measured_memory.arrow_bytes, (path,)), 0.5 * table.nbytes)


if __name__ == "__main__":
  tf.test.main()
