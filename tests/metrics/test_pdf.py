"""Metrics of PDFs."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.metrics import pdf
from pzbias_tf.survey import SDSS

_SURVEY = SDSS.with_bins(10)  # bins 0.04 wide; 5 + 5 more when extended
_SCORES = (pdf.crps, pdf.pit, pdf.cde_loss)


def _random(size, bins=10, seed=0):
  rng = np.random.default_rng(seed)
  return rng.dirichlet(np.ones(bins), size), rng.uniform(0, 0.4, size)


def _gaussians(size, blur):
  """PDFs of width 0.03 around truths that scatter by blur x 0.03."""
  rng = np.random.default_rng(3)
  center = rng.uniform(0.15, 0.25, size)
  probability = np.exp(-0.5 * ((SDSS.centers() - center[:, None]) / 0.03) ** 2)
  return (
      probability / probability.sum(axis=1, keepdims=True),
      center + rng.normal(0, 0.03 * blur, size))


class CrpsTest(tf.test.TestCase, parameterized.TestCase):

  def test_sure_pdf_scores_its_distance(self):
    sure = np.eye(10)[[2, 2]]
    self.assertAllClose(pdf.crps(sure[:1], [0.1], _SURVEY), 0.0)
    self.assertAllClose(pdf.crps(sure[:1], [0.3], _SURVEY), 5 * 0.04)
    self.assertAllClose(pdf.crps(sure, [0.1, 0.3], _SURVEY), 2.5 * 0.04)

  def test_by_loops_on_both_grids(self):
    for bins, left in ((10, 0), (20, 5)):
      probability, z = _random(30, bins)
      total = 0.0
      for row, redshift in zip(probability, z):
        own = int(redshift / 0.04) + left
        step = np.array([float(index >= own) for index in range(bins)])
        total += np.sum((np.cumsum(row) - step) ** 2) * 0.04
      self.assertAllClose(pdf.crps(probability, z, _SURVEY), total / 30)

  def test_grids_agree_where_the_extension_is_empty(self):
    probability, z = _random(20)
    extended = np.pad(probability, ((0, 0), (5, 5)))
    for score in _SCORES:
      self.assertAllClose(score(extended, z, _SURVEY), score(probability, z, _SURVEY))

  def test_many_galaxies_are_the_mean_of_their_parts(self):
    probability, z = _random(pdf._CHUNK + 500)
    n = pdf._CHUNK
    for score in (pdf.crps, pdf.cde_loss):
      parts = (
          n * score(probability[:n], z[:n], _SURVEY)
          + 500 * score(probability[n:], z[n:], _SURVEY)) / (n + 500)
      self.assertAllClose(score(probability, z, _SURVEY), parts)
    self.assertLen(pdf.pit(probability, z, _SURVEY), n + 500)

  @parameterized.parameters(*_SCORES)
  def test_bad_input_is_refused(self, score):
    good, z = _random(3)
    for probability, redshift, message in (
        (good / 0.04, z, "sum to 25.*densities x bin width"),
        (good, z[:2], "given for 3 galaxies and z_spec for 2"),
        (good[:, :9], z, r"must have shape \[n, 10\] or \[n, 20\].*got \[3, 9\]"),
        (good * [[1], [np.nan], [1]], z, "probabilities of galaxy 1"),
        (-good, z, "probabilities of galaxy 0"),
        (good, z * np.nan, "z_spec is not finite"),
        (np.zeros((0, 10)), [], "z_spec is empty")):
      with self.assertRaisesRegex(ValueError, message):
        score(probability, redshift, _SURVEY)


class PitTest(tf.test.TestCase, parameterized.TestCase):

  def test_cdf_is_linear_within_a_bin(self):
    flat = np.full((4, 10), 0.1)
    z = np.array([0.0, 0.05, 0.39, 0.4])
    self.assertAllClose(pdf.pit(flat, z, _SURVEY), z / 0.4)

  def test_off_the_grid_is_zero_or_one(self):
    self.assertAllClose(pdf.pit(np.full((2, 10), 0.1), [-0.3, 0.7], _SURVEY), [0.0, 1.0])

  def test_calibrated_pdfs_are_uniform_and_others_are_not(self):
    distances = {
        blur: pdf.pit_distances(pdf.pit(*_gaussians(5000, blur), SDSS)) for blur in (1, 0.5, 2)}
    self.assertLess(distances[1].ks, 1.63 / np.sqrt(5000))  # 1% critical values
    self.assertLess(distances[1].cvm, 0.743)
    self.assertLess(distances[1].ad, 3.857)
    for blur in (0.5, 2):
      for good, bad in zip(distances[1], distances[blur]):
        self.assertGreater(bad, 5 * good)

  def test_distances_by_integration(self):
    values = np.array([0.1, 0.25, 0.25, 0.7])
    u = (np.arange(400000) + 0.5) / 400000
    difference = np.searchsorted(np.sort(values), u, side="right") / 4 - u
    distances = pdf.pit_distances(values)
    self.assertAllClose(distances.ks, np.abs(difference).max(), atol=1e-4)
    self.assertAllClose(distances.cvm, 4 * np.mean(difference ** 2), atol=1e-4)
    self.assertAllClose(distances.ad, 4 * np.mean(difference ** 2 / (u * (1 - u))), atol=1e-3)

  def test_distances_stay_finite_at_the_ends(self):
    self.assertAllInRange(pdf.pit_distances([0.0, 1.0]), 0.0, 20.0)

  def test_values_out_of_range_are_refused(self):
    with self.assertRaisesRegex(ValueError, r"pit spans \[-0.1, 0.5\]"):
      pdf.pit_distances([-0.1, 0.5])


class CdeLossTest(tf.test.TestCase):

  def test_by_hand(self):
    # A flat density 2.5 over [0, 0.4]: integral of p^2 is 2.5, p(z_spec) is 2.5.
    self.assertAllClose(pdf.cde_loss(np.full((1, 10), 0.1), [0.2], _SURVEY), -2.5)
    # All in one bin, density 25: hit and miss.
    sure = np.eye(10)[[2]]
    self.assertAllClose(pdf.cde_loss(sure, [0.1], _SURVEY), -25.0)
    self.assertAllClose(pdf.cde_loss(sure, [0.3], _SURVEY), 25.0)

  def test_true_width_is_the_best(self):
    losses = {blur: pdf.cde_loss(*_gaussians(5000, blur), SDSS) for blur in (1, 2)}
    self.assertLess(losses[1], losses[2])


if __name__ == "__main__":
  tf.test.main()
