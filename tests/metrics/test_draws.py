"""Many samples of the same values: whole numbers of draws, shared draws, and distances."""

from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.metrics import bootstrap, draws, pdf, point, uniformity
from pzbias_tf.survey import SDSS

SHARES = (0.16, 0.25, 0.5, 0.75, 0.84)


def values_and_counts(size, number=7):
  """Rising values, and how often each is drawn by some bootstraps."""
  rng = np.random.default_rng(size)
  return (np.sort(rng.random(size)),
          rng.multinomial(size, np.full(size, 1.0 / size), size=number))


class DrawsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(1, 2, 5, 300)
  def test_whole_numbers_are_as_good_as_others(self, size):
    values, counts = values_and_counts(size)
    whole = draws.Draws(values, counts, size)
    other = draws.Draws(values, counts.astype(np.float64), size)
    for function in (lambda one: one.mean(), lambda one: one.quantiles(SHARES),
                     lambda one: one.median_deviation(one.quantile(0.5)),
                     lambda one: one.share_beyond(0.3), lambda one: one.cdf(slice(0, size))):
      self.assertAllEqual(function(whole), function(other))

  @parameterized.parameters(1, 2, 5, 300)
  def test_repeated_galaxies(self, size):
    """Numbers of draws are repetitions."""
    values, counts = values_and_counts(size)
    own = draws.Draws(values, counts, size)
    medians = own.quantile(0.5)
    for number, times in enumerate(counts):
      sample = np.repeat(values, times)
      self.assertAllClose(medians[number], np.median(sample))
      self.assertAllClose(own.median_deviation(medians)[number],
                          np.median(np.abs(sample - np.median(sample))))
      self.assertAllClose(own.quantiles(SHARES)[:, number], np.quantile(
          sample, SHARES, method="averaged_inverted_cdf"))

  def test_the_same_draws_of_other_values(self):
    values, counts = values_and_counts(40)
    shared = draws.Draws(values, counts, 40).of(values ** 2)
    own = draws.Draws(values ** 2, counts, 40)
    self.assertAllEqual(shared.mean(), own.mean())
    self.assertAllEqual(shared.quantiles(SHARES), own.quantiles(SHARES))

  @parameterized.parameters(slice(0, 3), slice(3, 20), slice(19, 20))
  def test_cdf_of_some_values(self, part):
    values, counts = values_and_counts(20)
    below, with_own = draws.Draws(values, counts, 20).cdf(part)
    self.assertAllClose(with_own, (np.cumsum(counts, axis=1) / 20)[:, part])
    self.assertAllClose(with_own - below, counts[:, part] / 20)


class SharedDrawsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(None, 1, 5)
  def test_metrics_together_are_those_of_each(self, seed):
    rng = np.random.default_rng(0)
    num, groups = 200, 3
    weights = np.ones(num) if seed is None else np.random.default_rng(seed).random(num) + 0.1
    group, dz = rng.integers(groups, size=num), rng.normal(size=num)
    scores = pdf.PdfScores(*rng.random((4, num)))
    both = [point.measured(dz, SDSS), pdf.measured(scores)]
    options = dict(weights=weights, bootstrap=bootstrap.Bootstrap(number=10))
    together = bootstrap.by_group(both, group, groups, **options)
    alone = {name: metric for one in both
             for name, metric in bootstrap.by_group([one], group, groups, **options).items()}
    self.assertEqual(list(together), list(alone))
    for name, metric in together.items():
      self.assertAllEqual(np.array(metric), np.array(alone[name]), name)


class DistancesTest(tf.test.TestCase, parameterized.TestCase):

  def by_integrals(self, values, share):
    """The distances of values that have these shares of the weight, on a fine grid."""
    u = (np.arange(2_000_000) + 0.5) / 2_000_000
    distribution = np.append(0.0, np.cumsum(share))[np.searchsorted(values, u, side="right")]
    square = (distribution - u) ** 2
    return np.abs(distribution - u).max(), square.mean(), (square / (u * (1.0 - u))).mean()

  @parameterized.parameters(1, 2, 9, 30)
  def test_distances_are_the_integrals(self, size):
    values, counts = values_and_counts(size, 2)
    own = uniformity.distances(draws.Draws(values, counts, 1.0))
    for number, times in enumerate(counts):
      expected = self.by_integrals(values, times / size)
      self.assertAllClose([distance[number] for distance in own], expected, rtol=1e-3)

  @parameterized.parameters(1, 7, 64, 1 << 20)
  def test_blocks_of_any_size(self, block):
    values, counts = values_and_counts(200)
    own = draws.Draws(values, counts, 200.0)
    expected = uniformity.distances(own)
    with mock.patch.object(uniformity, "_BLOCK", block):
      self.assertAllClose(uniformity.distances(own), expected, rtol=1e-12)


if __name__ == "__main__":
  tf.test.main()
