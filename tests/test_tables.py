"""Tables of several kinds of files."""

import gzip
import os
import warnings

from astropy.io import fits
from astropy.table import Table
import numpy as np
import tensorflow as tf

from pzbias_tf import tables


class TablesTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path

  def path(self, name):
    return os.path.join(self.folder, name)

  def test_packed_tables_are_those_that_were_packed(self):
    table = Table({"id": ["a", "b"], "z": [0.1, 0.2], "whole": [2**60 + 1, 3]})
    table.write(self.path("plain.csv"), format="ascii.csv")
    table.write(self.path("plain.fits"))
    for name in ("plain.csv", "plain.fits"):
      with open(self.path(name), "rb") as file, gzip.open(self.path(f"{name}.gz"), "wb") as packed:
        packed.write(file.read())
      for path in (name, f"{name}.gz"):
        columns = tables.read_table(self.path(path))
        self.assertEqual({key: values.tolist() for key, values in columns.items()},
                         {"id": ["a", "b"], "z": [0.1, 0.2], "whole": [2**60 + 1, 3]})

  def test_missing_values(self):
    with open(self.path("a.csv"), "w", encoding="utf-8") as file:
      file.write("id,z,n\na,0.1,1\n,,\n")
    columns = tables.read_table(self.path("a.csv"))
    self.assertEqual(list(columns["id"]), ["a", ""])
    self.assertAllEqual(np.isnan(columns["z"]), [False, True])
    self.assertAllEqual(np.isnan(columns["n"]), [False, True])

  def test_ids_that_are_too_large_for_integers_are_texts(self):
    with open(self.path("a.csv"), "w", encoding="utf-8") as file:
      file.write("id,z\n12345678901234567890,0.1\n5,0.2\n")
    with warnings.catch_warnings():
      warnings.simplefilter("error")
      columns = tables.read_table(self.path("a.csv"))
    self.assertEqual(list(columns["id"]), ["12345678901234567890", "5"])

  def test_files_that_are_no_tables_of_text(self):
    for start, message in ((b"ARROW1\0\0", "a Feather file; save the table as Parquet"),
                           (b"FEA1", "a Feather file"), (b"SQLite format 3\0", "a database; exp"),
                           (b"\x89HDF\r\n", "an HDF5 file; save the columns as FITS")):
      with open(self.path("a.dat"), "wb") as file:
        file.write(start + bytes(100))
      with self.assertRaisesRegex(ValueError, f"a.dat: not a readable table: it is {message}"):
        tables.read_table(self.path("a.dat"))

  def test_packed_rows_of_fits(self):
    unit = fits.table_to_hdu(Table({"id": [1, 2], "z": [0.1, 0.2]}))
    unit.header["ZTABLE"] = True
    unit.writeto(self.path("a.fits"))
    with self.assertRaisesRegex(ValueError, "its table is compressed .*unpack it with funpack"):
      tables.read_table(self.path("a.fits"))

  def test_columns_that_say_where_others_have_no_value(self):
    null = np.array([True, False])
    table = Table({"z": [0.1, 0.2], "z_isnull": null, "id": [2**60 + 1, 2**60 + 3],
                   "id_isnull": null, "r": [17.0, 18.0], "r_isnull": [5, 6]})
    table.write(self.path("a.fits"))
    words = ["id,z,z_isnull", "5,0.1,t", "6,0.2,f"]
    with open(self.path("a.csv"), "w", encoding="utf-8") as file:
      file.write("\n".join(words))
    for name in ("a.fits", "a.csv"):
      self.assertAllEqual(np.isnan(tables.read_table(self.path(name))["z"]), null)
    columns = tables.read_table(self.path("a.fits"))
    self.assertEqual(columns.texts["id"].tolist(), ["", str(2**60 + 3)])
    self.assertAllEqual(columns["r"], [17.0, 18.0])
    self.assertEqual(list(columns), table.colnames)

  def test_masks_of_both_kinds(self):
    """A row whose flag is unknown has no flag, and keeps its number."""
    columns = tables.TableColumns({
        "r": np.array([17.0, 18.0, 19.0, 20.0]), "r_isnull": np.array([1, 0, 0, 0]),
        "r.mask": np.array([False, True, False, False]),
        "r_isnull.mask": np.array([False, False, True, False])}).apply_masks()
    self.assertAllEqual(columns["r"], [np.nan, np.nan, 19.0, 20.0])
    self.assertAllEqual(columns["r_isnull"], [1, 0, np.nan, 0])
    self.assertEqual(list(columns), ["r", "r_isnull"])

  def test_which_files_are_tables(self):
    for name in ("a.fits", "a.fits.gz", "a.csv", "a.csv.gz", "a.parquet", "a.txt", "a.dat.gz"):
      self.assertTrue(tables.is_table(name), name)
    for name in ("a.parquet.gz", "a.hdf5", "a.npz"):
      self.assertFalse(tables.is_table(name), name)

  def test_columns_of_different_lengths(self):
    with self.assertRaisesRegex(ValueError, "x: columns of different lengths"):
      tables.num_rows({"a": np.zeros(2), "b": np.zeros(3)}, "x")
    with self.assertRaisesRegex(ValueError, "x: no columns"):
      tables.num_rows({}, "x")


if __name__ == "__main__":
  tf.test.main()
