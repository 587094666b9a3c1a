"""Tables of text with lines that hold neither names nor values."""

import os

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf import table_columns, table_ids, tables
from pzbias_tf.tables import text_lines, text_tables

SPELLINGS = (
    ("vizier", "#Name: II/349\nobjID\tRAJ2000\trmag\n\tdeg\tmag\n-----\t-------\t----\n"
     "1570\t010.5\t17.25\n1571\t011.5\t18.5\n\n"),
    ("vizier_of_semicolons", "objID;RAJ2000;rmag\n ;deg;mag\n-----;-------;----\n1570;010.5;17.25\n"
     "1571;011.5;18.5\n"),
    ("psql", " objID | RAJ2000 | rmag \n-------+---------+------\n  1570 |    10.5 | 17.25\n"
     "  1571 |    11.5 | 18.5\n(2 rows)\n\n"),
    ("mysql", "+-------+---------+------+\n| objID | RAJ2000 | rmag |\n+-------+---------+------+\n"
     "| 1570  | 10.5    | 17.25|\n| 1571  | 11.5    | 18.5 |\n+-------+---------+------+\n"
     "2 rows in set (0.00 sec)\n"),
    ("markdown", "| objID | RAJ2000 | rmag |\n|---|:---:|---:|\n| 1570 | 10.5 | 17.25 |\n"
     "| 1571 | 11.5 | 18.5 |\n"),
    ("restructured_text", "===== ======= =====\nobjID RAJ2000 rmag\n===== ======= =====\n"
     "1570  10.5    17.25\n1571  11.5    18.5\n===== ======= =====\n"),
    ("astropy_print", "objID RAJ2000  rmag\n        deg    mag\n----- ------- -----\n"
     " 1570    10.5 17.25\n 1571    11.5  18.5\n"),
    ("units_below_names", "objID,RAJ2000,rmag\n,deg,mag\n1570,10.5,17.25\n1571,11.5,18.5\n"),
    ("units_in_brackets", "objID,RAJ2000,rmag\n-,[deg],[mag]\n1570,10.5,17.25\n1571,11.5,18.5\n"),
    ("files_put_together", "objID,RAJ2000,rmag\n1570,10.5,17.25\nobjID,RAJ2000,rmag\n"
     "1571,11.5,18.5\n"),
    ("per_cent", "% made by a program\nobjID RAJ2000 rmag\n1570 10.5 17.25\n1571 11.5 18.5\n"),
    ("idl", "; objID RAJ2000 rmag\n 1570 10.5 17.25\n 1571 11.5 18.5\n"),
    ("slashes", "// made by a program\nobjID,RAJ2000,rmag\n1570,10.5,17.25\n1571,11.5,18.5\n"),
    ("exclamation", "! objID RAJ2000 rmag\n1570 10.5 17.25\n1571 11.5 18.5\n"),
    ("zeros_at_the_end", "objID,RAJ2000,rmag\n1570,10.5,17.25\n1571,11.5,18.5\n\0\0\x1a"),
)


class TextLinesTest(tf.test.TestCase, parameterized.TestCase):

  def read(self, text):
    path = os.path.join(self.create_tempdir().full_path, "table.txt")
    with open(path, "w", encoding="utf-8") as file:
      file.write(text)
    return tables.read_table(path)

  @parameterized.named_parameters(*SPELLINGS)
  def test_only_names_and_values_are_read(self, text):
    columns = self.read(text)
    self.assertEqual(list(columns), ["objID", "RAJ2000", "rmag"])
    self.assertEqual(table_ids.ids_of(columns, "objID", "x").tolist(), ["1570", "1571"])
    self.assertAllEqual(columns["RAJ2000"], [10.5, 11.5])
    self.assertAllEqual(columns["rmag"], [17.25, 18.5])

  @parameterized.parameters("vizier", "vizier_of_semicolons", "units_below_names",
                            "units_in_brackets")
  def test_units(self, name):
    header = self.read(dict(SPELLINGS)[name]).header
    units = {header[f"TTYPE{number}"]: header.get(f"TUNIT{number}", "")
             for number in range(1, header["TFIELDS"] + 1)}
    self.assertEqual((units["RAJ2000"], units["rmag"]), ("deg", "mag"))

  @parameterized.parameters(
      ("id,z,r\na,NULL,NULL\nb,0.1,17\n", 2), ("id,z,r\nm,,\n5,0.1,17\n", 2),
      ("id,name,z\n1,deg,0.1\n2,mag,0.2\n", 2), ("id z\n-- --\n1 0.1\n", 2),
      ("id,z\n---,0.1\n---,0.2\n", 2), ("id,name\nx,deg\ny,mag\n", 2))
  def test_values_that_look_like_such_lines(self, text, num):
    self.assertEqual({len(values) for values in self.read(text).values()}, {num})

  def test_utf_16_without_a_mark_is_refused(self):
    path = os.path.join(self.create_tempdir().full_path, "table.csv")
    with open(path, "wb") as file:
      file.write("id,z\r\n1,0.1\r\n".encode("utf-16-le"))
    with self.assertRaisesRegex(ValueError, "bytes of value 0, .*save it as UTF-8"):
      tables.read_table(path)

  @parameterized.parameters(
      ('id,z\n"=""007""",0.1\n"=""008""",0.2\n',), ('id,z\n="007",0.1\n="008",0.2\n',),
      ("id,z\n'007','0.1'\n'008','0.2'\n",), ("id;z\n'007';0,1\n'008';0,2\n",))
  def test_quotes_that_protect_ids(self, text):
    columns = self.read(text)
    self.assertEqual(table_ids.ids_of(columns, "id", "x").tolist(), ["007", "008"])
    self.assertAllEqual(columns["z"], [0.1, 0.2])

  @parameterized.parameters("#N/A", "#DIV/0!", "(null)", "undef", "****", "1.#QNAN", "-nan(ind)",
                            "\\N", "...", "MISSING")
  def test_words_of_spreadsheets_and_programs_for_no_value(self, word):
    self.assertAllEqual(self.read(f"id,z\na,0.5\nb,{word}\n")["z"], [0.5, np.nan])
    self.assertAllEqual(table_columns.numbers(np.array(["0.5", word]), "z", "x"), [0.5, np.nan])

  @parameterized.parameters(("1.5D-01", "-2D+1"), ("1.5d-01", "-20"), ("0.15", "-2.D1"))
  def test_exponents_of_fortran(self, first, second):
    columns = self.read(f"id z\n1 {first}\n2 {second}\n3 NaN\n")
    self.assertAllClose(columns["z"], [0.15, -20, np.nan])

  @parameterized.parameters("1,23765E+18", "1,2E5", "1,2376487206937559e+18")
  def test_ids_that_a_spreadsheet_has_rounded_with_a_decimal_comma(self, value):
    with self.assertRaisesRegex(ValueError, "'id' .* lost digits.*--id_column=none"):
      table_ids.ids_of(self.read(f"id;z\n{value};0,1\n"), "id", "x")

  @parameterized.parameters("null", "", '""')
  def test_ecsv_of_archives(self, word):
    columns = self.read("# %ECSV 1.0\n# ---\n# delimiter: ','\n# datatype:\n"
                        "# - {name: source_id, datatype: int64}\n"
                        "# - {name: z, datatype: float64}\nsource_id,z\n1237648720693755918,0.5\n"
                        f"{word},{word}\n")
    self.assertEqual(table_ids.ids_of(columns, "source_id", "x").tolist(),
                     ["1237648720693755918", ""])
    self.assertAllEqual(columns["z"], [0.5, np.nan])

  @parameterized.parameters("(90 rows affected)", "--------\n(90 rows)", "")
  def test_a_long_table_that_was_joined_of_others(self, footer):
    lines = [f"{number},id_z{number}" for number in range(90)]
    text = "\n".join(["id,z", *lines[:45], "id,z", *lines[45:], "id,z", footer])
    columns = text_tables.read_text("a.csv", text.encode())
    self.assertEqual(columns["id"].tolist(), list(range(90)))

  @parameterized.parameters(("a\nab\na\n", "ab\n"), ("b\na", "b\n"), ("ba\nab", "ba\nab"))
  def test_a_line_is_left_out_as_a_whole(self, text, expected):
    self.assertEqual(text_lines.without_line(text, "a"), expected)


if __name__ == "__main__":
  tf.test.main()
