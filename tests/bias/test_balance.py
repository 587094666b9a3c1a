"""The nearly balanced subset of Steps 2 and 3."""

import time

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf import cells
from pzbias_tf.bias import balance
from pzbias_tf.survey import SDSS


def _catalogue(size, seed=0):
  rng = np.random.default_rng(seed)
  return rng.gamma(4.0, 0.03, size).clip(0, 0.4), rng.normal(16.9, 0.7, size)


def _subset(z, r, **settings):
  return balance.balanced_subset(z, r, SDSS, **dict(
      dict(threshold=20, experiment=1, seed=7), **settings))


class BalanceTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(1, 20, 200)
  def test_each_cell_gives_all_or_threshold(self, threshold):
    z, r = _catalogue(30000)
    before = cells.cell_counts(z, r, SDSS)
    chosen = _subset(z, r, threshold=threshold, experiment=3)
    self.assertAllEqual(
        cells.cell_counts(z[chosen], r[chosen], SDSS), np.minimum(before, threshold))
    self.assertAllEqual(chosen, np.unique(chosen))
    self.assertEqual(chosen.dtype, np.int64)

  def test_five_folds_go_round_the_cell(self):
    # One cell of 7 with threshold 3: positions 0-2, 3-5, 6 0 1, 2-4, 5 6 0.
    z, r = np.full(7, 0.1), np.full(7, 15.2)
    sets = [set(_subset(z, r, threshold=3, experiment=e)) for e in range(1, 6)]
    order = np.random.default_rng((7, cells.cell_index(z, r, SDSS)[0])).permutation(7)
    positions = ([0, 1, 2], [3, 4, 5], [6, 0, 1], [2, 3, 4], [5, 6, 0])
    self.assertEqual(sets, [set(order[p]) for p in positions])

  def test_large_cell_gives_disjoint_folds(self):
    z, r = np.full(50, 0.1), np.full(50, 15.2)
    sets = [_subset(z, r, threshold=10, experiment=e) for e in range(1, 6)]
    self.assertAllEqual(np.sort(np.concatenate(sets)), np.arange(50))

  def test_seed_decides(self):
    z, r = _catalogue(20000)
    self.assertAllEqual(_subset(z, r), _subset(z, r))
    self.assertFalse(np.array_equal(_subset(z, r), _subset(z, r, seed=8)))

  def test_a_cell_does_not_depend_on_the_others(self):
    z, r = np.full(50, 0.1), np.full(50, 15.2)
    more_z, more_r = np.append(z, np.full(90, 0.2)), np.append(r, np.full(90, 15.2))
    chosen = _subset(more_z, more_r)
    self.assertAllEqual(chosen[chosen < 50], _subset(z, r))

  def test_sentinel_keeps_everything(self):
    z, r = np.full(10500, 0.1), np.full(10500, 15.2)
    self.assertAllEqual(_subset(z, r, threshold=balance.KEEP_ALL), np.arange(10500))
    self.assertLen(_subset(z, r, threshold=balance.KEEP_ALL - 1), 9999)

  @parameterized.parameters(
      dict(threshold=0), dict(experiment=0), dict(experiment=6), dict(seed=-1))
  def test_bad_setting_is_refused(self, **setting):
    with self.assertRaisesRegex(ValueError, next(iter(setting))):
      _subset(np.array([0.1]), np.array([15.0]), **setting)

  def test_bad_columns_are_refused(self):
    with self.assertRaisesRegex(ValueError, "r_mag has 1"):
      _subset(np.array([0.1, 0.2]), np.array([15.0]))
    with self.assertRaisesRegex(ValueError, "empty"):
      _subset(np.array([]), np.array([]))

  def test_full_survey_takes_seconds(self):
    z, r = _catalogue(400000)
    start_s = time.process_time()
    _subset(z, r, threshold=200)
    self.assertLess(time.process_time() - start_s, 10.0)  # about 0.1 s


if __name__ == "__main__":
  tf.test.main()
