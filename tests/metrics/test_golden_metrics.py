"""Agreement with numbers of the published research code: the metrics."""

import pathlib

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.metrics import distributions, point, residuals
from pzbias_tf.survey import CFHTLS_WIDE, SDSS

_FOLDER = pathlib.Path(__file__).parents[1] / "golden"
_SURVEYS = (("sdss", SDSS), ("cfhtls", CFHTLS_WIDE))


def _golden(name):
  return np.load(_FOLDER / f"shared_{name}.npz", allow_pickle=False)


def _test_set(golden):
  return golden["z_spec_test"], golden["z_photo_test"], golden["r_test"]


class GoldenEvaluationTest(tf.test.TestCase, parameterized.TestCase):

  def _assert_close(self, ours, theirs, tolerance=1e-6):
    self.assertAllClose(ours, theirs, rtol=0, atol=tolerance)

  def _assert_within_errors(self, ours, theirs, error):
    self.assertAllLessEqual(np.abs(ours - theirs) / error, 4.0)

  @parameterized.parameters(*_SURVEYS)
  def test_global_metrics(self, name, survey):
    golden = _golden(name)
    z_spec, z_photo, _ = _test_set(golden)
    ours = [
        point.mean_residual(z_spec, z_photo), point.sigma_mad(z_spec, z_photo),
        point.outlier_fraction(z_spec, z_photo, survey)]
    self._assert_close(ours, golden["global"], 1e-9)

  @parameterized.parameters(*_SURVEYS)
  def test_variances(self, name, survey):
    golden = _golden(name)
    of_galaxy, grid = residuals.variances(
        *_test_set(golden), golden["sigma_disp"], survey)
    # Variances of SDSS are about 1e-4: a relative tolerance as well.
    self.assertAllClose(of_galaxy, golden["var"], rtol=1e-6, atol=1e-12)
    self.assertAllClose(grid, golden["var_grid"], rtol=1e-6, atol=1e-12)

  @parameterized.product(survey=_SURVEYS, against=("zspec", "zphoto"))
  def test_residual_curves_and_their_slopes(self, survey, against):
    name, survey = survey
    golden = _golden(name)
    z_spec, z_photo, _ = _test_set(golden)
    if against == "zspec":
      curve = residuals.residual_vs_z_spec(z_spec, z_photo, golden["var"], survey)
    else:
      curve = residuals.residual_vs_z_photo(z_spec, golden["step4_z_photo_test"], survey)
    for ours, key in zip(curve, ("z", "mean", "err")):
      self._assert_close(ours, golden[f"residual_{against}_{key}"])
    self._assert_close(
        list(residuals.linear_fit(curve, survey.fit_z_min)), golden[f"fit_{against}"])

  @parameterized.parameters(*_SURVEYS)
  def test_simulated_residual(self, name, survey):
    golden = _golden(name)
    curve = residuals.simulated_residual(
        golden["z_spec_test"], golden["r_test"], golden["var_grid"], survey)
    self._assert_close(curve.mean, golden["residuals_sim"])

  @parameterized.parameters(*_SURVEYS)
  def test_scatter_by_magnitude(self, name, survey):
    golden = _golden(name)
    curve = point.sigma_mad_by_magnitude(*_test_set(golden), survey)
    # The published mean r is a mean over bootstraps, too.
    magnitude_row = survey.magnitude_row(golden["r_test"])
    r_error = [
        np.std(r) / np.sqrt(r.size * 100) for r in
        (golden["r_test"][magnitude_row == index] for index in range(survey.rows))]
    self._assert_within_errors(curve.r_mag, golden["sigma_mad_r"], np.array(r_error))
    self._assert_within_errors(curve.mean, golden["sigma_mad"], golden["sigma_mad_err"])
    self.assertAllClose(curve.error, golden["sigma_mad_err"], rtol=0.4)

  @parameterized.parameters(*_SURVEYS)
  def test_total_variation(self, name, survey):
    golden = _golden(name)
    z_spec, z_photo, _ = _test_set(golden)
    mean, error = golden["total_variation_bootstrap"]
    ours = distributions.total_variation(z_spec, z_photo, survey)
    # A hundred bootstraps determine their mean to a tenth of the error, and the error to 1/15.
    self._assert_within_errors(ours.mean, mean, error / 10 * np.sqrt(2))
    self.assertAllClose(ours.error, error, rtol=0.4)

  @parameterized.parameters(*_SURVEYS)
  def test_wasserstein(self, name, survey):
    golden = _golden(name)
    curve = distributions.wasserstein_by_magnitude(*_test_set(golden), survey)
    self._assert_within_errors(
        curve.mean, golden["wasserstein_bootstrap"], golden["wasserstein_err"])
    self.assertAllClose(curve.error, golden["wasserstein_err"], rtol=0.4)


if __name__ == "__main__":
  tf.test.main()
