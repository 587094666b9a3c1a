"""Scatter of the estimates: medians by group, and the smoothing."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.bias import scatter


def _smooth_by_loops(v, sigma):
  smoothed = np.zeros(len(v))
  filled = np.flatnonzero(v > 0)
  inside, last = np.arange(filled[0], filled[-1] + 1), 0.0
  for i in inside:
    last = v[i] if v[i] > 0 else last
    kernel = np.exp(-(inside - i) ** 2 / (2 * sigma ** 2))
    smoothed[inside] += last * kernel / kernel.sum()
  return smoothed


class ScatterTest(tf.test.TestCase, parameterized.TestCase):

  def test_grouped_median_agrees_with_numpy(self):
    rng = np.random.default_rng(0)
    values, group = rng.normal(size=500), rng.integers(0, 60, 500)
    group[group == 59] = 0  # the last group is empty
    medians = scatter.grouped_median(values, group, 60)
    for number in range(59):
      self.assertAllClose(medians[number], np.median(values[group == number]))
    self.assertEqual(medians[59], 0.0)

  def test_typical_square_is_the_mean_of_median_and_mean(self):
    v = scatter.typical_square(np.array([1.0, 2.0, 9.0, 5.0]), np.array([0, 0, 0, 2]), 4)
    self.assertAllClose(v, [3.0, 0.0, 5.0, 0.0])

  def test_no_galaxies_give_zeros(self):
    self.assertAllEqual(scatter.typical_square(np.zeros(0), np.zeros(0, int), 3), np.zeros(3))
    self.assertAllEqual(scatter.smooth(np.zeros(5), 2.0), np.zeros(5))

  @parameterized.parameters(0.5, 3.0, 100.0)
  def test_smoothing_is_the_definition(self, sigma):
    v = np.array([0.0, 2.0, 0.0, 0.0, 5.0, 1.0, 0.0, 3.0, 0.0, 0.0])
    self.assertAllClose(scatter.smooth(v, sigma), _smooth_by_loops(v, sigma), rtol=1e-12)

  def test_smoothing_keeps_the_sum_and_the_range(self):
    v = np.array([0.0, 2.0, 1.0, 5.0, 0.0])
    smoothed = scatter.smooth(v, 4.0)
    self.assertAllClose(smoothed.sum(), 8.0)
    self.assertAllEqual(smoothed[[0, 4]], [0.0, 0.0])

  def test_no_width_spreads_nothing(self):
    v = np.array([0.0, 2.0, 0.0, 5.0])
    self.assertAllEqual(scatter.smooth(v, 0.0), [0.0, 2.0, 2.0, 5.0])

  def test_outputs_see_their_own_galaxies(self):
    members = np.array([[1, 0], [1, 1], [0, 0]])
    s2 = scatter.smoothed_squares(
        np.array([4.0, 2.0, 100.0]), np.array([1, 2, 0]), members, np.zeros(2), 4)
    self.assertAllEqual(s2, [[0, 4, 2, 0], [0, 0, 2, 0]])


if __name__ == "__main__":
  tf.test.main()
