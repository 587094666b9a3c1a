"""Repeated ids are found."""

from unittest import mock

import numpy as np
import tensorflow as tf

from data_tools.conversion import hashing


class RepeatedTest(tf.test.TestCase):

  def test_all_equal_ids_but_the_first(self):
    keys = np.array(["b", "a", "b", "c", "b", "a"])
    self.assertAllEqual(hashing.repeated(keys), [False, False, True, False, True, True])

  def test_ids_with_equal_hashes_are_distinguished(self):
    with mock.patch.object(hashing, "object_hash", return_value=7):
      self.assertAllEqual(hashing.repeated(np.array(["b", "a", "b"])), [False, False, True])


if __name__ == "__main__":
  tf.test.main()
