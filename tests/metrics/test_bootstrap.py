"""Bootstraps of histograms: drawn one by one or kind by kind, the numbers are those of each law."""

from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.metrics import bootstrap

SLOTS = 5


def sample(size=300):
  """Two bins of each galaxy, and their weights."""
  rng = np.random.default_rng(0)
  return rng.integers(SLOTS, size=size), rng.integers(SLOTS, size=size), rng.integers(1, 4, size)


class DrawnHistogramsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(False, True)
  def test_galaxies_that_are_drawn_one_by_one(self, weighted):
    """The galaxies are those that the generator gives, so that the numbers never change."""
    first, second, weights = sample()
    weights = weights.astype(np.float64) if weighted else np.ones(first.size)
    with mock.patch.object(bootstrap, "_KIND_COST", np.inf):
      drawn = list(bootstrap.drawn_histograms(
          first, second, SLOTS, weights, 4, np.random.default_rng(7)))
    rng = np.random.default_rng(7)
    self.assertLen(drawn, 4)
    for one, other, total in drawn:
      galaxies = rng.integers(first.size, size=first.size)
      self.assertAllEqual(one, np.bincount(first[galaxies], weights[galaxies], SLOTS))
      self.assertAllEqual(other, np.bincount(second[galaxies], weights[galaxies], SLOTS))
      self.assertEqual(total, weights[galaxies].sum())

  @parameterized.parameters(0, np.inf)
  def test_the_law_is_the_same_by_kinds(self, cost):
    first, second, weights = sample()
    with mock.patch.object(bootstrap, "_KIND_COST", cost):
      drawn = list(bootstrap.drawn_histograms(
          first, second, SLOTS, weights.astype(np.float64), 500, np.random.default_rng(1)))
    ones = np.array([one for one, _, _ in drawn])
    of_bin = weights * (first == np.arange(SLOTS)[:, None])
    self.assertAllClose(ones.mean(axis=0), of_bin.sum(axis=1), rtol=0.03)
    self.assertAllClose(ones.std(axis=0), np.sqrt(300) * of_bin.std(axis=1), rtol=0.15)


class CountsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(1, 40, 900)
  def test_counts_are_those_of_the_generator_in_blocks_of_any_size(self, block):
    expected = np.random.default_rng(3).integers(30, size=(20, 30))
    with mock.patch.object(bootstrap, "_BLOCK", block):
      counts = np.concatenate(list(bootstrap._counts(30, 20, np.random.default_rng(3))))
    self.assertAllEqual(counts, [np.bincount(drawn, minlength=30) for drawn in expected])


if __name__ == "__main__":
  tf.test.main()
