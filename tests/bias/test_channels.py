"""Which outputs magnitude rows and galaxies belong to, and their targets."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.bias import channels
from pzbias_tf.survey import CFHTLS_DEEP, CFHTLS_WIDE, SDSS


class ChannelsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(SDSS, CFHTLS_WIDE, CFHTLS_DEEP)
  def test_output_covers_three_rows_and_shares_the_odd_ones(self, survey):
    matrix = channels.row_membership(survey)
    self.assertEqual(matrix.shape, (survey.rows, survey.outputs))
    for output in range(survey.outputs):
      expected = [
          row for row in (2 * output - 1, 2 * output, 2 * output + 1) if 0 <= row < survey.rows]
      self.assertAllEqual(np.flatnonzero(matrix[:, output]), expected)

  def test_galaxies_at_row_edges_and_off_the_grid(self):
    members = channels.membership([12.5, 12.999, 13.0, 13.5, 17.99, 25.0, 1.0], SDSS)
    self.assertEqual(members.dtype, np.float32)
    self.assertAllEqual(
        [np.flatnonzero(row).tolist() for row in members][:2], [[0], [0]])
    self.assertAllEqual(np.flatnonzero(members[2]), [0, 1])
    self.assertAllEqual(np.flatnonzero(members[3]), [1])
    for faint in (4, 5):
      self.assertAllEqual(np.flatnonzero(members[faint]), [5])
    self.assertAllEqual(np.flatnonzero(members[6]), [0])

  def test_magnitude_targets_sum_to_one(self):
    targets = channels.magnitude_targets([12.6, 13.2], SDSS)
    self.assertAllEqual(targets, [[1, 0, 0, 0, 0, 0], [0.5, 0.5, 0, 0, 0, 0]])

  def test_hard_targets_are_one_hot_for_members_and_flat_for_others(self):
    targets = channels.hard_targets([0.4, 0.0], [13.2, 12.6], SDSS)
    self.assertAllClose(targets.sum(axis=2), np.ones((2, 6)), atol=1e-5)
    self.assertAllEqual(np.argmax(targets[0, :2], axis=1), [179, 179])
    self.assertEqual(targets[1, 0, 0], 1.0)
    self.assertAllClose(targets[0, 2:], np.full((4, 180), 1 / 180))
    self.assertAllClose(targets[1, 1:], np.full((5, 180), 1 / 180))

  def test_missing_magnitude_is_refused(self):
    with self.assertRaisesRegex(ValueError, "r_mag is not finite"):
      channels.membership([13.0, np.nan], SDSS)


if __name__ == "__main__":
  tf.test.main()
