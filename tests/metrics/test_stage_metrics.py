"""All metrics of a stage: tables, errors, and refusal of bad input."""

import dataclasses
import json
import warnings

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.metrics import pdf, point
from pzbias_tf.metrics.stage_metrics import Bootstrap, measure_together, summarize, to_json
from pzbias_tf.metrics.stage_result import check_same_galaxies, measure_references
from pzbias_tf.predictions.predictions import Estimates, Predictions
from pzbias_tf.survey import SDSS
from tests.report.sample_results import make_references, make_results

_FEW = Bootstrap(number=10)


def _predictions(num, seed=0, **columns):
  rng = np.random.default_rng(seed)
  z_spec = rng.uniform(0.0, 0.4, num)
  center = z_spec + rng.normal(0, 0.01, num)
  pdf_values = np.exp(-0.5 * ((SDSS.centers() - center[:, None]) / 0.01) ** 2)
  columns = {"redshift": z_spec, "r_mag": rng.uniform(13.0, 18.0, num),
             "id": np.array([f"g{index}" for index in range(num)]), **columns}
  return Predictions.make(
      SDSS.edges(), pdf_values / pdf_values.sum(axis=1, keepdims=True), **columns)


def _summary(predictions, **options):
  """The summary as JSON, warnings being errors."""
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    summary = to_json(summarize(predictions, SDSS, _FEW, **options))
  json.dumps(summary, allow_nan=False)
  return summary


class SummaryTest(tf.test.TestCase, parameterized.TestCase):

  def test_tables_hold_the_metrics_of_their_galaxies(self):
    predictions = _predictions(2000)
    summary = _summary(predictions)
    row = SDSS.magnitude_row(predictions.r_mag) == 7
    own = predictions.select(row)
    table = summary["by_magnitude"]
    self.assertEqual(table["galaxies"][7], row.sum())
    self.assertAllClose(table["r_mag"][7], own.r_mag.mean())
    for name, expected in (
        ("sigma_68", point.sigma_68(own.z_spec, own.z_photo)),
        ("crps", pdf.crps(own.pdf, own.z_spec, SDSS)),
        ("pit_ad", pdf.pit_distances(pdf.pit(own.pdf, own.z_spec, SDSS)).ad)):
      self.assertAllClose(table[name]["value"][7], expected)
      self.assertIsNone(table[name]["value"][0])  # no galaxy brighter than 13
    table = summary["by_z_photo"]
    own = predictions.select((predictions.z_photo >= 0.2) & (predictions.z_photo < 0.21))
    self.assertAllClose(table["z"][20], 0.205)
    self.assertAllClose(table["brier"]["value"][20], pdf.brier(own.pdf, own.z_spec, SDSS))
    self.assertAllClose(
        table["mean_residual"]["value"], summary["residual_z_photo"]["mean"])

  def test_every_plain_number_has_an_error(self):
    summary = _summary(_predictions(500))
    for name, error in summary["errors"].items():
      self.assertIsInstance(summary[name], float)
      self.assertGreaterEqual(error, 0.0)
    dz = summary["errors"]["mean_residual"] / summary["sigma_mad"]
    self.assertBetween(dz * np.sqrt(500), 0.5, 2.0)

  def test_step_4_has_no_metrics_of_pdfs(self):
    predictions = _predictions(50)
    summary = _summary(predictions, z_photo=predictions.z_photo)
    self.assertNotIn("crps", summary)
    self.assertNotIn("pit_ks", summary["by_magnitude"])

  def test_weights(self):
    predictions = _predictions(200)
    self.assertEqual(_summary(predictions, weights=np.ones(200)), _summary(predictions))
    weights = np.where(predictions.z_spec < 0.2, 0.0, 3.0)
    kept = _summary(predictions.select(weights > 0))
    weighted = _summary(predictions, weights=weights)
    for name in ("z_photo_edges", "mean_z_spec", "mean_z_pdf", "shift"):
      self.assertAllClose(weighted["tomography"][name], kept["tomography"][name])
    for name in ("errors", "crps", "total_variation", "wasserstein_by_magnitude", "slope_z_spec"):
      self.assertAllClose(weighted[name], kept[name])

  @parameterized.parameters(1, 2, 12)
  def test_few_galaxies(self, num):
    """At most one galaxy per bin, most bins empty: null where a number is not determined."""
    summary = _summary(_predictions(num))
    self.assertEqual(summary["total_variation"]["error"] is None, num == 1)
    self.assertEqual(summary["errors"]["sigma_mad"] is None, num == 1)
    counts = np.array(summary["by_z_photo"]["galaxies"])
    for count, value, error in zip(counts, *(
        summary["by_z_photo"]["mean_residual"][key] for key in ("value", "error"))):
      self.assertEqual((value is None, error is None), (count == 0, count < 2))

  @parameterized.parameters(-3.0, 9.0)
  def test_redshifts_far_off_the_grid_are_counted(self, shift):
    predictions = _predictions(30)
    summary = _summary(predictions, z_photo=predictions.z_photo + shift)
    self.assertEqual(sum(summary["off_grid"].values()), 30)
    self.assertEqual(sum(summary["by_z_photo"]["galaxies"]), 0)
    self.assertEqual(summary["outlier_fraction"], 1.0)
    beyond = np.full(30, 0.4 + abs(shift))
    off = dataclasses.replace(predictions, ancil={**predictions.ancil, "redshift": beyond})
    self.assertIsNone(_summary(off)["slope_z_spec"]["slope"])

  def test_damaged_predictions_are_refused(self):
    good = _predictions(20)
    spoilt = good.pdf.copy()
    spoilt[3, 5] = np.nan
    for pdfs, column, values, message in (
        (spoilt, "zmode", good.z_photo, "probabilities of galaxy 3"),
        (2.0 * good.pdf, "zmode", good.z_photo, "galaxy 0 sum to 2"),
        (good.pdf, "zmode", np.full(20, np.nan), "z_photo is not finite for 20 of 20"),
        (good.pdf, "redshift", np.full(20, np.nan), "z_spec is not finite for 20 of 20"),
        (good.pdf, "r_mag", np.full(20, np.inf), "magnitude values are not finite")):
      with self.assertRaisesRegex(ValueError, message):
        _summary(Predictions(good.edges, pdfs, {**good.ancil, column: values}))

  @parameterized.product(num=(1, 7, 900), weighted=("", "all", "some"), pdfs=(False, True))
  def test_estimates_that_are_measured_together_have_the_same_numbers(self, num, weighted, pdfs):
    predictions = _predictions(num)
    weights = np.random.default_rng(3).uniform(0.5, 2.0, num) if weighted else None
    if weighted == "some" and num > 1:
      weights[::3] = 0.0
    after = predictions.z_photo + 0.004 * np.sin(30 * predictions.z_photo)
    sample = predictions if pdfs else Estimates(predictions.ancil)
    both = measure_together(predictions.z_spec, [predictions.z_photo, after], predictions.r_mag,
                            SDSS, _FEW, weights=weights)
    for z_photo, together in zip((None, after), both):
      self.assertEqual(_summary(sample, z_photo=z_photo, weights=weights, together=together),
                       _summary(sample, z_photo=z_photo, weights=weights))

  def test_no_galaxy_at_all(self):
    with self.assertRaisesRegex(ValueError, "no galaxy of sdss"):
      _summary(_predictions(3).select(np.zeros(3, bool)))


class ReferencesTest(tf.test.TestCase):

  def test_each_is_measured_under_its_name(self):
    z_photo = np.random.default_rng(1).uniform(0.0, 0.4, 40)
    partly = np.where(np.arange(40) % 4, z_photo, [np.nan, -1.0, -99.0, -9999.0] * 10)
    predictions = _predictions(40, z_photo_ref_bpz=partly, z_photo_ref_A=z_photo,
                               z_photo_ref_none=np.full(40, -99.0))
    first, second = measure_references(predictions, SDSS, _FEW)
    self.assertEqual([(result.name, result.title, result.key) for result in (first, second)],
                     [("reference", "A", "reference_A"), ("reference2", "bpz", "reference_bpz")])
    self.assertEqual([result.summary["galaxies"] for result in (first, second)], [40, 30])
    self.assertAllEqual(second.z_photo, z_photo[np.arange(40) % 4 > 0])

  def test_the_only_one_has_no_name(self):
    (result,) = measure_references(_predictions(40, z_photo_ref=np.full(40, 0.1)), SDSS, _FEW)
    self.assertEqual((result.name, result.title, result.key), ("reference",) * 3)
    self.assertEmpty(measure_references(_predictions(40), SDSS, _FEW))

  def test_placeholders_of_references_are_left_out(self):
    own = np.full(40, 0.1)
    own[:6] = np.nan, np.inf, -1.0, -99.0, 99.0, 999.0
    (result,) = measure_references(_predictions(40, z_photo_ref=own), SDSS, _FEW)
    self.assertEqual(result.summary["galaxies"], 34)


class SameGalaxiesTest(tf.test.TestCase):

  def test_stages_of_other_galaxies_are_not_compared(self):
    first, = make_results("baseline", num=30)
    other, = make_results("step1", num=30, seed=1)
    check_same_galaxies([first, *make_references("a", "b", num=20)])
    with self.assertRaisesRegex(ValueError, "Step 1 predicted other galaxies than Baseline"):
      check_same_galaxies([first, other])


if __name__ == "__main__":
  tf.test.main()
