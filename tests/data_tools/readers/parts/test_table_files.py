"""Parquet tables."""

import importlib.util
from unittest import mock

import numpy as np
import tensorflow as tf

from data_tools.readers.parts import table_files
from tests.data_tools import sample_formats

HAS_PYARROW = importlib.util.find_spec("pyarrow") is not None


class TableFilesTest(sample_formats.FormatsTest):

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

  def test_parquet_without_pyarrow(self):
    with mock.patch.dict("sys.modules", {"pyarrow": None}):
      with self.assertRaisesRegex(ValueError, "pip install '.\\[parquet\\]'"):
        table_files.columns_of(self.path("catalog.parquet"))


if __name__ == "__main__":
  tf.test.main()
