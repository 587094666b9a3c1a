"""Tables of text, as spreadsheets and programs write them."""

import bz2
import gzip
import lzma
import os
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf import table_columns, table_ids, tables
from pzbias_tf.guards import unpacking

USUAL = (
    ("semicolons_and_decimal_commas", "id;z;r\n007;0,125;16,5\n102e5;0,25;17\n"),
    ("tabs", "id\tz\tr\n007\t0.125\t16.5\n102e5\t0.25\t17\n"),
    ("tabs_and_decimal_commas", "id\tz\tr\n007\t0,125\t16,5\n102e5\t0,25\t17\n"),
    ("bars", "id|z|r\n007|0.125|16.5\n102e5|0.25|17\n"),
    ("blanks", "  id    z      r\n  007   0.125  16.5\n  102e5 0.25   17\n"),
    ("blanks_and_decimal_commas", "id z r\n007 0,125 16,5\n102e5 0,25 17\n"),
    ("quoted_decimal_commas", 'id,z,r\n007,"0,125","16,5"\n102e5,"0,25",17\n'),
    ("byte_order_mark", "\ufeffid,z,r\r\n007,0.125,16.5\r\n102e5,0.25,17\r\n"),
    ("title", "#Table1\nid,z,r\n007,0.125,16.5\n102e5,0.25,17\n"),
    ("title_and_names_in_comments", "#Table1\n# id z r\n007 0.125 16.5\n102e5 0.25 17\n"),
    ("names_in_a_comment", "# id,z,r\n007,0.125,16.5\n102e5,0.25,17\n"),
    ("names_of_other_delimiter", "# id, z, r\n007 0.125 16.5\n102e5 0.25 17\n"),
    ("names_with_decimal_commas", "# id z r\n007 0,125 16,5\n102e5 0,25 17\n"),
    ("a_line_of_units", "# id z r\n# - - mag\n007 0.125 16.5\n102e5 0.25 17\n"),
    ("comments_between", "# a, b, c, d\nid,z,r\n007,0.125,16.5\n# 1,2,3\n102e5,0.25,17\n"),
    ("quotes", '"id","z","r"\n"007","0.125","16.5"\n"102e5","0.25","17"\n'),
    ("delimiters_at_the_end", "id,z,r,\n007,0.125,16.5,\n102e5,0.25,17,\n"),
    ("numbers_of_rows", ",id,z,r\n0,007,0.125,16.5\n1,102e5,0.25,17\n"),
    ("separator_of_a_spreadsheet", "sep=;\nid;z;r\n007;0,125;16,5\n102e5;0,25;17\n"),
    ("blank_lines", "\nid,z,r\n\n007,0.125,16.5\n\n102e5,0.25,17\n\n"),
)
"""(name, text) of one and the same table."""


class TextTablesTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path

  def write(self, content, name="table.csv"):
    path = os.path.join(self.folder, name)
    with open(path, "wb") as file:
      file.write(content if isinstance(content, bytes) else content.encode())
    return path

  def read(self, content, name="table.csv"):
    return tables.read_table(self.write(content, name))

  def ids(self, content):
    path = self.write(content)
    return table_ids.ids_of(tables.read_table(path), "id", path).tolist()

  def check(self, columns):
    self.assertEqual(list(columns), ["id", "z", "r"])
    self.assertAllEqual(columns["z"], [0.125, 0.25])
    self.assertAllEqual(columns["r"], [16.5, 17.0])
    self.assertEqual(table_ids.ids_of(columns, "id", "x").tolist(), ["007", "102e5"])

  @parameterized.named_parameters(*USUAL)
  def test_one_table_in_many_spellings(self, text):
    self.check(self.read(text))

  @parameterized.parameters("a.CSV", "a.txt", "a.Dat", "a.tsv", "a")
  def test_the_name_of_the_file_does_not_matter(self, name):
    self.check(self.read(USUAL[0][1], name))

  @parameterized.parameters(gzip, bz2, lzma)
  def test_packed(self, packer):
    self.check(self.read(packer.compress(USUAL[0][1].encode()), "a.csv.gz"))

  def test_a_packed_file_that_is_cut_short(self):
    with self.assertRaisesRegex(ValueError, "a.csv.gz: not a readable table.*cut short"):
      self.read(gzip.compress(USUAL[0][1].encode())[:-12], "a.csv.gz")

  def test_a_column_that_begins_like_a_packed_file(self):
    self.assertEqual(self.read("BZ,z\n1,0.125\n")["z"].tolist(), [0.125])

  @parameterized.parameters("a.csv", "a.csv.gz", "a.parquet")
  def test_a_fifo_is_refused(self, name):
    path = os.path.join(self.create_tempdir().full_path, name)
    os.mkfifo(path)
    with self.assertRaisesRegex(OSError, "is no plain file, but a FIFO"):
      tables.read_table(path)

  @parameterized.parameters(gzip, bz2, lzma)
  def test_a_file_that_unpacks_to_far_too_much(self, packer):
    with mock.patch.object(unpacking, "USUAL_BYTES", 1 << 20):
      with self.assertRaisesRegex(ValueError, "bytes unpack to .* GB or more"):
        self.read(packer.compress(b"id,z\n" + bytes(1 << 23)), "a.csv.gz")

  @parameterized.parameters("utf-8", "utf-16", "latin-1")
  def test_encodings(self, encoding):
    columns = self.read("id,observer,z\n007,Guzm\xe1n,0.1\n".encode(encoding))
    self.assertEqual(columns["observer"].tolist(), ["Guzm\xe1n"])

  @parameterized.parameters(
      ("id,z\n001,1\n002,2\n", ["001", "002"]),
      ("id,z\n1237648720693755918,1\n,2\n", ["1237648720693755918", ""]),
      ("id,z\n1237648720693755918.0,1\nnan,2\n", ["1237648720693755918", ""]),
      ("id,z\n12345678901234567890,1\nNULL,2\n", ["12345678901234567890", ""]),
      ("id,z\n9999999999999999999,1\n9999999999999999998,2\n",  # beyond 64 bits
       ["9999999999999999999", "9999999999999999998"]),
      ("id,z\n0,1\n10,2\n", ["0", "10"]),
      ("id,z\n00,1\n10,2\n", ["00", "10"]),
      ("id,z\n0x1F,1\n1E5,2\n", ["0x1F", "1E5"]),
      ("id,z\n1E5,1\n3e7,2\n", ["1E5", "3e7"]),
      ("id,z\n+5,1\n-5,2\n", ["+5", "-5"]),
      ("id,z\n12.50,1\n12.5,2\n", ["12.50", "12.5"]),
      ("id,z\nJ0100+0033,1\nNA,2\n", ["J0100+0033", ""]),
      ("id,z\n  7 ,1\n8,2\n", ["7", "8"]))
  def test_ids_are_text_as_the_file_has_them(self, text, ids):
    self.assertEqual(self.ids(text), ids)

  @parameterized.parameters("1.23765E+18", "1.2376487206937559e+18", "1.2E5")
  def test_ids_that_a_spreadsheet_has_rounded(self, value):
    with self.assertRaisesRegex(ValueError, "'id' .* lost digits.*--id_column=none"):
      self.ids(f"id,z\n{value},0.1\n")

  def test_missing_values_of_any_spelling(self):
    words = ["", "nan", "NaN", "NULL", "None", "N/A", "--", "<NA>"]
    columns = self.read("id,z\n" + "".join(f"{row},{word}\n" for row, word in enumerate(words)))
    self.assertAllEqual(np.isnan(columns["z"]), [True] * len(words))

  def test_values_that_are_missing_at_the_end_of_a_line(self):
    self.assertAllEqual(np.isnan(self.read("id,z\n1,0.1\n2\n")["z"]), [False, True])

  def test_thousands_are_no_decimals(self):
    columns = self.read("id;z;r\n1;0.5;1,234\n")
    self.assertEqual(columns["r"].tolist(), ["1,234"])

  @parameterized.parameters(
      ("id,z\n1,0.1,5\n", "row 1 has 3 values for 2 columns"),
      ("id z r\n1 0.1\n", "row 1 has 2 values for 3 columns"),
      ("1,0.1\n2,0.2\n", "first line holds numbers, and no names"),
      ("", "it is empty"), ("# id z r\n", "comments, and no values"),
      ('id,z\n"a,0.1\nb,0.2\n', "unexpected end of data"),
      ("<!DOCTYPE html><html></html>", "a web page"),
      (b"PK\x03\x04rest", "Excel or zip"), (b"\x89HDF\r\n", "an HDF5 file"),
      (b"PAR1rest", "call it .parquet"))
  def test_what_is_no_table(self, content, message):
    with self.assertRaisesRegex(ValueError, f"table.csv: not a readable table: .*{message}"):
      self.read(content)

  def test_names_that_come_twice(self):
    columns = self.read("id,id,z,z\n1,2,0.1,0.1\n")
    self.assertEqual(columns.twice, {"id"})
    self.assertEqual(list(columns), ["id", "z"])
    self.assertEqual(table_columns.named(columns, "z", "--z_column", "x"), "z")
    with self.assertRaisesRegex(ValueError, "several columns are called 'id', and they differ"):
      table_columns.find_id(columns, ("id",), "x")

  @parameterized.parameters(
      "#   1 ident   Running number\n#   2 MAG_R  magnitude [mag]\n  7 16.25\n  8 17.5\n",
      "|ident|MAG_R|\n|int  |real |\n|     |mag  |\n|null |null |\n 7     16.25 \n 8     17.5  \n",
      "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: ident, datatype: int64}\n"
      "# - {name: MAG_R, unit: mag, datatype: float64}\nident MAG_R\n7 16.25\n8 17.5\n")
  def test_formats_that_astropy_knows(self, text):
    columns = self.read(text)
    self.assertEqual({name: values.tolist() for name, values in columns.items()},
                     {"ident": [7, 8], "MAG_R": [16.25, 17.5]})
    self.assertEqual(columns.unit("MAG_R"), "mag")


if __name__ == "__main__":
  tf.test.main()
