"""Lines of text are taken apart in two ways, which give the same values."""

from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.tables import text_columns

PLAIN = (
    ("commas", "1,2.5,a\n3,,b\n", ","),
    ("no_end_of_the_last_line", "1,2.5,a\n3,,b", ","),
    ("one_line", "1,2,3", ","),
    ("tabs_and_blanks", " 1\t2.5 \ta b\n3\t \tb\n", "\t"),
    ("blanks", "  1   2.5  a\n 3\t4\tb  \n", " "),
    ("quotes", '"1","2.5",""\n"3",,"b"\n', ","),
    ("blanks_in_quotes", '" 1 ",2.5,a\n3,4,"b c"\n', ","),
    ("semicolons_and_commas", "1;2,5;a\n3;4,5;b\n", ";"),
    ("all_missing", ",,\n,,\n", ","),
)
"""(name, lines of three values, delimiter) of tables for numpy."""
OTHER = (
    ("letters_of_other_languages", "1,2.5,é\n3,4,ü\n", ","),
    ("blank_lines", "1,2,3\n\n4,5,6\n \n", ","),
    ("lines_of_tabs", "1\t2\t3\n\t\t\n4\t5\t6\n", "\t"),
    ("missing_at_the_end", "1,2,3\n4,5\n6\n", ","),
    ("a_delimiter_at_the_end", "1,2,3,\n4,5,6\n", ","),
    ("delimiters_in_quotes", '1,"2,5",a\n3,"4,5",b\n', ","),
    ("quotes_in_quotes", '1,"2""5",a\n3,"",b\n', ","),
    ("a_line_end_in_quotes", '1,"2\n5",a\n3,4,b\n', ","),
    ("quotes_within_a_value", '1,2"5,a\n3,4,b\n', ","),
    ("blanks_in_quotes_between_blanks", '1 "2 5" a\n3 4 b\n', " "),
    ("one_wide_value", f"1,2,{'long ' * 500}\n" + "4,5,6\n" * 100, ","),
)
"""The same of tables that only csv reads."""


class TextColumnsTest(tf.test.TestCase, parameterized.TestCase):

  def by_csv(self, text, delimiter):
    with mock.patch.object(text_columns, "_plain_columns", return_value=None):
      return text_columns.columns_of(text, 3, delimiter)

  def check(self, text, delimiter):
    """Blocks of any size give the same values as csv."""
    expected = self.by_csv(text, delimiter)
    for block in (1, 7, 12, 1 << 20):
      with mock.patch.object(text_columns, "_BLOCK", block):
        columns = text_columns.columns_of(text, 3, delimiter)
      for column, own in zip(columns, expected, strict=True):
        self.assertEqual(column.astype(str).tolist(), own.astype(str).tolist())

  @parameterized.named_parameters(*PLAIN)
  def test_plain_lines(self, text, delimiter):
    self.check(text, delimiter)
    with mock.patch.object(text_columns.csv, "reader") as reader:
      text_columns.columns_of(text, 3, delimiter)
    reader.assert_not_called()

  @parameterized.named_parameters(*OTHER)
  def test_other_lines(self, text, delimiter):
    self.check(text, delimiter)
    with mock.patch.object(text_columns.csv, "reader", wraps=text_columns.csv.reader) as reader:
      text_columns.columns_of(text, 3, delimiter)
    reader.assert_called_once()

  def test_values(self):
    columns = text_columns.columns_of(' 1,"2.5",a b\n3,,b\n', 3, ",")
    self.assertEqual([column.tolist() for column in columns],
                     [[b"1", b"3"], [b"2.5", b""], [b"a b", b"b"]])

  @parameterized.parameters(1, 12, 1 << 20)
  def test_which_line_is_wrong(self, block):
    text = "1,2,3\n" * 10 + "4,5,6,7\n"
    with mock.patch.object(text_columns, "_BLOCK", block), self.assertRaisesRegex(
        ValueError, "row 11 has 4 values for 3 columns: '4, 5, 6, 7'"):
      text_columns.columns_of(text, 3, ",")

  def test_no_lines(self):
    self.assertEqual([column.shape for column in text_columns.columns_of("", 3, ",")], 3 * [(0,)])

  def test_lines(self):
    self.assertEqual(list(text_columns.lines_of("a\n\n b\nc")), ["a", "", " b", "c"])
    for number, expected in ((1, (["a"], "\n b\n \nc")), (2, (["a", " b"], " \nc")),
                             (9, (["a", " b", "c"], ""))):
      self.assertEqual(text_columns.first_lines("a\n\n b\n \nc", number), expected)

  def test_blocks_have_one_type(self):
    """Values that are not ASCII, in one block of many, make the whole column str."""
    with mock.patch.object(text_columns, "_BLOCK", 1):
      first, second, _ = text_columns.columns_of("1,é,2\n33,44,55\n", 3, ",")
    self.assertEqual((first.dtype.kind, second.dtype.kind), ("S", "U"))
    self.assertAllEqual(second, np.array(["é", "44"]))


if __name__ == "__main__":
  tf.test.main()
