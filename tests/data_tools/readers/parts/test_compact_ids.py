"""Ids as bytes: the same texts as ids as text."""

from absl.testing import parameterized
from astropy.table import Column
import numpy as np
import tensorflow as tf

from data_tools.conversion import hashing
from data_tools.readers.parts import compact_ids


class CompactIdsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      (np.array([10**17, 5, 7]).astype(str),), (np.array(["J1", "", "a b"]),),
      (np.array(["x"], "U30"),), (np.array([], str),))
  def test_the_text_comes_back_in_its_width(self, text):
    ids = compact_ids.packed(text)
    self.assertEqual(ids.dtype.kind, "S")
    back = compact_ids.texts(ids)
    self.assertEqual(back.dtype, text.dtype)
    self.assertAllEqual(back, text)

  def test_some_rows(self):
    text = np.array([f"J{row}" for row in range(12)])
    for ids in (text, Column(text), compact_ids.packed(text)):
      for rows in ([11, 0], slice(3, 5), np.array([7])):
        self.assertAllEqual(compact_ids.texts(ids, rows), text[rows])

  def test_each_and_repeated_ids(self):
    text = np.array(["J1", "", "J2", "J1", "J10", "J1"])
    ids = compact_ids.packed(text)
    for own in (text, Column(text), ids):
      self.assertAllEqual(list(compact_ids.each(own)), text)
    self.assertAllEqual(hashing.repeated(ids), [False, False, False, True, False, True])
    self.assertAllEqual(hashing.repeated(ids), hashing.repeated(text))


if __name__ == "__main__":
  tf.test.main()
