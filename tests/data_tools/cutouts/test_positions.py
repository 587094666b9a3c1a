"""Positions to cut: exact ids, the columns that are taken, units of any kind of table."""

import importlib.util
import os

from absl.testing import parameterized
from astropy.table import MaskedColumn, Table
import numpy as np
import tensorflow as tf

from data_tools.cutouts.positions import read_positions
from pzbias_tf.tables.scratch_file import ScratchError
from tests.tables.small_blocks import read_in_blocks

LARGE = 1237648720693755918
FORMATS = {"a.fits": "fits", "a.ecsv": "ascii.ecsv", "a.vot": "votable"}
RA, DEC = np.array([150.0, 150.5, 151.0]), np.array([2.0, -2.5, 0.0])


class PositionsTest(tf.test.TestCase, parameterized.TestCase):

  def path(self, name):
    return os.path.join(self.create_tempdir().full_path, name)

  def write(self, name, text):
    path = self.path(name)
    with open(path, "w", encoding="utf-8") as file:
      file.write(text)
    return path

  @parameterized.parameters("a.fits", "a.ecsv", "a.vot", "a.parquet")
  def test_a_gap_among_large_ids(self, name):
    path = self.path(name)
    ids = MaskedColumn(LARGE + np.arange(3), mask=[0, 0, 1])
    table = Table({"objid": ids, "ra": RA, "dec": DEC, "other": ids})
    if name == "a.parquet":
      if importlib.util.find_spec("pyarrow") is None:
        self.skipTest("pyarrow is not installed")
      import pyarrow
      from pyarrow import parquet
      parquet.write_table(pyarrow.table({key: pyarrow.array(table[key].tolist())
                                         for key in table.colnames}), path)
    else:
      table.write(path, format=FORMATS[name])
    with self.assertLogs("absl", "INFO") as logged:
      found = read_positions(path)
    self.assertEqual(found.ids.tolist(), [str(LARGE), str(LARGE + 1), ""])
    self.assertEqual(found.columns["other"].tolist(), found.ids.tolist())
    self.assertIn("columns id = objid, ra = ra, dec = dec", logged.output[0])
    self.assertIn("1 of 3 positions have no id", logged.output[1])

  @parameterized.parameters(
      ("id,ra,dec\n007,150,2\n102e5,150.5,-2.5\n8.0,151,0\n", ["007", "102e5", "8.0"]),
      ("id;ra;dec\n1,0;150,0;2,0\n2,0;150,5;-2,5\n3,0;151;0\n", ["1,0", "2,0", "3,0"]),
      ("id,ra,dec\n1.0,150,2\n2.0,150.5,-2.5\n3.0,151,0\n", ["1", "2", "3"]),
      ("# object_id ra dec\n1 150 2\n2 150.5 -2.5\n3 151 0\n", ["1", "2", "3"]))
  def test_ids_as_the_file_has_them(self, text, ids):
    found = read_positions(self.write("a.csv", text))
    self.assertEqual(found.ids.tolist(), ids)
    self.assertAllEqual((found.ra, found.dec), (RA, DEC))

  def test_long_columns_go_to_the_scratch_folder(self):
    path = self.write("a.fits", "")
    Table({"id": np.arange(20), "ra": np.full(20, 150.0), "dec": np.zeros(20)}).write(
        path, overwrite=True)
    folder = self.create_tempdir().full_path
    with read_in_blocks(7):
      self.assertAllEqual(read_positions(path, scratch=folder).ra, np.full(20, 150.0))
      with self.assertRaisesRegex(ScratchError, "nowhere: .*--scratch_dir"):
        read_positions(path, scratch=os.path.join(folder, "nowhere"))

  def test_rows_are_counted_where_there_are_no_ids(self):
    with self.assertLogs("absl", "INFO") as logged:
      found = read_positions(self.write("a.csv", "ra,dec\n150,2\n150.5,-2.5\n"))
    self.assertEqual(found.ids.tolist(), ["0", "1"])
    self.assertIn("id = numbers of the rows", logged.output[0])

  @parameterized.parameters("a.fits", "a.ecsv", "a.vot")
  def test_units(self, name):
    path = self.path(name)
    table = Table({"id": [1, 2, 3], "ra": np.radians(RA), "dec": DEC * 60})
    table["ra"].unit, table["dec"].unit = "rad", "arcmin"
    table.write(path, format=FORMATS[name])
    found = read_positions(path)
    self.assertAllClose((found.ra, found.dec), (RA, DEC), atol=1e-9)
    self.assertAllClose(found.columns["ra"], RA)
    table["ra"].unit = "mag"
    table.write(path, format=FORMATS[name], overwrite=True)
    with self.assertRaisesRegex(ValueError, "column ra has the unit 'mag'.*--ra_column"):
      read_positions(path)

  @parameterized.parameters(
      ("_RAJ2000", "_DEJ2000"), ("RA_ICRS", "DE_ICRS"), ("raMean", "decMean"),
      ("ALPHAWIN_J2000", "DELTAWIN_J2000"), ("RAdeg", "DEdeg"), ("coord_ra", "coord_dec"),
      ("TARGET_RA", "TARGET_DEC"))
  def test_names_of_archives(self, ra, dec):
    found = read_positions(self.write("a.csv", f"id,{ra},{dec}\n1,150,2\n2,150.5,-2.5\n"))
    self.assertAllEqual((found.ra, found.dec), (RA[:2], DEC[:2]))
    self.assertAllEqual((found.columns["ra"], found.columns["dec"]), (RA[:2], DEC[:2]))

  @parameterized.parameters(
      ("ra,RAJ2000,DEJ2000", "10,150,2"), ("dec,RAJ2000,DEJ2000", "85,150,2"),
      ("RA_ICRS,ra,dec", "10,150,2"), ("decMean,_RAJ2000,_DEJ2000", "10,150,2"))
  def test_columns_that_belong_together(self, names, values):
    found = read_positions(self.write("a.csv", f"{names}\n{values}\n"))
    self.assertAllEqual((found.ra, found.dec), ([150.0], [2.0]))

  @parameterized.parameters(
      "objID\t_RAJ2000\t_DEJ2000\n\tdeg\tdeg\n----\t----\t----\n7\t150.0\t+02.0\n",
      "objID;RAJ2000;DEJ2000\n;\"h:m:s\";\"d:m:s\"\n---;---;---\n7;10 00 00.0;+02 00 00\n",
      "id,ra,dec\n7,10:00:00.00,+02:00:00.0\n", "id ra dec\n7 10h00m00.0s +02d00m00s\n")
  def test_tables_of_archives(self, text):
    found = read_positions(self.write("a.tsv", text))
    self.assertEqual(found.ids.tolist(), ["7"])
    self.assertAllClose((found.ra, found.dec), ([150.0], [2.0]))

  def test_errors(self):
    for text, message in (
        ("id,ra,dec\n1.2376E+18,150,2\n1.2377E+18,151,2\n", "'id' .* lost digits"),
        ("id,x,dec\n1,150,2\n", "no column ra .deg.; the columns are id, x, dec"),
        ("id,ra,ra,dec\n1,150,151,2\n", "several columns are called 'ra', and they differ")):
      with self.assertRaisesRegex(ValueError, message):
        read_positions(self.write("a.csv", text))


if __name__ == "__main__":
  tf.test.main()
