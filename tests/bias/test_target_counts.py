"""Target sets that are counted piece by piece."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.bias.resampling import resample_to_counts, resample_to_expected
from pzbias_tf.bias.target_counts import TargetCounts
from pzbias_tf.survey import CFHTLS_WIDE, SDSS


def _galaxies(num, survey, seed):
  """Redshifts and magnitudes, some of them off the grid."""
  rng = np.random.default_rng(seed)
  span = survey.z_max - survey.z_min
  return (rng.uniform(survey.z_min - 0.1 * span, survey.z_max + 0.1 * span, num),
          rng.uniform(survey.r_min - 2.0, survey.r_min + 8.0, num))


class TargetCountsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(survey=[SDSS, CFHTLS_WIDE], pieces=[1, 3, 40], seed=[0, 7])
  def test_pieces_draw_the_galaxies_that_all_at_once_draw(self, survey, pieces, seed):
    z_spec, r_mag = _galaxies(700, survey, seed=1)
    z_target, r_target = _galaxies(400, survey, seed=2)
    order = np.random.default_rng(3).permutation(400)  # shards come in any order
    counts = TargetCounts.none(survey)
    for piece in np.array_split(order, pieces):
      counts += TargetCounts.of(z_target[piece], r_target[piece], survey)
    self.assertLen(counts, 400)
    self.assertEqual(counts.r_mag, (r_target.min(), r_target.max()))
    self.assertAllEqual(
        resample_to_counts(z_spec, r_mag, counts, survey, seed=seed),
        resample_to_expected(z_spec, r_mag, z_target, r_target, survey, seed=seed))

  def test_estimates_in_single_precision_count_as_those_of_a_file(self):
    z, r_mag = _galaxies(300, SDSS, seed=5)
    self.assertAllEqual(
        TargetCounts.of(SDSS.centers(extended=False)[:180].astype(np.float32),
                        r_mag[:180], SDSS).counts,
        TargetCounts.of(SDSS.centers(extended=False)[:180], r_mag[:180], SDSS).counts)
    self.assertEqual(TargetCounts.of(z, r_mag, SDSS).counts.dtype, np.int64)

  def test_ten_billion_galaxies_do_not_overflow(self):
    z, r_mag = np.array([0.1, 0.2]), np.array([15.2, 15.2])
    few = TargetCounts.of(z, r_mag, SDSS)
    many = TargetCounts(few.counts * 5 * 10**18 // 2, few.r_mag)
    self.assertAllEqual(resample_to_counts(z, r_mag, many, SDSS, size=10),
                        resample_to_counts(z, r_mag, few, SDSS, size=10))

  def test_counts_of_two_surveys_do_not_mix(self):
    z, r_mag = _galaxies(30, SDSS, seed=0)
    own, other = TargetCounts.of(z, r_mag, SDSS), TargetCounts.none(SDSS.with_bins(10))
    with self.assertRaisesRegex(ValueError, "do not add up.*same survey"):
      own + other  # pylint: disable=pointless-statement
    with self.assertRaisesRegex(ValueError, "was counted in.*count it with this survey"):
      resample_to_counts(z, r_mag, own, SDSS.with_bins(10))

  @parameterized.parameters(
      (np.zeros((180, 30)),), (np.zeros(180, np.int64),), (np.full((180, 30), -1),))
  def test_what_is_no_count_is_refused(self, counts):
    with self.assertRaisesRegex(ValueError, "whole numbers"):
      TargetCounts(counts, (0.0, 1.0))

  @parameterized.parameters(
      ([0.1, np.nan], [15.0, 15.0], "z_photo_target is not finite"),
      ([0.1, 0.2], [15.0], "r_mag_target has 1 galaxies"), ([], [], "z_photo_target is empty"))
  def test_columns_are_checked_by_name(self, z_photo, r_mag, message):
    with self.assertRaisesRegex(ValueError, message):
      TargetCounts.of(z_photo, r_mag, SDSS)

  def test_no_galaxy_at_all_is_refused(self):
    with self.assertRaisesRegex(ValueError, "holds no galaxy"):
      resample_to_counts([0.1], [15.0], TargetCounts.none(SDSS), SDSS)


if __name__ == "__main__":
  tf.test.main()
