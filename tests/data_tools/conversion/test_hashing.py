"""Hashes of many ids at a time, and repeated ids."""

from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools.conversion import hashing


class HashesTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.named_parameters(
      ("array", np.array(["b", "a", "é", "", "1237648720693755918"])),
      ("list", ["b", "", "é"]),
      ("numbers", np.array([7, -1, 2**62])),
      ("single_precision", np.array([0.1, 2.0], np.float32)),
      ("bytes", np.array([b"b", b"a"])),
      ("masked", np.ma.MaskedArray(["b", "a"], [False, True])),
      ("objects", np.array(["b", 7, None], object)),
      ("no_keys", np.array([], str)))
  def test_many_at_a_time(self, keys):
    expected = [hashing.object_hash(str(key), "salt") for key in keys]
    with mock.patch.object(hashing, "_TEXTS", 2):
      self.assertEqual(hashing.object_hashes(keys, "salt").tolist(), expected)

  def test_known_hash(self):
    """Splits of existing data sets follow from it."""
    self.assertEqual(hashing.object_hashes(np.array(["galaxy"]), "0/split").tolist(),
                     [1988696825045108069])


class RepeatedTest(tf.test.TestCase):

  def test_all_equal_ids_but_the_first(self):
    keys = np.array(["b", "a", "b", "c", "b", "a"])
    self.assertAllEqual(hashing.repeated(keys), [False, False, True, False, True, True])

  def test_ids_with_equal_hashes_are_distinguished(self):
    with mock.patch.object(hashing, "object_hashes", return_value=np.full(3, 7, np.uint64)):
      self.assertAllEqual(hashing.repeated(np.array(["b", "a", "b"])), [False, False, True])


if __name__ == "__main__":
  tf.test.main()
