"""p(z) of several networks: mean and harmonic mean against their formulas, and their limits."""

import warnings

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.predictions.combination import COMBINATIONS, combine_pdfs, harmonic_mean


def random_pdfs(members=5, num=7, bins=40, dtype=np.float32):
  """Peaked p(z), with values down to what float32 hardly holds."""
  pdfs = np.random.default_rng(0).dirichlet(np.full(bins, 0.05), [members, num]) + 1e-36
  return (pdfs / pdfs.sum(-1, keepdims=True)).astype(dtype)


class CombinationTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    strict = warnings.catch_warnings()
    strict.__enter__()
    self.addCleanup(strict.__exit__, None, None, None)
    warnings.simplefilter("error")

  def test_mean(self):
    pdfs = random_pdfs()
    self.assertAllClose(combine_pdfs(pdfs), pdfs.mean(0), rtol=1e-6)
    self.assertAllClose(combine_pdfs(list(pdfs)), combine_pdfs(pdfs, "mean"), rtol=0, atol=0)

  def test_harmonic_mean(self):
    pdfs = random_pdfs()
    expected = 5.0 / np.sum(1.0 / pdfs.astype(np.float64), axis=0)
    expected /= expected.sum(-1, keepdims=True)
    found = combine_pdfs(pdfs, "harmonic")
    self.assertAllClose(found, expected, rtol=1e-5, atol=1e-37)
    self.assertEqual(found.dtype, np.float32)
    self.assertAllClose(found.sum(-1), np.ones(7), atol=1e-6)

  def test_densities_give_the_same_shape(self):
    pdfs = random_pdfs(dtype=np.float64)
    self.assertAllClose(combine_pdfs(500.0 * pdfs, "harmonic"), combine_pdfs(pdfs, "harmonic"))

  @parameterized.parameters(*COMBINATIONS)
  def test_of_one_network_it_is_its_own(self, how):
    pdfs = random_pdfs(1)
    self.assertAllClose(combine_pdfs(pdfs, how), pdfs[0], rtol=1e-6, atol=0)
    self.assertAllClose(combine_pdfs(np.repeat(pdfs, 3, axis=0), how), pdfs[0], rtol=1e-6, atol=0)

  def test_a_bin_where_one_network_has_0_gets_0(self):
    pdfs = np.array([[[0.5, 0.5, 0.0]], [[0.0, 0.25, 0.75]]], np.float32)
    combined = harmonic_mean(pdfs)
    self.assertAllEqual(combined.pdf, [[0.0, 1.0, 0.0]])
    self.assertAllEqual(combined.by_mean, [False])

  def test_where_p_of_z_nowhere_overlap_the_mean_is_kept(self):
    pdfs = np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]], np.float32)
    combined = harmonic_mean(pdfs)
    self.assertAllEqual(combined.by_mean, [True, False])
    self.assertAllEqual(combined.pdf, [[0.5, 0.5], [0.5, 0.5]])
    self.assertAllEqual(combine_pdfs(pdfs, "harmonic"), combined.pdf)

  @parameterized.parameters((np.float32, 1e-45), (np.float64, 5e-324))
  def test_the_smallest_numbers_are_no_zeros(self, dtype, tiny):
    """Two networks that are nearly sure of different bins, and leave the third one the least."""
    pdfs = np.array([[[1.0, 0.0, tiny]], [[0.0, 1.0, tiny]]], dtype)
    combined = harmonic_mean(pdfs)
    self.assertAllEqual(combined.by_mean, [False])
    self.assertAllEqual(combined.pdf, [[0.0, 0.0, 1.0]])
    pdfs = np.array([[[1.0, tiny]], [[tiny, 1.0]]], dtype)
    self.assertAllClose(combine_pdfs(pdfs, "harmonic"), [[0.5, 0.5]])

  def test_no_galaxy(self):
    for how in COMBINATIONS:
      self.assertEqual(combine_pdfs(np.zeros([2, 0, 3]), how).shape, (0, 3))

  def test_what_cannot_be_combined(self):
    good = random_pdfs(2)
    nan, negative = good.copy(), good.copy()
    nan[0, 1, 2], negative[1, 0, 0] = np.nan, -0.1
    for pdfs, how, message in (
        ([good[0], good[1][:, 1:]], "mean", r"shapes \[\(7, 39\), \(7, 40\)\]"),
        ([], "mean", "p.z. of 0 networks"), ([good[0, 0]], "mean", r"shapes \[\(40,\)\]"),
        (nan, "harmonic", "negative or not finite"), (negative, "mean", "negative or not finite"),
        (good, "median", "how='median': choose one of mean, harmonic")):
      with self.assertRaisesRegex(ValueError, message):
        combine_pdfs(pdfs, how)


if __name__ == "__main__":
  tf.test.main()
