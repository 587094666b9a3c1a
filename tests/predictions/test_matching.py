"""Redshifts of another table, matched to predictions by id."""

import numpy as np
import tensorflow as tf

from pzbias_tf.predictions.predictions import Predictions


def _predictions(num):
  pdf = np.eye(num + 1, dtype=np.float32)[:num]
  return Predictions.make(np.linspace(0.0, 0.4, num + 2), pdf, redshift=np.full(num, np.nan),
                          id=np.array([f"g{index}" for index in range(num)]))


class MatchingTest(tf.test.TestCase):

  def test_redshifts_are_matched_by_id(self):
    predictions = _predictions(3)
    found = predictions.with_truth(["g2", "x", "g0", "g1"], [0.2, 0.9, 0.0, 0.1])
    self.assertAllEqual(found.z_spec, [0.0, 0.1, 0.2])
    self.assertAllEqual(found.z_photo, predictions.z_photo)

  def test_ids_that_do_not_match_are_refused(self):
    predictions = _predictions(3)
    for ids, redshifts, message in (
        (["g0", "g1"], [0.1, 0.2], "1 of 3 predicted galaxies, 'g2' the first, are not in"),
        (["zz", "g0", "g1"], [0.1, 0.2, 0.3], "'g2' the first"),
        (["g0", "g1", "g2", "g1"], [0.1, 0.2, 0.3, 0.2], "'g1' stands .* twice"),
        (["g0", "g1", "g2"], [0.1], "3 ids are given for 1 redshifts")):
      with self.assertRaisesRegex(ValueError, message):
        predictions.with_truth(ids, redshifts)

  def test_bytes_and_numbers_are_ids_as_well(self):
    predictions = _predictions(2)
    found = predictions.with_truth(np.array([b"g1", b"g0"]), [0.2, 0.1])
    self.assertAllEqual(found.z_spec, [0.1, 0.2])
    numbered = Predictions(predictions.edges, predictions.pdf,
                           {**predictions.ancil, "id": np.array(["7", "12"])})
    self.assertAllEqual(numbered.with_truth(np.array([12, 7]), [0.2, 0.1]).z_spec, [0.1, 0.2])


if __name__ == "__main__":
  tf.test.main()
