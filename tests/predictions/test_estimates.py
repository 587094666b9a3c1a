"""Point estimates and intervals against brute force."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.predictions import estimates
from pzbias_tf.survey import CFHTLS_WIDE, SDSS


def bumps(edges, *places, share=None):
  """One PDF with Gaussian bumps."""
  centers = 0.5 * (edges[:-1] + edges[1:])
  share = share or [1.0] * len(places)
  pdf = sum(weight * np.exp(-0.5 * ((centers - place) / 0.02) ** 2)
            for place, weight in zip(places, share))
  return (pdf / pdf.sum()).astype(np.float32)[np.newaxis]


class EstimatesTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters((np.nan, slice(None)), (np.nan, 7), (np.inf, 7), (-np.inf, -1))
  def test_p_of_z_that_is_not_finite_has_no_estimate(self, value, place):
    edges = SDSS.edges()
    pdf = np.random.default_rng(0).dirichlet(np.ones(SDSS.bins), 3).astype(np.float32)
    good = estimates.point_estimates(edges, pdf)
    pdf[1, place] = value
    with np.errstate(invalid="ignore"):
      found = estimates.point_estimates(edges, pdf)
    for name, values in found.items():
      self.assertAllEqual(np.isnan(values), [False, True, False], name)
      self.assertAllEqual(values[[0, 2]], good[name][[0, 2]], name)

  def test_quantiles_of_a_histogram(self):
    edges, pdf = np.array([0.0, 0.1, 0.2, 0.4]), np.array([[0.2, 0.0, 0.8], [0.0, 1.0, 0.0]])
    self.assertAllClose(estimates.quantiles(edges, pdf, [0.0, 0.1, 0.6, 1.0]),
                        [[0.0, 0.05, 0.3, 0.4], [0.1, 0.11, 0.16, 0.2]])

  def test_quantiles_of_samples(self):
    pdf = np.random.default_rng(0).dirichlet(np.ones(180), 5)
    edges, levels = SDSS.edges(), [0.025, 0.5, 0.84]
    for row, found in zip(pdf, estimates.quantiles(edges, pdf, levels)):
      self.assertAllClose(np.interp(found, edges, [0, *np.cumsum(row)]), levels)

  @parameterized.parameters((SDSS, False), (SDSS, True), (CFHTLS_WIDE, True))
  def test_lowest_risk_is_that_of_all_bins(self, survey, extended):
    edges = survey.edges(extended=extended)
    centers = 0.5 * (edges[:-1] + edges[1:])
    pdf = np.random.default_rng(1).dirichlet(np.full(len(centers), 0.01), 3).astype(np.float32)
    for row, found in zip(pdf, estimates.lowest_risk(edges, pdf)):
      risk = [np.sum(row * (1 - 1 / (1 + ((z - centers) / (1 + np.maximum(centers, 0)) / 0.15)
                                     ** 2))) for z in centers]
      self.assertLess(risk[np.argmin(np.abs(centers - found))] - min(risk), 1e-6)

  def test_best_keeps_to_a_peak_where_the_mean_falls_between_two(self):
    edges = CFHTLS_WIDE.edges()
    found = estimates.point_estimates(edges, bumps(edges, 0.3, 2.5, share=[0.55, 0.45]))
    self.assertAllClose(found["zbest"], [0.3], atol=0.05)
    self.assertAllClose(found["zmean"], [1.29], atol=0.01)

  def test_intervals_of_a_gaussian(self):
    edges = SDSS.edges()
    found = estimates.point_estimates(edges, bumps(edges, 0.2))
    for name, at in (("z_low95", -1.96), ("z_low68", -0.994), ("z_high68", 0.994),
                     ("z_high95", 1.96)):
      self.assertAllClose(found[name], [0.2 + 0.02 * at], atol=1e-4)

  def test_many_galaxies_and_none(self):
    edges, pdf = SDSS.edges(), np.tile(bumps(SDSS.edges(), 0.1), (9000, 1))
    for name, column in estimates.point_estimates(edges, pdf).items():
      self.assertAllEqual(column, np.full(9000, column[0]), name)
    self.assertEmpty(estimates.point_estimates(edges, pdf[:0])["zbest"])


if __name__ == "__main__":
  tf.test.main()
