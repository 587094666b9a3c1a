"""Orders are those of numpy's stable sorts."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.compat import sorting


def texts(letters, size=2000, shortest=0, longest=6):
  """Random texts of some letters."""
  rng = np.random.default_rng(size)
  return np.array(["".join(rng.choice(list(letters), rng.integers(shortest, longest + 1)))
                   for _ in range(size)], str)


class SortingTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(
      size=(0, 1, 2, 50, 3000), decimals=(0, 1, 2, 12), num_groups=(1, 3, 900, 1 << 17))
  def test_numbers_in_groups(self, size, decimals, num_groups):
    """Few decimals: many values are equal, and keep their places."""
    rng = np.random.default_rng(size)
    values, group = rng.normal(size=size).round(decimals), rng.integers(num_groups, size=size)
    self.assertAllEqual(
        sorting.order_in_groups(values, group, num_groups), np.lexsort((values, group)))
    self.assertAllEqual(
        sorting.order_of_numbers(values), np.argsort(values, kind="stable"))

  def test_zeros_of_either_sign_are_equal(self):
    values = np.array([0.0, -0.0, 1.0, -0.0, 0.0, -1.0])
    self.assertAllEqual(sorting.order_of_numbers(values), [5, 0, 1, 3, 4, 2])

  @parameterized.product(
      kind=("f8", "f4", "f2", ">f8", ">f4", "i8", "i2", "u8", "u1", ">i4"), size=(0, 1, 7, 600),
      groups=("i8", ">i4", "u2"))
  def test_numbers_of_any_kind(self, kind, size, groups):
    rng = np.random.default_rng(size)
    values = rng.integers(0, 60, size).astype(kind)
    if values.dtype.kind == "f":
      values[rng.integers(0, 60, size) < 20] *= -1  # zeros of either sign, too
      for number in (np.nan, np.inf, -np.inf):
        values[rng.integers(0, 9, size) == 0] = number
    for own in (values, values[::-1], np.repeat(values, 2)[::2]):
      group = rng.integers(3, size=size).astype(groups)
      self.assertAllEqual(sorting.order_of_numbers(own), np.argsort(own, kind="stable"))
      self.assertAllEqual(sorting.order_in_groups(own, group, 3), np.lexsort((own, group)))

  @parameterized.named_parameters(
      ("digits", texts("0123456789")), ("of one length", texts("01", shortest=6)),
      ("letters", texts("aZ_-9")), ("equal ones", texts("ab", longest=2)),
      ("long ones", texts("0123456789abcdef", longest=40)), ("blank", texts("a", longest=0)),
      ("beyond ASCII", texts("a\u03b1\u65e5\U0001f52d")), ("none", np.array([], str)),
      ("one", np.array(["x"])), ("long and alike", np.array(["a" * 60 + end for end in "cab"])),
      ("19 digits", (1237650000000000000 + np.arange(5000) ** 2 % 4999).astype(str)),
      ("20 digits", (np.arange(5000, dtype=np.uint64) * 3689348814741910 + 2**63).astype(str)),
      ("of other bytes", texts("ba").astype(">U6")), ("a part", texts("0123456789")[::-3]))
  def test_texts(self, values):
    self.assertAllEqual(sorting.order_of_texts(values), np.argsort(values, kind="stable"))


if __name__ == "__main__":
  tf.test.main()
