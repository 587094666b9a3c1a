"""Parquet tables, options that belong to one format, and a format added as documented."""

import importlib.util
import os
import re
from unittest import mock

from absl import flags
from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools import make_tfrecords, readers
from data_tools.readers.parts import table_files
from pzbias_tf import survey as survey_lib
from tests.data_tools import sample_formats, sample_surveys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
SDSS = survey_lib.SDSS
HAS_PYARROW = importlib.util.find_spec("pyarrow") is not None


class TablesTest(sample_formats.FormatsTest):

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


class OptionsTest(sample_formats.FormatsTest):

  def test_options_of_other_formats_are_refused(self):
    np.save(self.path("cube.npy"), sample_surveys.cube(3))
    Table(sample_formats.table_of(3)).write(self.path("labels.csv"))
    for name, value, users in (("image_template", "{id}.fits", "zphoto_catalog, fits_cutouts"),
                               ("image_dataset", "cube", "hdf5")):
      message = f"--{name} works with --layout={users}, not with cube"
      with self.assertRaisesRegex(ValueError, message):
        readers.read(self.input, SDSS, readers.ReaderOptions(**{name: value}))


  def test_flags(self):
    values = flags.FlagValues()
    make_tfrecords.define_flags(values)
    values(["make_tfrecords", "--input=a", "--format=hdf5", "--image_dataset=pixels",
            "--image_template={id}.fits", "--table=b.parquet"])
    config = make_tfrecords.config_from_flags(values)
    self.assertEqual(config.layout, "hdf5")
    self.assertEqual(config.options, readers.ReaderOptions(
        image_dataset="pixels", image_template="{id}.fits", table="b.parquet"))


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
