"""What must hold of metrics for any sample: bounds, invariances, agreement with brute force."""

import warnings

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
import numpy as np
from scipy import stats
import tensorflow as tf

from pzbias_tf.bias import scatter
from pzbias_tf.metrics import distributions, pdf, point, residuals
from pzbias_tf.metrics.bootstrap import Bootstrap
from pzbias_tf.metrics.draws import Draws, single
from pzbias_tf.survey import SDSS

_BINS10 = SDSS.with_bins(10)
_POINT = (
    point.mean_residual, point.sigma_mad, point.sigma_68, point.bias_rail, point.sigma_iqr_rail,
    point.outlier_fraction_rail, lambda s, p, **w: point.outlier_fraction(s, p, SDSS, **w))
_SPREADS = (point.sigma_mad, point.sigma_68, point.sigma_iqr_rail)
_QUICK = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def _columns(*ranges, most=30):
  """Strategy: columns of one length within ranges."""
  return st.integers(1, most).flatmap(lambda size: st.tuples(*(
      arrays.arrays(np.float64, size, elements=st.floats(*bounds, width=32)) for bounds in ranges)))


_REDSHIFTS = ((-0.25, 0.75), (-0.5, 1.0))  # off the grid [0, 0.4] as well
_SAMPLES = _columns(*_REDSHIFTS)
_SAMPLES_WITH_R = _columns(*_REDSHIFTS, (10.0, 20.0))


def _pdfs(bins=10, most=8):
  """Strategy: PDFs with empty bins among them, and z_spec."""
  return st.integers(1, most).flatmap(lambda size: st.tuples(
      arrays.arrays(np.float64, (size, bins), elements=st.floats(0.0, 1.0, width=16)),
      arrays.arrays(np.float64, size, elements=st.floats(-0.125, 0.5, width=32)))).map(
          lambda pair: ((pair[0] + 1e-9) / (pair[0] + 1e-9).sum(axis=1, keepdims=True), pair[1]))


class PropertiesTest(tf.test.TestCase):
  """Warnings are errors throughout."""

  def setUp(self):
    super().setUp()
    caught = warnings.catch_warnings()
    caught.__enter__()
    self.addCleanup(caught.__exit__, None, None, None)
    warnings.simplefilter("error")

  @_QUICK
  @given(_SAMPLES, st.randoms(use_true_random=False))
  def test_order_does_not_matter(self, sample, random):
    order = np.array(random.sample(range(len(sample[0])), len(sample[0])))
    for metric in _POINT:
      self.assertAllClose(
          metric(*sample), metric(*(column[order] for column in sample)), rtol=1e-12, atol=1e-12)

  @_QUICK
  @given(_SAMPLES, st.floats(-0.5, 0.5))
  def test_a_shift_of_all_residuals_moves_biases_and_leaves_spreads(self, sample, shift):
    z_spec, z_photo = sample
    moved = z_photo + shift * (1.0 + z_spec)
    for metric in _SPREADS:
      self.assertAllClose(metric(z_spec, moved), metric(z_spec, z_photo), atol=1e-12)
    for metric in (point.mean_residual, point.bias_rail):
      self.assertAllClose(metric(z_spec, moved), metric(z_spec, z_photo) + shift, atol=1e-12)

  @_QUICK
  @given(_SAMPLES)
  def test_point_metrics_by_brute_force(self, sample):
    dz = point.normalized_residual(*sample)
    quantile = lambda share: np.quantile(dz, share, method="averaged_inverted_cdf")
    iqr = (quantile(0.75) - quantile(0.25)) / 1.349
    for metric, expected in zip(_POINT, (
        dz.mean(), 1.4826 * np.median(np.abs(dz - np.median(dz))),
        (quantile(0.84) - quantile(0.16)) / 2, np.median(dz), iqr,
        np.mean(np.abs(dz) > max(0.06, 3 * iqr)), np.mean(np.abs(dz) > 0.05)), strict=True):
      self.assertAllClose(metric(*sample), expected, rtol=1e-12, atol=1e-14)

  @_QUICK
  @given(_columns((-1.0, 1.0)), st.integers(0, 1000))
  def test_draws_are_the_same_as_copied_samples(self, sample, seed):
    """Ranks, fractions and deviations of weighted samples, compared with repeated galaxies."""
    values = np.sort(sample[0])
    counts = np.random.default_rng(seed).multinomial(
        values.size, np.full(values.size, 1 / values.size), size=5)
    draws = Draws(values, counts.astype(np.float64), values.size)
    center = draws.quantile(0.5)
    copies = [np.repeat(values, count) for count in counts]
    self.assertAllEqual(center, [np.median(copy) for copy in copies])
    # It is found by halving an interval, so the last bit of a tiny one may differ.
    self.assertAllClose(
        draws.median_deviation(center), [np.median(np.abs(c - np.median(c))) for c in copies],
        rtol=1e-12, atol=1e-15)
    self.assertAllClose(draws.share_beyond(0.3), [np.mean(np.abs(c) > 0.3) for c in copies])
    self.assertAllClose(draws.mean(), [np.mean(copy) for copy in copies], atol=1e-12)

  @_QUICK
  @given(_SAMPLES_WITH_R)
  def test_distances_of_distributions_stay_in_bounds(self, sample):
    z_spec, z_photo, r_mag = sample
    few = dict(num_bootstrap=3)
    measured = distributions.total_variation(z_spec, z_photo, _BINS10, **few)
    self.assertBetween(measured.mean, 0.0, 1.0)
    self.assertEqual(np.isnan(measured.error), len(z_spec) == 1)
    curve = residuals.residual_vs_z_spec(z_spec, z_photo, np.full(len(z_spec), 1e-4), _BINS10)
    expected = distributions.expected_total_variation(z_spec, curve, _BINS10, num_draws=3)
    self.assertBetween(expected.mean, 0.0, 1.0 + 1e-12)
    apart = distributions.wasserstein_by_magnitude(z_spec, z_photo, r_mag, _BINS10, **few)
    same = distributions.wasserstein_by_magnitude(z_photo, z_photo, r_mag, _BINS10, **few)
    filled = np.isfinite(apart.mean)
    self.assertAllInRange(apart.mean[filled], 0.0, 0.8)  # the length of the extended grid
    self.assertAllEqual(same.mean[filled], np.zeros(filled.sum()))

  @_QUICK
  @given(_columns((0.0, 0.375), (0.0, 0.375), most=40))
  def test_total_variation_of_a_bootstrap_is_that_of_copied_galaxies(self, sample):
    """The means over 200 bootstraps, computed both ways, agree within their error."""
    z_spec, z_photo = sample
    measured = distributions.total_variation(z_spec, z_photo, _BINS10, num_bootstrap=200)
    rng, draws = np.random.default_rng(1), []
    for _ in range(200):
      drawn = rng.integers(len(z_spec), size=len(z_spec))
      histograms = [np.histogram(z[drawn], _BINS10.edges())[0] for z in (z_spec, z_photo)]
      draws.append(0.5 * np.abs(histograms[0] - histograms[1]).sum() / len(z_spec))
    self.assertAllClose(measured.mean, np.mean(draws), atol=6.0 * np.std(draws) / 10.0 + 1e-12)

  @_QUICK
  @given(_pdfs())
  def test_scores_of_pdfs_by_brute_force(self, sample):
    probability, z_spec = sample
    own = _BINS10.redshift_bin(z_spec)
    scores = pdf.pdf_scores(probability, z_spec, _BINS10)
    for galaxy, (p, z, k) in enumerate(zip(probability, np.clip(z_spec, 0.0, 0.4), own)):
      truth = np.eye(10)[k]
      fine = np.linspace(0.0, 0.4, 2001)
      density = np.append(np.repeat(p / 0.04, 200), 0.0)
      self.assertAllClose(scores.brier[galaxy], np.sum((p - truth) ** 2), atol=1e-12)
      self.assertAllClose(
          scores.crps[galaxy], 0.04 * np.sum((np.cumsum(p) - np.cumsum(truth)) ** 2), atol=1e-12)
      self.assertAllClose(
          scores.cde_loss[galaxy], np.sum(density[:-1] ** 2) * 2e-4 - 2.0 * p[k] / 0.04,
          rtol=1e-9, atol=1e-9)
      cdf = np.concatenate([[0.0], np.cumsum(density[:-1]) * 2e-4])
      self.assertAllClose(scores.pit[galaxy], np.interp(z, fine, cdf), atol=1e-9)

  @_QUICK
  @given(_pdfs(bins=20))
  def test_scores_of_pdfs_stay_in_bounds(self, sample):
    scores = pdf.pdf_scores(*sample, _BINS10)
    self.assertAllInRange(scores.brier, 0.0, 2.0)
    self.assertAllInRange(scores.crps, 0.0, 0.8)
    self.assertAllInRange(scores.pit, 0.0, 1.0)
    self.assertAllGreaterEqual(scores.cde_loss, -1.0 / 0.04)

  @_QUICK
  @given(_columns((0.0, 1.0)))
  def test_distances_from_uniform_are_those_of_scipy(self, sample):
    distances = pdf.pit_distances(sample[0])
    self.assertAllClose(distances.ks, stats.ks_1samp(sample[0], stats.uniform.cdf).statistic)
    if sample[0].size > 1:  # scipy needs two values
      self.assertAllClose(distances.cvm, stats.cramervonmises(sample[0], "uniform").statistic)
    ranked = np.clip(np.sort(sample[0]), 1e-6, 1 - 1e-6)
    odd = 2 * np.arange(1, ranked.size + 1) - 1
    self.assertAllClose(  # the formula of textbooks
        distances.ad, -ranked.size - np.mean(odd * (np.log(ranked) + np.log1p(-ranked[::-1]))))

  @_QUICK
  @given(_columns((0.0, 1.0)), st.integers(0, 1000))
  def test_distances_from_uniform_of_whole_weights_are_those_of_repeats(self, sample, seed):
    weights = np.random.default_rng(seed).integers(1, 5, sample[0].size)
    distances = pdf.pit_distances(sample[0], weights=weights)
    repeated = pdf.pit_distances(np.repeat(sample[0], weights))
    number = single(sample[0], weights).number / weights.sum()  # repeats are not new galaxies
    self.assertAllClose(
        list(distances), [repeated.ks, number * repeated.cvm, number * repeated.ad])

  @_QUICK
  @given(_columns((0.0, 4.0), (0.0, 3.875)), st.integers(0, 1000))
  def test_weighted_medians_of_groups(self, sample, seed):
    values, group = sample[0], sample[1].astype(int)
    weights = np.random.default_rng(seed).integers(0, 4, values.size)
    medians = scatter.grouped_median(values, group, 5, weights)
    for index in range(5):
      own = np.repeat(values[group == index], weights[group == index])
      self.assertEqual(medians[index], np.median(own) if own.size else 0.0)

  @_QUICK
  @given(_SAMPLES_WITH_R)
  def test_tables_agree_with_the_metrics_of_each_group(self, sample):
    z_spec, z_photo, r_mag = sample
    magnitude_row = SDSS.magnitude_row(r_mag)
    metrics = point.point_metrics(
        z_spec, z_photo, magnitude_row, SDSS.rows, SDSS, bootstrap=Bootstrap(number=2))
    for index in range(SDSS.rows):
      own = magnitude_row == index
      expected = point.sigma_mad(z_spec[own], z_photo[own]) if own.any() else np.nan
      self.assertAllEqual(metrics["sigma_mad"].value[index], expected)
      self.assertEqual(np.isfinite(metrics["sigma_mad"].error[index]), own.sum() > 1)


if __name__ == "__main__":
  tf.test.main()
