"""Parquet tables in parts: folders as Spark, pandas and HATS write them."""

import importlib.util
import os
import unittest

from absl.testing import parameterized
from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.readers.parts import table_files
from pzbias_tf import tables
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_formats, sample_surveys
from tests.small_photometry import BANDS, make_table

NUM = 12
# What Spark, pandas and hats-import call their parts.
PLACES = ("part-{:05d}-c000.snappy.parquet", "healpix={:02d}/0.parquet",
          "dataset/Norder=1/Dir=0/Npix={:02d}.parquet")


@unittest.skipUnless(importlib.util.find_spec("pyarrow"), "needs the extra parquet")
class ParquetPartsTest(sample_formats.FormatsTest, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.table = Table({"id": 2**60 + np.arange(NUM), "z": np.linspace(0, 0.4, NUM),
                        "name": [f"J{row}" for row in range(NUM)]})

  def write(self, folder, place=PLACES[0], starts=(0, 5, 9), table=None):
    table = self.table if table is None else table
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], NUM])):
      path = os.path.join(folder, place.format(number))
      os.makedirs(os.path.dirname(path), exist_ok=True)
      table[start:end].write(path, format="parquet")

  @parameterized.parameters(*PLACES)
  def test_parts_are_one_table(self, place):
    self.write(self.input, place)
    for name in ("_metadata", ".crc.parquet", "_SUCCESS.parquet", "data_thumbnail.parquet"):
      with open(self.path(name), "wb") as file:
        file.write(b"no table")
    columns = tables.read_table(self.input)
    self.assertEqual(list(columns), ["id", "z", "name"])
    for name, values in columns.items():
      self.assertAllEqual(values, np.asarray(self.table[name]))
    self.assertTrue(tables.is_table(self.input))
    self.assertLen(tables.parquet_parts(self.input), 3)

  def test_units_that_differ(self):
    import pyarrow as pa
    from pyarrow import parquet
    for number, unit in enumerate(("", "km/s", "", "Mpc")):
      schema = pa.schema([pa.field("z", pa.float64(), metadata={"unit": unit, "of": str(number)})])
      if number == 3:
        self.assertEqual(tables.read_table(self.input).unit("z"), "km/s")
      parquet.write_table(pa.table([pa.array([0.25])], schema), self.path(f"{number}.parquet"))
    with self.assertRaisesRegex(ValueError, "3.parquet: column 'z' has the unit 'Mpc', but 'km/s' "
                                "in an earlier part; write the parts with the same units"):
      tables.read_table(self.input)

  def test_units_and_a_part_of_missing_values(self):
    self.table["z"].unit = "deg"
    self.write(self.input)
    import pyarrow
    from pyarrow import parquet
    parquet.write_table(pyarrow.table({"id": [1, 2, 3], "z": pyarrow.nulls(3),
                                       "name": ["a", "b", "c"]}), self.path("z.parquet"))
    columns = tables.read_table(self.input)
    self.assertAllEqual(np.isnan(columns["z"]), [False] * NUM + [True] * 3)
    self.assertIn("deg", list(columns.header.values()))

  def change(self, remove="", add="", cast=""):
    table = self.table.copy()
    if remove:
      table.remove_column(remove)
    if add:
      table[add] = 1.0
    if cast:
      table[cast] = np.arange(NUM) * 0.5
    return table

  @parameterized.parameters(
      (dict(remove="z"), "other columns than .*00000.* has: z; write the parts"),
      (dict(add="more"), "other columns than .*00000.* has: more"),
      (dict(cast="name"), "other types than .*00000"), (dict(cast="id"), "other types than"))
  def test_parts_with_other_columns(self, change, message):
    self.write(self.input)
    self.change(**change).write(self.path("z.parquet"), format="parquet")
    with self.assertRaisesRegex(ValueError, f"z.parquet: {message}"):
      tables.read_table(self.input)

  def test_damaged_part(self):
    self.write(self.input)
    with open(self.path("y.parquet"), "wb") as file:
      file.write(b"PAR1 cut")
    with self.assertRaisesRegex(ValueError, "y.parquet: not a readable table"):
      tables.read_table(self.input)

  def test_a_folder_without_parts_is_no_table(self):
    self.assertFalse(tables.is_table(self.input))
    with self.assertRaises(OSError):
      tables.read_table(self.input)

  @parameterized.parameters("catalog", "labels", "catalog.parquet")
  def test_beside_a_cube(self, name):
    table = Table(sample_formats.table_of(NUM))
    np.save(self.path("cube.npy"), sample_surveys.cube(NUM))
    self.write(self.path(name), table=table)
    self.assertEqual(table_files.find(self.input), self.path(name))
    source = readers.read(self.input, SDSS)
    self.assertAllEqual(source.catalog["id"], table["id"])
    self.assertAllEqual(source.catalog["z_spec"], table["z"])

  def test_photometry(self):
    self.write(self.input, PLACES[1], table=make_table(NUM))
    options = readers.ReaderOptions(magnitude_columns=tuple(BANDS))
    catalog = readers.read(self.input, SDSS, options).catalog
    self.assertAllEqual(catalog["mag_r"], make_table(NUM)["r"])


if __name__ == "__main__":
  tf.test.main()
