"""eval.catalog: which values of a catalogue count, and what is told of the others."""

import json
import os

from absl.testing import parameterized
from astropy.table import Table
import numpy as np
import tensorflow as tf

from pzbias_tf.metrics.stage_metrics import summarize, to_json
from pzbias_tf.photoz_catalog import BY_MAGNITUDE
from pzbias_tf.predictions.predictions import Estimates
from pzbias_tf.survey import SDSS
from tests.eval.catalogs.catalog_case import BOOTSTRAP, NUM, CatalogCase, columns


class ColumnsTest(CatalogCase):

  def test_the_order_of_rows_changes_nothing(self):
    table = columns()
    turned = np.random.default_rng(1).permutation(NUM)
    results = [self.run_on(self.write({name: column[rows] for name, column in table.items()}),
                           fit_fraction=0.5)[1] for rows in (slice(None), turned)]
    for key in ("estimates", "step4"):
      self.assertEqual(*(result[key] for result in results))

  def test_the_chosen_columns_are_told(self):
    text, _ = self.run_on(self.write(columns()))
    self.assertIn("columns: id = objID, z_spec = z, r = r, weights = none, z_photo = photoZ", text)
    text, _ = self.run_on(self.write(columns()), z_photo=("other",), columns={"r": "none"})
    self.assertIn("r = none, weights = none, z_photo = other", text)

  def test_missing_values_are_left_out_and_counted(self):
    table, bad = columns(), columns()
    bad["photoZ"][:5] = [-9999, -99, 99, np.nan, np.inf]
    bad["z"][5:9] = [-999, 999, -1.0, np.nan]
    bad["r"][9:12] = [-9999, 99, np.inf]
    text, metrics = self.run_on(self.write(bad))
    self.assertEqual(metrics["missing"], {
        "photoZ": {"-9999": 1, "-99": 1, "99": 1, "NaN": 1, "infinite": 1},
        "z": {"-999": 1, "999": 1, "NaN": 1, "-1 or below": 1},
        "r": {"-9999": 1, "99": 1, "infinite": 1}})
    self.assertIn("left out: 12 rows with missing values: photoZ -9999 (1), -99 (1)", text)
    expected = self.estimates({name: column[12:] for name, column in table.items()}, "b.fits")
    self.assertEqual(metrics["estimates"], expected)

  def test_many_redshifts_of_exactly_0_are_told(self):
    table = columns()
    table["photoZ"][:50] = 0.0
    path = self.write(table)
    with self.assertLogs("absl", "WARNING") as logs:
      self.run_on(path)
    self.assertRegex("".join(logs.output), "column 'photoZ': 50 of 3000 redshifts are exactly 0, "
                     ".*--missing=0")
    with self.assertNoLogs("absl", "WARNING"):
      self.run_on(path, missing=(0.0,), columns={"r": "none"})

  def test_r_of_exactly_0_is_missing(self):
    table = columns()
    table["r"][:4] = 0.0
    table["z"][5] = 0.0
    self.assertEqual(self.run_on(self.write(table))[1]["missing"], {"r": {"0": 4}})

  def test_masked_values_are_missing(self):
    table = Table(columns(), masked=True)
    table["photoZ"].mask[:7] = True
    for name in ("masked.fits", "masked.csv"):
      _, metrics = self.run_on(self.write(table, name))
      self.assertEqual(metrics["missing"], {"photoZ": {"NaN": 7}})

  def test_further_numbers_that_stand_for_missing_values(self):
    table = columns()
    table["photoZ"][:4] = 0.0
    self.assertEqual(self.run_on(self.write(table), missing=(0.0,))[1]["missing"],
                     {"photoZ": {"0": 4}})

  def test_redshifts_off_the_grid_are_counted_and_kept(self):
    table = columns()
    table["photoZ"][:3], table["z"][0] = [-0.01, 0.5, 0.6], 0.55
    text, metrics = self.run_on(self.write(table))
    self.assertEqual(metrics["galaxies"], NUM)
    self.assertIn("off the grid: z 0 below, 1 above; photoZ 1 below, 2 above", text)
    self.assertEqual(metrics["off_grid"], {"z": {"below": 0, "above": 1},
                                           "photoZ": {"below": 1, "above": 2}})
    self.assertEqual(metrics["estimates"]["photoZ"]["off_grid"], {"below": 1, "above": 2})
    self.assertNotIn("mind: ", text)

  def test_a_survey_that_does_not_fit_is_told(self):
    table = columns()
    table["z"], table["photoZ"] = 3.0 * table["z"], 3.0 * table["photoZ"]
    self.assertIn("mind: much of z, photoZ is off the grid of sdss; name a --survey",
                  self.run_on(self.write(table), columns={"r": "none"})[0])
    self.assertNotIn("mind: ", self.run_on(self.write(table), survey="cfhtls_deep",
                                           columns={"r": "none"})[0])

  def test_without_magnitudes(self):
    table = columns()
    full = self.estimates(table)["photoZ"]
    table.pop("r")
    found = self.estimates(table)["photoZ"]
    text, metrics = self.run_on(self.write(table), fit_fraction=0.5)
    self.assertEqual(set(full) - set(found), set(BY_MAGNITUDE))
    self.assertEqual(found["sigma_mad"], full["sigma_mad"])
    self.assertIn("no magnitudes", text)
    self.assertLess(metrics["step4"]["residual_by_galaxies"]["photoZ"]["after"], 0.002)
    with open(self.path("out/calibration.json"), encoding="utf-8") as file:
      self.assertLen(json.load(file)["offset"][0], 1)

  def test_several_estimates_on_the_same_galaxies(self):
    table = columns()
    table["other"][:10] = -99.0
    text, metrics = self.run_on(self.write(table), z_photo=("photoZ", "other"), fit_fraction=0.5)
    self.assertEqual(list(metrics["estimates"]),
                     ["photoZ", "photoZ, Step 4", "other", "other, Step 4"])
    self.assertEqual({own["galaxies"] for own in metrics["estimates"].values()},
                     {metrics["estimates"]["other"]["galaxies"]})
    self.assertEqual(metrics["galaxies"], NUM - 10)
    self.assertIn("other: significant in", text)
    for name in ("photoZ", "other"):
      self.assertTrue(os.path.exists(self.path(f"out/calibration_{name}.json")))

  def test_weights(self):
    table = columns()
    table["w"] = np.random.default_rng(5).uniform(0, 2, NUM)
    order = np.argsort(table["objID"])
    sample = Estimates({"redshift": table["z"][order], "zmode": table["photoZ"][order],
                        "r_mag": table["r"][order]})
    expected = summarize(sample, SDSS, BOOTSTRAP, weights=table["w"][order])
    found = self.estimates(table, columns={"weights": "w"})["photoZ"]
    self.assertEqual(found, json.loads(json.dumps(to_json(expected))))
    table["w"][3], table["w"][8] = -1.0, -2.0
    with self.assertRaisesRegex(ValueError, "catalog.fits: column 'w': weights must not be negative"
                                r", but 2 are, in rows 3 \(-1\), 8 \(-2\)"):
      self.run_on(self.write(table), columns={"weights": "w"})

  @parameterized.parameters("catalog.fits", "catalog.csv")
  def test_weights_that_are_none(self, name):
    table = Table(columns(), masked=True)
    table["w"] = np.ma.array(np.random.default_rng(5).uniform(0.5, 100, NUM))
    for row, value in enumerate((-9999, -999, -99, np.nan, np.inf, 1e20, 99, 999)):
      table["w"][row] = value
    table["w"].mask[8:10] = True
    text, metrics = self.run_on(self.write(table, name), columns={"weights": "w"})
    self.assertEqual(metrics["missing"], {"w": {
        "-9999": 1, "-999": 1, "-99": 1, "NaN": 3, "infinite": 1, "1e+15 or above": 1}})
    self.assertIn("left out: 8 rows with missing values: w -9999 (1)", text)
    rows = np.r_[6, 7, 10:NUM]
    expected = self.estimates(Table(table[rows], masked=False), columns={"weights": "w"})
    self.assertEqual(metrics["estimates"], expected)

  def test_a_missing_weight_is_calibrated_all_the_same(self):
    table = columns()
    table["w"] = np.ones(NUM)
    table["w"][3] = -99
    self.run_on(self.write(table), columns={"weights": "w"}, fit_fraction=0.5, apply=True)
    found = Table.read(self.path("out/calibrated.fits"))
    self.assertTrue(np.isfinite(found["photoZ_calibrated"][3]))
    self.assertFalse(found["in_fit"][3])

  def test_further_numbers_that_stand_for_missing_weights(self):
    table = columns()
    table["w"] = np.ones(NUM)
    table["w"][:4] = -1.0
    _, metrics = self.run_on(self.write(table), columns={"weights": "w"}, missing=(-1.0,))
    self.assertEqual(metrics["missing"], {"w": {"-1": 4}})

  def test_a_table_of_truth_is_matched_by_id(self):
    table = columns()
    expected = self.estimates({name: own[20:] for name, own in table.items()})
    rows = np.random.default_rng(2).permutation(np.arange(20, NUM))
    truth = self.write({"objid": table["objID"][rows], "z": table["z"][rows]}, "truth.csv")
    _, metrics = self.run_on(self.write({name: table[name] for name in ("objID", "r", "photoZ")}),
                             truth=truth)
    self.assertEqual(metrics["missing"], {"z": {"NaN": 20}})
    self.assertEqual(metrics["estimates"], expected)


  @parameterized.parameters("NULL", "#N/A", "(null)")
  def test_a_table_of_truth_whose_redshifts_are_text(self, word):
    table = columns(num=200)
    words = table["z"].astype(str).astype(object)
    words[:20] = word
    truth = self.write({"objid": table["objID"], "z": words.astype(str)}, "truth.fits")
    own = self.write({name: table[name] for name in ("objID", "r", "photoZ")})
    _, metrics = self.run_on(own, truth=truth)
    self.assertEqual(metrics["missing"], {"z": {"NaN": 20}})
    self.assertEqual(metrics["galaxies"], 180)

  @parameterized.parameters("x{}", "{}.fits", "0{}")
  def test_a_table_of_truth_of_other_ids_is_refused(self, form):
    table = columns(num=20)
    truth = self.write({"objid": [form.format(name) for name in table["objID"]],
                        "z": table["z"]}, "truth.csv")
    own = self.write({name: table[name] for name in ("objID", "r", "photoZ")})
    with self.assertRaisesRegex(ValueError, r"truth.csv: none of its ids \(objid: .*, ...\) is "
                                r"among those of .*catalog.fits \(objID: s0-0, ...\)"):
      self.run_on(own, truth=truth)

  @parameterized.parameters((1e20, "1e+15 or above"), (99999.0, "above 20"),
                            (9.96921e36, "1e+15 or above"), (2147483647.0, "above 20"))
  def test_numbers_far_above_all_redshifts_are_missing(self, number, reason):
    table = columns(num=200)
    table["z"][:50], table["photoZ"][60:70] = number, number
    _, metrics = self.run_on(self.write(table))
    self.assertEqual(metrics["missing"], {"z": {reason: 50}, "photoZ": {reason: 10}})


if __name__ == "__main__":
  tf.test.main()
