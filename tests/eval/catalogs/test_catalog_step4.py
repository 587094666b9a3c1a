"""eval.catalog: Step 4 of a catalogue, and whether it was fitted on the same galaxies."""

import json

from absl.testing import parameterized
from astropy.table import Table
import numpy as np
import tensorflow as tf

from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.metrics.bootstrap import Bootstrap
from pzbias_tf.survey import SDSS
from tests.eval.catalogs.catalog_case import NUM, CatalogCase, columns


class Step4Test(CatalogCase):

  def calibrated(self, output="out"):
    return Table.read(self.path(f"{output}/calibrated.fits"))

  def test_the_other_half_tells_what_step_4_does(self):
    text, metrics = self.run_on(self.write(columns()), fit_fraction=0.5, apply=True)
    table = self.calibrated()
    self.assertBetween(table["in_fit"].sum(), 0.45 * NUM, 0.55 * NUM)
    tested = table[~table["in_fit"]]
    dz = lambda z: (z - tested["z"]) / (1 + tested["z"])
    for title, z in (("photoZ", "photoZ"), ("photoZ, Step 4", "photoZ_calibrated")):
      self.assertAllClose(metrics["estimates"][title]["mean_residual"], np.mean(dz(tested[z])))
    change = metrics["step4"]["residual_by_galaxies"]["photoZ"]
    self.assertLess(change["after"], 0.3 * change["before"])
    self.assertLess(change["change"]["mean"], -5 * change["change"]["error"])
    self.assertIn(f"photoZ: {change['before']:.5f} before", text)

  def test_another_seed_takes_other_galaxies(self):
    path, halves = self.write(columns()), []
    for seed in (0, 0, 1):
      self.run_on(path, fit_fraction=0.5, apply=True, bootstrap=Bootstrap(number=2, seed=seed))
      halves.append(np.array(self.calibrated()["in_fit"]))
    self.assertAllEqual(halves[0], halves[1])
    self.assertBetween(np.mean(halves[0] == halves[2]), 0.4, 0.6)

  def test_all_columns_are_kept(self):
    table = columns()
    table["photoZ"][7] = -99.0
    table["z"][8] = np.nan
    self.run_on(self.write(table), fit_fraction=0.5, apply=True)
    found = self.calibrated()
    for name, column in table.items():
      self.assertAllEqual(np.ma.filled(found[name], 0), np.nan_to_num(column) if column.dtype.kind
                          == "f" else column)
    calibrated = np.ma.filled(found["photoZ_calibrated"], np.nan)
    self.assertAllEqual(np.flatnonzero(np.isnan(calibrated)), [7])
    step4 = Calibration.load(self.path("out/calibration.json"), SDSS)
    keep = np.arange(NUM) != 7
    self.assertAllEqual(calibrated[keep],
                        step4.apply(table["photoZ"][keep], table["r"][keep]))

  def test_a_step_4_of_before_needs_no_redshifts(self):
    self.run_on(self.write(columns()), fit_fraction=0.5)
    new = {name: column for name, column in columns(seed=1).items() if name != "z"}
    text, metrics = self.run_on(self.write(new, "new.fits"), output="new", apply=True,
                                calibration=self.path("out/calibration.json"))
    self.assertEqual(metrics["estimates"], {})
    self.assertNotIn("sigma_MAD", text)
    step4 = Calibration.load(self.path("out/calibration.json"), SDSS)
    self.assertAllEqual(self.calibrated("new")["photoZ_calibrated"],
                        step4.apply(new["photoZ"], new["r"]))
    new.pop("r")
    with self.assertRaisesRegex(ValueError, "different grid.*without r magnitudes, .*--r_column"):
      self.run_on(self.write(new, "new.fits"), output="new", apply=True,
                  calibration=self.path("out/calibration.json"))

  def test_another_sample_to_fit_on(self):
    other = self.write(columns(num=6000, seed=2), "other.csv")
    _, metrics = self.run_on(self.write(columns()), fit=other)
    change = metrics["step4"]["residual_by_galaxies"]["photoZ"]
    self.assertLess(change["after"], 0.3 * change["before"])
    self.assertEqual(metrics["estimates"]["photoZ"]["galaxies"], NUM)
    with open(self.path("out/calibration.json"), encoding="utf-8") as file:
      self.assertEqual(json.load(file)["provenance"]["resampled"], "yes")
    with self.assertRaisesRegex(ValueError, "again.fits and .*catalog.fits share 3000 galaxies"):
      self.run_on(self.path("catalog.fits"), fit=self.write(columns(), "again.fits"))

  @parameterized.parameters("plain", "smoothed", "shrunk")
  def test_kinds_of_cells(self, kind):
    self.run_on(self.write(columns()), fit_fraction=0.5, calibration_cells=kind)
    with open(self.path("out/calibration.json"), encoding="utf-8") as file:
      self.assertEqual(json.load(file)["provenance"]["cells"], kind)

  def test_nothing_to_correct(self):
    table = columns(bias=0.0)
    noise = np.random.default_rng(4).normal(0, 0.01, NUM)
    table["photoZ"], table["z"] = table["z"], table["z"] + noise  # no bias at any z_photo
    text, metrics = self.run_on(self.write(table), fit_fraction=0.5, apply=True)
    self.assertIn("nothing to correct, no cell has a significant correction", text)
    self.assertEqual(metrics["step4"]["significant_cells"], {"photoZ": 0})
    self.assertAllEqual(self.calibrated()["photoZ_calibrated"], table["photoZ"])


class FittedGalaxiesTest(CatalogCase):
  """A Step 4 of before that is measured on the galaxies that it was fitted on is told."""

  def share(self, path, **settings):
    text, metrics = self.run_on(path, "new", **{"calibration": self.path("out/calibration.json"),
                                                **settings})
    share = metrics["step4"]["share_fitted_on"]
    self.assertEqual("not held out: " in text, bool(share))
    return share, text

  def test_the_catalogue_that_it_was_fitted_on(self):
    path = self.write(columns())
    self.run_on(path, fit_fraction=0.5)
    share, text = self.share(path)
    self.assertBetween(share, 0.4, 0.6)
    self.assertRegex(text, "not held out: about [45]..? of the measured galaxies are among those "
                     "that Step 4 was fitted on.*measure others")

  @parameterized.parameters("csv", "fits")
  def test_the_same_galaxies_in_another_file(self, suffix):
    table = columns()
    self.run_on(self.write(table, "first.csv"), fit_fraction=0.5)
    turned = {name: own[::-1] for name, own in table.items()}
    self.assertGreater(self.share(self.write(turned, f"turned.{suffix}"))[0], 0.4)
    single = {name: own.astype(np.float32) if own.dtype.kind == "f" else own
              for name, own in turned.items() if name != "objID"}
    self.assertGreater(self.share(self.write(single, f"single.{suffix}"))[0], 0.4)
    self.assertGreater(self.share(self.write(turned), z_photo=("other",))[0], 0.4)

  def test_a_fit_to_another_estimate(self):
    self.run_on(self.write(columns()), fit_fraction=0.5)
    new, step4 = self.write(columns(seed=1), "new.fits"), self.path("out/calibration.json")
    self.assertIn("other estimate: Step 4 was fitted to photoZ, and is applied to other: mind",
                  self.run_on(new, "new", calibration=step4, z_photo=("other",))[0])
    self.assertNotIn("other estimate", self.run_on(new, "new", calibration=step4)[0])

  def test_a_fit_to_another_table(self):
    other, own = self.write(columns(num=6000, seed=2), "other.csv"), self.write(columns())
    self.run_on(own, fit=other)
    self.assertEqual(self.share(own)[0], 0.0)
    self.assertGreater(self.share(other)[0], 0.95)

  def test_other_galaxies(self):
    table = columns()
    self.run_on(self.write(table), fit_fraction=0.5, apply=True)
    rest = ~np.array(Table.read(self.path("out/calibrated.fits"))["in_fit"])
    self.assertEqual(self.share(self.write({name: own[rest] for name, own in table.items()},
                                           "rest.fits"))[0], 0.0)
    new = columns(seed=1)
    new["objID"] = np.arange(NUM)
    self.assertEqual(self.share(self.write(new, "new.fits"))[0], 0.0)

  def test_numbers_of_rows_are_no_ids(self):
    table, new = columns(), columns(seed=1)
    table["objID"], new["objID"] = np.arange(NUM), np.arange(NUM)
    self.run_on(self.write(table), fit_fraction=0.5)
    self.assertEqual(self.share(self.write(new, "new.fits"))[0], 0.0)

  def test_a_file_of_an_earlier_version(self):
    path = self.write(columns())
    self.run_on(path, fit_fraction=0.5)
    step4 = self.path("out/calibration.json")
    with open(step4, encoding="utf-8") as file:
      content = json.load(file)
    del content["provenance"]["galaxies"], content["sha256"]
    with open(step4, "w", encoding="utf-8") as file:
      json.dump(content, file)
    text, metrics = self.run_on(path, "new", calibration=step4)
    self.assertIsNone(metrics["step4"]["share_fitted_on"])
    self.assertIn("not held out: perhaps; calibration.json does not tell its galaxies", text)


if __name__ == "__main__":
  tf.test.main()
