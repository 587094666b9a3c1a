"""Pickles that are deep, or share their parts, are refused before they are loaded."""

import io
import pickle

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools.readers.pickles import restricted_pickle


def load(data):
  return restricted_pickle.load(io.BytesIO(data), "label")


def nested(depth, begin=b"(", end=b"t"):
  """`depth` containers inside each other, written without recursion."""
  return begin * depth + b"N" + end * depth + b"."


class PickleLimitsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters((nested(10**6),), (nested(200_000, b"(", b"l"),), (nested(65),),
                            (b"]" * 100_000 + b"a" * 99_999 + b".",),
                            (b"}" + b"K\x01}" * 100_000 + b"s" * 100_000 + b".",))
  def test_deep(self, data):
    with self.assertRaisesRegex(ValueError, "label: containers are nested deeper than 64"):
      load(data)

  @parameterized.parameters(
      # memo, then the same again: a pair of both.
      (b"N" + b"".join(b"q" + bytes([n]) + b"h" + bytes([n]) + b"\x86" for n in range(60)) + b".",),
      (b"N" + b"".join(b"2\x86" for _ in range(60)) + b".",),
      (b"}" + b"N" + b"2\x86" * 60 + b"Ns.",))
  def test_shared(self, data):
    with self.assertRaisesRegex(ValueError, "label: more than 50000000 values, shared"):
      load(data)

  @parameterized.parameters((b"Nr\xff\xff\xff\x7f.",), (b"Np2000000000\n.",))
  def test_numbers_of_the_memo(self, data):
    with self.assertRaisesRegex(ValueError, "label: value .* is remembered as the 1th"):
      load(data)

  @parameterized.parameters((b"]q\x00h\x00a.",), (b"}q\x00K\x01h\x00s.",))
  def test_containers_of_themselves(self, data):
    with self.assertRaisesRegex(ValueError, "a container that contains itself"):
      load(data)

  @parameterized.parameters((b"",), (b"N",), (b"t.",), (b"\x86.",), (b"h\x05.",), (b"\x80\x04",))
  def test_damaged(self, data):
    with self.assertRaisesRegex(ValueError, "label"):
      load(data)

  @parameterized.product(protocol=list(range(pickle.HIGHEST_PROTOCOL + 1)))
  def test_shared_parts_of_usual_size(self, protocol):
    part = [np.arange(3.0), ("a", 1)]
    value = load(pickle.dumps({"x": part, "y": part, ("k", 1): {2, 3}}, protocol=protocol))
    self.assertIs(value["x"], value["y"])
    self.assertAllEqual(value["x"][0], [0, 1, 2])
    self.assertEqual(value["k", 1], {2, 3})

  def test_many_values(self):
    values = [float(number) for number in range(100_000)]
    self.assertEqual(load(pickle.dumps({"z": values}, protocol=2))["z"], values)


if __name__ == "__main__":
  tf.test.main()
