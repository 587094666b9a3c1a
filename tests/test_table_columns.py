"""Columns of tables: by usual names, as numbers, as ids, with missing values."""

import numpy as np
import tensorflow as tf

from pzbias_tf import table_columns
from pzbias_tf.data.extra_columns import is_missing


class FindMissingTest(tf.test.TestCase):

  def test_what_counts_as_missing(self):
    values = np.array([0.1, -9999.0, -999.0, -99.0, 99.0, 999.0, np.nan, np.inf, -np.inf, -1.0,
                       -0.5, 0.0, 98.0])
    missing, reasons = table_columns.find_missing(values, redshifts=True)
    self.assertAllEqual(np.flatnonzero(~missing), [0, 10, 11, 12])
    self.assertEqual(reasons, {"-9999": 1, "-999": 1, "-99": 1, "99": 1, "999": 1, "NaN": 1,
                               "infinite": 2, "-1 or below": 1})
    missing, _ = table_columns.find_missing(values, redshifts=False, further=(98.0,))
    self.assertAllEqual(np.flatnonzero(~missing), [0, 9, 10, 11])

  def test_the_rule_for_magnitudes_is_that_of_extra_columns(self):
    values = np.array([99.9, 99.99, 999.9, 9999.0, -90.0, -95.5, 89.0, 21.0])
    for column in (values, values.astype(np.float32).astype(np.float64)):
      missing, reasons = table_columns.find_missing(column, redshifts=False)
      self.assertAllEqual(missing, is_missing(column))
      self.assertAllEqual(missing, [True] * 6 + [False] * 2)
      self.assertEqual(reasons["-90 or below"], 2)

  def test_nothing_is_missing(self):
    missing, reasons = table_columns.find_missing(np.ones(3), redshifts=True)
    self.assertEqual((missing.sum(), reasons), (0, {}))


class ColumnsTest(tf.test.TestCase):

  def test_usual_names_in_any_case(self):
    columns = {"OBJID": 1, "Z": 2, "z_spec": 3}
    self.assertEqual(table_columns.find(columns, ("id", "objid")), "OBJID")
    self.assertEqual(table_columns.find(columns, ("z", "z_spec")), "Z")
    self.assertEqual(table_columns.find(columns, ("r",)), "")

  def test_ids_keep_all_their_digits(self):
    self.assertEqual(list(table_columns.exact_ids(np.array([2**60 + 1]), "id", "x")),
                     [str(2**60 + 1)])
    self.assertEqual(list(table_columns.exact_ids(np.array([7.0]), "id", "x")), ["7"])
    self.assertEqual(list(table_columns.exact_ids(np.array([b" a "]), "id", "x")), ["a"])
    with self.assertRaisesRegex(ValueError, "x: ids in column 'id' .* lost digits"):
      table_columns.exact_ids(np.array([1e19]), "id", "x")


if __name__ == "__main__":
  tf.test.main()
