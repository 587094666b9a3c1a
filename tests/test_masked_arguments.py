"""No public function takes numbers below a mask, or those of another unit, for measurements."""

from absl.testing import parameterized
from astropy import units
from astropy.utils.masked import Masked
import numpy as np
import tensorflow as tf

import pzbias_tf as pz
from pzbias_tf.survey import SDSS

NUM = 50
Z = np.linspace(0.05, 0.3, NUM)
R_MAG = np.linspace(15.0, 17.7, NUM)
PDF = np.full((NUM, SDSS.bins), 1.0 / SDSS.bins)
STEP4 = pz.Calibration.fit(Z, Z, R_MAG, SDSS)
CURVE = pz.residual_vs_z_spec(Z, Z + 0.01, np.full(NUM, 1e-4), SDSS)
ARGUMENTS = {"z_spec": Z, "z_photo": Z + 0.01, "r_mag": R_MAG, "probabilities": PDF}
FUNCTIONS = {
    "mean_residual": lambda a: pz.mean_residual(a["z_spec"], a["z_photo"]),
    "sigma_mad": lambda a: pz.sigma_mad(a["z_spec"], a["z_photo"]),
    "outlier_fraction": lambda a: pz.outlier_fraction(a["z_spec"], a["z_photo"], SDSS),
    "sigma_mad_by_magnitude": lambda a: pz.sigma_mad_by_magnitude(
        a["z_spec"], a["z_photo"], a["r_mag"], SDSS),
    "crps": lambda a: pz.crps(a["probabilities"], a["z_spec"], SDSS),
    "pit": lambda a: pz.pit(a["probabilities"], a["z_spec"], SDSS),
    "cde_loss": lambda a: pz.cde_loss(a["probabilities"], a["z_spec"], SDSS),
    "combine_pdfs": lambda a: pz.combine_pdfs([a["probabilities"]]),
    "residual_vs_z_photo": lambda a: pz.residual_vs_z_photo(a["z_spec"], a["z_photo"], SDSS),
    "residual_vs_z_spec": lambda a: pz.residual_vs_z_spec(
        a["z_spec"], a["z_photo"], np.full(NUM, 1e-4), SDSS),
    "variances": lambda a: pz.variances(
        a["z_spec"], a["z_photo"], a["r_mag"], np.ones(SDSS.outputs), SDSS),
    "total_variation": lambda a: pz.total_variation(a["z_spec"], a["z_photo"], SDSS),
    "expected_total_variation": lambda a: pz.expected_total_variation(
        a["z_spec"], CURVE, SDSS),
    "wasserstein_by_magnitude": lambda a: pz.wasserstein_by_magnitude(
        a["z_spec"], a["z_photo"], a["r_mag"], SDSS),
    "membership": lambda a: pz.membership(a["r_mag"], SDSS),
    "balanced_subset": lambda a: pz.balanced_subset(
        a["z_spec"], a["r_mag"], SDSS, threshold=2, experiment=1, seed=0),
    "fit_label_model": lambda a: pz.fit_label_model(a["z_spec"], a["z_photo"], a["r_mag"], SDSS),
    "resample": lambda a: pz.resample_to_expected(
        a["z_spec"], a["r_mag"], a["z_photo"], a["r_mag"], SDSS),
    "calibration_fit": lambda a: pz.Calibration.fit(a["z_spec"], a["z_photo"], a["r_mag"], SDSS),
    "calibration_apply": lambda a: STEP4.apply(a["z_photo"], a["r_mag"]),
    "redshift_bin": lambda a: SDSS.redshift_bin(a["z_photo"]),
    "magnitude_row": lambda a: SDSS.magnitude_row(a["r_mag"]),
}


class Watched(dict):
  """Arguments that notes which of them are taken."""

  def __init__(self, *args):
    super().__init__(*args)
    self.taken = set()

  def __getitem__(self, name):
    self.taken.add(name)
    return super().__getitem__(name)


def taken(function):
  watched = Watched(ARGUMENTS)
  function(watched)
  return sorted(watched.taken)


class MaskedArgumentsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(*FUNCTIONS)
  def test_masked_values_are_refused(self, name):
    for argument in taken(FUNCTIONS[name]):
      plain = ARGUMENTS[argument]
      mask = np.zeros(plain.shape, bool)
      mask[3] = True
      for masked in (np.ma.array(plain, mask=mask), Masked(plain, mask=mask)):
        with self.assertRaisesRegex(ValueError, "not finite|missing", msg=argument):
          FUNCTIONS[name]({**ARGUMENTS, argument: masked})

  @parameterized.parameters(*FUNCTIONS)
  def test_other_units_are_refused(self, name):
    for argument in taken(FUNCTIONS[name]):
      with self.assertRaisesRegex(ValueError, "has the unit 'km / s'", msg=argument):
        FUNCTIONS[name]({**ARGUMENTS, argument: ARGUMENTS[argument] * units.km / units.s})

  @parameterized.parameters(*FUNCTIONS)
  def test_right_units_are_honoured(self, name):
    given = {**ARGUMENTS, "r_mag": 1000 * R_MAG * units.Unit("mmag"), "z_photo": 100 * ARGUMENTS[
        "z_photo"] * units.percent, "z_spec": Z * units.one}
    expected, found = FUNCTIONS[name](ARGUMENTS), FUNCTIONS[name](given)
    if isinstance(expected, (float, np.ndarray)):
      self.assertAllClose(found, expected, rtol=1e-6)

  def test_predictions(self):
    masked = np.ma.array(R_MAG, mask=np.arange(NUM) < 2)
    made = pz.Predictions.make(SDSS.edges(), PDF, redshift=Z, r_mag=masked,
                               id=np.arange(NUM).astype(str))
    self.assertAllEqual(np.isnan(made.r_mag), np.arange(NUM) < 2)
    self.assertIs(type(made.r_mag), np.ndarray)
    with self.assertRaisesRegex(ValueError, "has the unit 'km / s'"):
      pz.Predictions.make(SDSS.edges(), PDF, redshift=Z * units.km / units.s)

  def test_redshifts_of_another_table(self):
    made = pz.Predictions.make(SDSS.edges(), PDF, id=np.arange(NUM).astype(str), redshift=Z)
    mask = np.arange(NUM) == 4
    ids = np.ma.array(np.arange(NUM + 2), mask=np.arange(NUM + 2) >= NUM)
    found = made.with_truth(ids, np.ma.array(np.r_[Z, 0, 0], mask=np.r_[mask, False, False]))
    self.assertAllEqual(np.isnan(found.z_spec), mask)


if __name__ == "__main__":
  tf.test.main()
