"""Bad columns and settings are refused, by name."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf import arguments


class ColumnsTest(tf.test.TestCase, parameterized.TestCase):

  def test_good_columns_come_back_as_float64_in_order(self):
    a, b = arguments.columns(a=[1, 2], b=np.float32([3, 4]))
    self.assertEqual(a.dtype, np.float64)
    self.assertEqual(b.dtype, np.float64)
    self.assertAllEqual(np.stack([a, b]), [[1, 2], [3, 4]])

  @parameterized.parameters(
      (dict(a=[1.0], b=[1.0, 2.0]), "b has 2 galaxies where a has 1"),
      (dict(a=[]), "a is empty"),
      (dict(a=[1.0, np.nan], b=[1.0, 2.0]), "a is not finite for 1 of 2 .* position 1"),
      (dict(a=[1.0], b=[np.inf]), "b is not finite"),
      (dict(a=[[1.0]]), r"a must be one column .* \(1, 1\)"),
      (dict(a=3.0), "a must be one column"),
  )
  def test_bad_columns_are_named(self, arrays, message):
    with self.assertRaisesRegex(ValueError, message):
      arguments.columns(**arrays)

  @parameterized.parameters(0, 6, 1.5, -1, float("nan"), float("inf"))
  def test_bad_number_is_named(self, value):
    with self.assertRaisesRegex(ValueError, f"ne must be a whole number from 1 to 5, got {value}"):
      arguments.whole_number(value, "ne", lowest=1, highest=5)

  def test_good_number_becomes_an_int(self):
    self.assertIsInstance(arguments.whole_number(np.int64(3), "n", lowest=3), int)


if __name__ == "__main__":
  tf.test.main()
