"""Numbers that stand for no measurement, and columns of fluxes."""

import numpy as np
import tensorflow as tf

from pzbias_tf import missing_values
from pzbias_tf.data.extra_columns import is_missing


class FindMissingTest(tf.test.TestCase):

  def test_what_counts_as_missing(self):
    values = np.array([0.1, -9999.0, -999.0, -99.0, 99.0, 999.0, np.nan, np.inf, -np.inf, -1.0,
                       -0.5, 0.0, 98.0])
    missing, reasons = missing_values.find_missing(values, redshifts=True)
    self.assertAllEqual(np.flatnonzero(~missing), [0, 10, 11, 12])
    self.assertEqual(reasons, {"-9999": 1, "-999": 1, "-99": 1, "99": 1, "999": 1, "NaN": 1,
                               "infinite": 2, "-1 or below": 1})
    missing, _ = missing_values.find_missing(values, redshifts=False, further=(98.0,))
    self.assertAllEqual(np.flatnonzero(~missing), [0, 9, 10])  # a magnitude of 0 is none

  def test_the_rule_for_magnitudes_is_that_of_extra_columns(self):
    values = np.array([99.9, 99.99, 999.9, 9999.0, -90.0, -95.5, 89.0, 21.0])
    for column in (values, values.astype(np.float32).astype(np.float64)):
      missing, reasons = missing_values.find_missing(column, redshifts=False)
      self.assertAllEqual(missing, is_missing(column))
      self.assertAllEqual(missing, [True] * 6 + [False] * 2)
      self.assertEqual(reasons["-90 or below"], 2)

  def test_fill_values_are_missing_by_both_rules(self):
    values = np.array([1e20, 1e30, 9.96921e36, 1.7e38, 1e12, 40.0])
    for redshifts in (False, True):
      missing, reasons = missing_values.find_missing(values, redshifts=redshifts)
      self.assertAllEqual(missing, [True] * 4 + [False] * 2)
      self.assertEqual(reasons, {"1e+15 or above": 4})
    self.assertAllEqual(is_missing(values), missing)

  def test_weights_that_look_like_numbers_for_none(self):
    values = np.array([0.0, 99.0, 99.9, 9999.0, 1.0, 2.0, 1e-50, -99.0, np.nan, 1e20])
    for column in (values, values.astype(np.float32).astype(np.float64)):
      self.assertAllEqual(missing_values.find_missing_weights(column)[0], [False] * 7 + [True] * 3)
      missing, reasons = missing_values.find_missing_weights(column, further=(1.0, 2.0, 99.9))
      self.assertAllEqual(np.flatnonzero(~missing), [0, 1, 3, 6])
      self.assertEqual((reasons["1"], reasons["2"], reasons["99.9"]), (1, 1, 1))

  def test_medians_that_no_sample_of_galaxies_has(self):
    rng = np.random.default_rng(0)
    faint = rng.uniform(20, 24, 100)
    for flux in (10 ** (-0.4 * (faint - 22.5)), 10 ** (-0.4 * (faint - 23.9)),  # nmgy, uJy
                 10 ** (-0.4 * (faint - 22.5)) / 3631):
      with self.assertRaisesRegex(ValueError, "median .*no sample of galaxies is as bright"):
        missing_values.check_no_fluxes(flux[flux < 40], "r magnitudes")
    missing_values.check_no_fluxes(faint, "r magnitudes")
    missing_values.check_no_fluxes(np.array([8.0, 8.5]), "r magnitudes")

  def test_many_redshifts_of_exactly_0(self):
    for zeros, told in ((0, False), (2, False), (4, False), (10, True), (1000, True)):
      z = np.full(1000, 0.1)
      z[:zeros] = 0.0
      self.assertEqual(bool(missing_values.many_zeros(z)), told, zeros)
    self.assertStartsWith(missing_values.many_zeros(np.zeros(4)), "4 of 4 redshifts are exactly 0")

  def test_the_largest_number_far_from_all_others(self):
    values = np.append(np.linspace(15, 23, 500), np.full(5, np.nan))
    for sentinel, number, told in ((37.5, 3, True), (30.0, 100, True), (37.5, 2, False),
                                   (23.5, 50, False), (23.0, 50, False)):
      found = missing_values.lone_largest(np.append(values, np.full(number, sentinel)))
      self.assertEqual(bool(found), told, (sentinel, number))
    self.assertStartsWith(missing_values.lone_largest(np.array([0.1, 9.99, 9.99, 9.99])),
                          "3 of 4 values are exactly 9.99, the next smaller one is 0.1")
    for values in ([], [np.nan], [1.0], [2.0] * 5, [5.0, 5.0, 5.0, 5.0]):
      self.assertEqual(missing_values.lone_largest(np.array(values)), "")

  def test_nothing_is_missing(self):
    missing, reasons = missing_values.find_missing(np.ones(3), redshifts=True)
    self.assertEqual((missing.sum(), reasons), (0, {}))


if __name__ == "__main__":
  tf.test.main()
