"""Tables beside images."""

import importlib.util
import os
from unittest import mock

from absl.testing import parameterized
from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools.readers.parts import table_files
from tests.data_tools import sample_formats

HAS_PYARROW = importlib.util.find_spec("pyarrow") is not None


class TableFilesTest(sample_formats.FormatsTest, parameterized.TestCase):

  def test_parquet(self):
    if not HAS_PYARROW:
      self.skipTest("pyarrow is not installed")
    import pyarrow
    from pyarrow import parquet
    path = self.path("catalog.parquet")
    parquet.write_table(pyarrow.table({
        "id": ["a", None, "c"], "z": [0.1, None, 0.3], "n": [1, None, 3], "whole": [1, 2, 2**60],
        "lists": [[1], [2], [3]]}), path)
    columns = table_files.columns_of(path)
    self.assertEqual(set(columns), {"id", "z", "n", "whole"})
    self.assertEqual(list(columns["id"]), ["a", "", "c"])
    self.assertAllEqual(columns["z"], [0.1, np.nan, 0.3])
    self.assertAllEqual(columns["n"], [1, np.nan, 3])
    self.assertAllEqual(columns["whole"], [1, 2, 2**60])
    self.assertEqual(table_files.find(self.input), path)
    with open(path, "r+b") as file:
      file.truncate(100)
    with self.assertRaisesRegex(ValueError, "catalog.parquet: not a readable table"):
      table_files.columns_of(path)

  @parameterized.parameters("labels.CSV", "Catalog.csv.gz", "labels.ecsv", "catalog.vot",
                            "labels.tsv", "CATALOG.FITS")
  def test_tables_beside_images(self, name):
    Table({"id": [7, 8], "z": [0.1, 0.2]}).write(self.path("table.ecsv"))
    os.rename(self.path("table.ecsv"), self.path(name))
    self.assertEqual(table_files.find(self.input), self.path(name))
    columns = table_files.columns_of(self.path(name))
    self.assertEqual(columns["id"].tolist(), [7, 8])

  def test_columns_of_numpy_files(self):
    np.savez(self.path("labels.npz"), id=np.array([7, 8]), z=np.array([[0.1], [0.2]]),
             objects=np.array([1, object()], object), vector=np.ones((2, 3)))
    columns = table_files.columns_of(self.path("labels.npz"))
    self.assertEqual(list(columns), ["id", "z"])
    self.assertAllEqual(columns["z"], [0.1, 0.2])
    self.assertIn("the pickle asks for", columns.skipped["objects"])

  def test_parquet_without_pyarrow(self):
    with mock.patch.dict("sys.modules", {"pyarrow": None}):
      with self.assertRaisesRegex(ValueError, "pip install '.\\[parquet\\]'"):
        table_files.columns_of(self.path("catalog.parquet"))


if __name__ == "__main__":
  tf.test.main()
