"""Weights of galaxies in every metric of point estimates."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.bias import dispersion
from pzbias_tf.metrics import distributions, point, residuals
from pzbias_tf.metrics.bootstrap import Bootstrap
from pzbias_tf.survey import SDSS


def _sample(size=400, seed=0):
  rng = np.random.default_rng(seed)
  z_spec = rng.uniform(0.0, 0.4, size)
  return z_spec, z_spec + rng.normal(0.0, 0.02, size), rng.uniform(13.0, 18.0, size)


def _curve(z_spec, z_photo, weights):
  return residuals.residual_vs_z_spec(
      z_spec, z_photo, np.full(len(z_spec), 1e-4), SDSS, weights=weights)


_FEW = dict(num_bootstrap=20)
_FUNCTIONS = {
    "mean_residual": lambda s, p, r, w: point.mean_residual(s, p, weights=w),
    "sigma_mad": lambda s, p, r, w: point.sigma_mad(s, p, weights=w),
    "outlier_fraction": lambda s, p, r, w: point.outlier_fraction(s, p, SDSS, weights=w),
    "sigma_68": lambda s, p, r, w: point.sigma_68(s, p, weights=w),
    "bias_rail": lambda s, p, r, w: point.bias_rail(s, p, weights=w),
    "sigma_iqr_rail": lambda s, p, r, w: point.sigma_iqr_rail(s, p, weights=w),
    "outlier_fraction_rail": lambda s, p, r, w: point.outlier_fraction_rail(s, p, weights=w),
    "dispersions": lambda s, p, r, w: dispersion.fit_dispersions(s, p, r, SDSS, weights=w),
    "variance grid": lambda s, p, r, w: residuals.variances(
        s, p, r, np.ones(6), SDSS, weights=w)[1],
    "simulated residual": lambda s, p, r, w: residuals.simulated_residual(
        s, r, np.full((11, 180), 1e-4), SDSS, weights=w)[1],
    "residual against z_spec": lambda s, p, r, w: _curve(s, p, w).mean,
    "residual against z_photo": lambda s, p, r, w: residuals.residual_vs_z_photo(
        s, p, SDSS, weights=w).mean,
}
_BOOTSTRAPPED = {
    "errors": lambda s, p, r, w: np.stack(
        [_curve(s, p, w).error, residuals.residual_vs_z_photo(s, p, SDSS, weights=w).error]),
    "point metrics": lambda s, p, r, w: np.stack(list(point.point_metrics(
        s, p, SDSS.magnitude_row(r), 11, SDSS, weights=w,
        bootstrap=Bootstrap(number=20)).values())),
    "sigma_MAD by magnitude": lambda s, p, r, w: np.stack(
        point.sigma_mad_by_magnitude(s, p, r, SDSS, weights=w, **_FEW)),
    "total variation": lambda s, p, r, w: distributions.total_variation(
        s, p, SDSS, weights=w, **_FEW),
    "expected total variation": lambda s, p, r, w: distributions.expected_total_variation(
        s, _curve(s, p, w), SDSS, weights=w),
    "Wasserstein": lambda s, p, r, w: np.stack(
        distributions.wasserstein_by_magnitude(s, p, r, SDSS, weights=w, **_FEW)),
}
_ALL = {**_FUNCTIONS, **_BOOTSTRAPPED}


class WeightsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(*_ALL)
  def test_weights_of_one_change_nothing(self, name):
    sample = _sample()
    self.assertAllEqual(
        np.nan_to_num(_ALL[name](*sample, np.ones(400)), nan=9.0),
        np.nan_to_num(_ALL[name](*sample, None), nan=9.0))

  @parameterized.parameters(*_FUNCTIONS)
  def test_whole_weights_are_repeated_galaxies(self, name):
    sample, weights = _sample(), np.random.default_rng(1).integers(1, 5, 400)
    repeated = [np.repeat(column, weights) for column in sample]
    self.assertAllClose(_ALL[name](*sample, weights), _ALL[name](*repeated, None),
                        rtol=1e-12, atol=1e-14)

  @parameterized.parameters(*_ALL)
  def test_galaxies_without_weight_do_not_count(self, name):
    sample, weights = _sample(), np.random.default_rng(2).uniform(0.1, 1.0, 400)
    weights[::3] = 0.0
    own = weights > 0.0
    self.assertAllEqual(
        np.nan_to_num(_ALL[name](*sample, weights), nan=9.0),
        np.nan_to_num(_ALL[name](*(c[own] for c in sample), weights[own]), nan=9.0))

  @parameterized.parameters(*_ALL)
  def test_the_unit_of_weights_does_not_matter(self, name):
    sample, weights = _sample(), np.random.default_rng(3).uniform(0.1, 1.0, 400)
    self.assertAllClose(_ALL[name](*sample, weights), _ALL[name](*sample, 1024.0 * weights),
                        rtol=1e-12)

  @parameterized.parameters(*_ALL)
  def test_weights_matter(self, name):
    sample = _sample()
    self.assertNotAllClose(
        _ALL[name](*sample, np.where(np.arange(400) % 3, 1.0, 5.0)), _ALL[name](*sample, None))

  @parameterized.parameters(*_ALL)
  def test_bad_weights_are_refused(self, name):
    sample = _sample(10)
    for weights, message in (
        (np.ones(9), "9 weights are given for 10 galaxies"), (-np.ones(10), "negative"),
        (np.full(10, np.nan), "weights is not finite"), (np.zeros(10), "all weights are 0")):
      with self.assertRaisesRegex(ValueError, message):
        _ALL[name](*sample, weights)

  def test_bootstrap_of_weighted_galaxies_scatters_as_the_weighted_mean_does(self):
    rng = np.random.default_rng(4)
    dz, weights = rng.normal(0.0, 0.02, 5000), rng.uniform(0.0, 1.0, 5000) ** 3
    metric = point.point_metrics(
        np.zeros(5000), dz, np.zeros(5000, int), 1, SDSS, weights=weights,
        bootstrap=Bootstrap(number=1000))["mean_residual"]
    own = 0.02 * np.sqrt(np.sum(weights ** 2)) / weights.sum()
    self.assertAllClose(metric.error, [own], rtol=0.1)


if __name__ == "__main__":
  tf.test.main()
