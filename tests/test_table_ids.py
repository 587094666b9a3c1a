"""Ids of tables keep what the file has."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf import table_ids


class ExactIdsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      (np.array([7.0, np.nan]), ["7", ""]), (np.array([7, 8], np.float32), ["7", "8"]),
      (np.array([b"007", b" a "]), ["007", "a"]), (np.array(["007", None], object), ["007", ""]),
      (np.ma.MaskedArray([2**60 + 1, 2], [False, True]), [str(2**60 + 1), ""]),
      (np.array(["102e5", "1e5"]), ["102e5", "1e5"]),
      (np.array([2**63 + 1], np.uint64), [str(2**63 + 1)]))
  def test_ids_of_many_kinds(self, values, ids):
    self.assertEqual(table_ids.exact_ids(values, "id", "x").tolist(), ids)

  @parameterized.parameters(
      (np.array([2.0**24 + 2], np.float32),), (np.array([1.5]),), (np.array([2.0**53]),),
      (np.array([np.inf]),), (np.array([4096], np.float16),), (np.array(["1.5E+18"]),),
      (np.array(["1E+18"]),), (np.array([b"\xff\xfe"]),))
  def test_ids_that_cannot_be_kept(self, values):
    with self.assertRaisesRegex(ValueError, "x: ids in column 'id' .*--id_column"):
      table_ids.exact_ids(values, "id", "x")

  @parameterized.parameters("S5", "U5", "O", "i8", "u8", "f4", ">i4")
  def test_no_ids_at_all(self, kind):
    ids = table_ids.exact_ids(np.array([], kind), "id", "x")
    self.assertEqual((ids.shape, ids.dtype.kind), ((0,), "U"))

  def test_digits_that_a_spreadsheet_has_cut(self):
    ids = (1237648720693755904 + 7 * np.arange(12)) // 10**4 * 10**4 + 10**4 * np.arange(12)
    for values in (ids, ids.astype(str), ids.astype("S"), -ids, ids.astype(np.uint64),
                   np.ma.MaskedArray(ids, np.arange(12) == 0)):
      if values.dtype == np.uint64:
        values = np.abs(values)
      with self.assertRaisesRegex(ValueError, "x: ids in column 'id' have lost digits: all end on "
                                  "zeros behind the 15th, -?12376.*--id_column=none"):
        table_ids.exact_ids(values, "id", "x")
    made = 10**17 + 10**5 * np.arange(12)  # halo and galaxy of a simulation, all of them central
    for values in (ids[:9], np.append(ids, ids[0] + 1), ids // 10**4, ids // 1000, made):
      self.assertEqual(table_ids.exact_ids(values, "id", "x").tolist(), values.astype(str).tolist())

  def test_ids_keep_all_their_digits(self):
    self.assertEqual(list(table_ids.exact_ids(np.array([2**60 + 1]), "id", "x")),
                     [str(2**60 + 1)])
    self.assertEqual(list(table_ids.exact_ids(np.array([7.0]), "id", "x")), ["7"])
    self.assertEqual(list(table_ids.exact_ids(np.array([b" a "]), "id", "x")), ["a"])
    with self.assertRaisesRegex(ValueError, "x: ids in column 'id' .* lost digits"):
      table_ids.exact_ids(np.array([1e19]), "id", "x")


if __name__ == "__main__":
  tf.test.main()
