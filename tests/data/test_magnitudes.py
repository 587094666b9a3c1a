"""What a network makes of magnitudes: limits, standardisation, indicators, missing values."""

import dataclasses

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.data.extra_columns import with_nan
from pzbias_tf.data.magnitudes import PhotometryInput, with_nan_in_graph
from pzbias_tf.data.manifest import PhotometryColumns
from pzbias_tf.models import build_network
from pzbias_tf.models.network import input_columns, input_size
from pzbias_tf.survey import SDSS

NUM = 300
COLUMNS = PhotometryColumns(magnitudes=tuple("ugriz"), errors=("eu", "eg", "er", "ei", "ez"))
WITH_MISSING = dataclasses.replace(COLUMNS, missing="limit")


def sample(seed=0):
  """Magnitudes, errors and E(B-V)."""
  rng = np.random.default_rng(seed)
  return rng.normal(18.0, 1.0, (NUM, 5)), rng.uniform(0.0, 0.2, (NUM, 5)), rng.uniform(0, 0.1, NUM)


def scaled(photometry, magnitudes, errors, ebv):
  return photometry(*(None if values is None else tf.constant(values, tf.float32)
                      for values in (magnitudes, errors, ebv))).numpy()


class PhotometryInputTest(tf.test.TestCase, parameterized.TestCase):

  def test_magnitudes_colours_reddening_and_logarithms_of_errors(self):
    magnitudes, errors, ebv = sample()
    own = scaled(PhotometryInput.fit("ugriz", COLUMNS, magnitudes, errors, ebv), magnitudes, errors,
                 ebv)
    expected = np.concatenate([magnitudes, -np.diff(magnitudes, axis=1), ebv[:, None],
                               np.log(np.maximum(errors, 1e-3))], 1)
    expected = (expected - expected.mean(0)) / expected.std(0)
    self.assertEqual(own.shape, (NUM, 15))
    self.assertAllClose(own, expected, atol=1e-4)

  def test_without_errors(self):
    magnitudes, errors, ebv = sample()
    plain = dataclasses.replace(COLUMNS, errors=())
    photometry = PhotometryInput.fit("ugriz", plain, magnitudes, None, ebv)
    self.assertEqual(scaled(photometry, magnitudes, None, ebv).shape, (NUM, 10))
    # Errors that a data set has, but the network was not trained with, change nothing.
    self.assertAllEqual(scaled(photometry, magnitudes, errors, ebv),
                        scaled(photometry, magnitudes, None, ebv))

  def test_equal_reddening_is_no_division_by_zero(self):
    magnitudes, errors, _ = sample()
    photometry = PhotometryInput.fit("ugriz", COLUMNS, magnitudes, errors, np.zeros(NUM))
    self.assertAllEqual(scaled(photometry, magnitudes, errors, np.zeros(NUM))[:, 9], np.zeros(NUM))

  def test_the_faintest_magnitude_stands_for_a_missing_one(self):
    magnitudes, errors, ebv = sample()
    magnitudes[7, 2], errors[7, 2] = np.nan, np.nan
    photometry = PhotometryInput.fit("ugriz", WITH_MISSING, magnitudes, errors, ebv)
    self.assertAllClose(photometry.limits, np.nanmax(magnitudes, 0), rtol=1e-12)
    own = scaled(photometry, magnitudes, errors, ebv)
    self.assertEqual(own.shape, (NUM, 20))
    self.assertAllEqual(own[:, 15:], np.isnan(magnitudes))
    filled = np.where(np.isnan(magnitudes), photometry.limits, magnitudes)
    self.assertAllClose(own[:, :10], scaled(photometry, filled, errors, ebv)[:, :10])
    self.assertEqual(own[7, 12], 0.0)  # an average error
    self.assertTrue(np.isfinite(own).all())

  @parameterized.parameters(("same", "1 different magnitudes in g"), ("none", "0 different"))
  def test_bands_that_tell_nothing(self, kind, message):
    magnitudes, errors, ebv = sample()
    magnitudes[:, 1] = 20.0 if kind == "same" else np.nan
    with self.assertRaisesRegex(ValueError, message):
      PhotometryInput.fit("ugriz", COLUMNS, magnitudes, errors, ebv)

  def test_json(self):
    photometry = PhotometryInput.fit("ugriz", COLUMNS, *sample())
    self.assertEqual(PhotometryInput.from_json(dataclasses.asdict(photometry)), photometry)
    self.assertIsNone(PhotometryInput.from_json(None))


class MissingTest(tf.test.TestCase, parameterized.TestCase):

  def test_a_band_without_magnitude_or_error_is_missing(self):
    magnitudes = np.array([[18.0, -99.0, 99.0, 19.0, np.nan, -9999.0, 20.0]])
    errors = np.array([[0.1, 0.1, 0.1, -9999.0, 0.1, 0.1, -0.5]])
    own, own_errors = with_nan(magnitudes, errors)
    self.assertAllEqual(np.isnan(own), [[0, 1, 1, 1, 1, 1, 1]])
    self.assertAllEqual(np.isnan(own_errors), np.isnan(own))
    self.assertAllEqual(np.isnan(with_nan(magnitudes, None)[0]), [[0, 1, 1, 0, 1, 1, 0]])
    masked = np.ma.masked_array(np.full((1, 2), 18.0), [[True, False]])
    self.assertAllEqual(np.isnan(with_nan(masked, None)[0]), [[1, 0]])

  def test_the_same_in_a_graph(self):
    rng = np.random.default_rng(1)
    given = rng.uniform(15.0, 25.0, (50, 5)).astype(np.float32)
    given.flat[::7] = rng.choice([np.nan, -99, 99, 99.9, -9999, 999, np.inf], len(given.flat[::7]))
    errors = rng.uniform(0.0, 0.1, (50, 5)).astype(np.float32)
    errors.flat[::11] = -9999.0
    given.flat[::13] = 0.0
    for error in (None, errors):
      own = with_nan_in_graph(tf.constant(given), None if error is None else tf.constant(error),
                              with_missing=True)
      for values, expected in zip(own, with_nan(given, error)):
        if expected is not None:
          self.assertAllEqual(np.isnan(values), np.isnan(expected))
          self.assertAllClose(np.nan_to_num(values), np.nan_to_num(expected))

  @parameterized.parameters((-5.0, "are they fluxes"), (50.0, "are they fluxes"),
                            (np.nan, "a band has no measurement"),
                            (0.0, "a band has no measurement"))
  def test_a_graph_refuses(self, value, message):
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, message):
      with_nan_in_graph(tf.constant([[18.0, value]]), None, with_missing=False)


class NetworkTest(tf.test.TestCase):

  def test_what_the_network_takes_and_gives(self):
    photometry = PhotometryInput.fit("ugriz", COLUMNS, *sample())
    network = build_network(6, SDSS, multi_output=True, photometry=photometry,
                            extra_columns=("mag_J",))
    self.assertCountEqual(network.input, ["magnitudes", "errors", "ebv", "extra"])
    self.assertEqual((input_size(network), input_columns(network)), (0, ("mag_J",)))
    magnitudes, errors, ebv = (tf.constant(values, tf.float32) for values in sample())
    logits = network({"magnitudes": magnitudes, "errors": errors, "ebv": ebv,
                      "extra": tf.zeros([NUM, 1])})
    self.assertEqual(logits["z_logits"].shape, (NUM, 6, 180))
    self.assertEqual(logits["r_logits"].shape, (NUM, 6))

  def test_networks_of_the_other_kind_are_refused(self):
    with self.assertRaisesRegex(ValueError, r"--net=5 \(Net_Q\) takes images.*--net=6"):
      build_network(5, SDSS, multi_output=True,
                    photometry=PhotometryInput.fit("ugriz", COLUMNS, *sample()))
    with self.assertRaisesRegex(ValueError, r"--net=6 \(Net_C\) takes photometry.*--magnitude_col"):
      build_network(6, SDSS, multi_output=True)


if __name__ == "__main__":
  tf.test.main()
