"""eval.catalog: any catalogue of photometric redshifts, measured and calibrated."""

import importlib.util
import json
import os
import shlex
from unittest import mock

from absl import flags
from absl.testing import parameterized
from astropy.table import Table
import h5py
import numpy as np
import tensorflow as tf

from eval import catalog as eval_catalog
from eval.catalogs import catalog_files
from eval.catalogs.catalog_request import CatalogRequest, define_flags, from_flags
from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.metrics.bootstrap import Bootstrap
from pzbias_tf.metrics.stage_metrics import summarize, to_json
from pzbias_tf.photoz_catalog import BY_MAGNITUDE
from pzbias_tf.predictions.parts.part_writer import write_part
from pzbias_tf.predictions.predictions import Estimates, Predictions
from pzbias_tf.predictions.predictions_file import PdfFormat
from pzbias_tf.survey import SDSS
from tests.eval.small_run import small_run
from tests.predictions.parts.small_parts import write_predictions

REAL_DATA = os.environ.get("PZBIAS_REAL_DATA", "")
HAS_PYARROW = importlib.util.find_spec("pyarrow") is not None
BOOTSTRAP = Bootstrap(number=5)
NUM = 3000


def columns(num=NUM, seed=0, bias=0.01):
  """A catalogue with a bias of the estimates, {name: column}."""
  rng = np.random.default_rng(seed)
  z_spec = 0.02 + 0.36 * rng.beta(2, 3, num)
  return {"objID": np.array([f"s{seed}-{i}" for i in range(num)]), "z": z_spec,
          "r": rng.uniform(15.0, 18.0, num), "photoZ": z_spec + bias + rng.normal(0, 0.01, num),
          "other": z_spec + rng.normal(0, 0.02, num)}


def what_is_in(expected, found):
  """The entries of nested dictionaries that others have, too."""
  if not isinstance(found, dict):
    return expected
  return {name: what_is_in(expected[name], value) for name, value in found.items()}


class CatalogCase(tf.test.TestCase, parameterized.TestCase):

  draws = False
  """Whether the report is written, which takes longer than everything else."""

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    if not self.draws:
      self.enter_context(mock.patch.object(catalog_files, "write_catalog_report", lambda *_: []))

  def path(self, name):
    return os.path.join(self.folder, name)

  def write(self, table, name="catalog.fits"):
    path = self.path(name)
    Table(table).write(path, overwrite=True,
                       format="ascii.csv" if ".csv" in name else None)
    return path

  def run_on(self, path, output="out", **settings):
    """(what is printed, metrics.json) of a request."""
    request = CatalogRequest(input=path, output=self.path(output),
                             **{"bootstrap": BOOTSTRAP, **settings})
    text = eval_catalog.evaluate(request)
    with open(os.path.join(request.output, "metrics.json"), encoding="utf-8") as file:
      return text, json.load(file)

  def estimates(self, table, name="catalog.fits", **settings):
    return self.run_on(self.write(table, name), **settings)[1]["estimates"]


class FormatsTest(CatalogCase):
  """The predictions of a run give the numbers of that run, whatever file they come in."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.hdf5 = os.path.join(small_run().stage("step3"), "predictions_test.hdf5")
    test = Predictions.load(cls.hdf5)
    cls.test = test.select(np.argsort(test.ancil["id"]))

  @parameterized.parameters("fits", "csv", "csv.gz", "parquet")
  def test_tables(self, suffix):
    if suffix == "parquet" and not HAS_PYARROW:
      self.skipTest("pyarrow is not installed")
    table = {name: self.test.ancil[name][::-1] for name in ("id", "redshift", "zmode", "r_mag")}
    expected = to_json(summarize(self.test, SDSS, BOOTSTRAP, z_photo=self.test.z_photo))
    found = self.estimates(table, f"catalog.{suffix}")["zmode"]
    self.assertNotIn("crps", found)
    self.assertEqual(found, json.loads(json.dumps(expected)))

  def test_qp(self):
    text, metrics = self.run_on(self.hdf5)
    self.assertEqual(metrics["columns"], {"id": "id", "z_spec": "redshift", "r": "r_mag",
                                          "weights": "", "z_photo": ["zmode"]})
    self.assertEqual(metrics["estimates"]["zmode"],
                     json.loads(json.dumps(to_json(summarize(self.test, SDSS, BOOTSTRAP)))))
    self.assertIn("CRPS", text)

  @parameterized.parameters("full", "quantiles", "none")
  def test_a_folder_of_parts(self, kind):
    folder, shard = self.path("photo_z"), self.path("shard.hdf5")
    os.makedirs(folder)
    for number, rows in enumerate((slice(0, 40), slice(40, None))):
      some = self.test.select(np.arange(len(self.test))[rows])
      write_predictions(shard, some, PdfFormat(kind=kind))
      write_part(shard, os.path.join(folder, f"{number}.parquet"), None)
    text, metrics = self.run_on(folder)
    expected = json.loads(json.dumps(to_json(summarize(self.test, SDSS, BOOTSTRAP))))
    found = metrics["estimates"]["zmode"]
    self.assertEqual("CRPS" in text, kind == "full")
    self.assertEqual("not a histogram, and not measured" in text, kind == "quantiles")
    self.assertEqual(found, what_is_in(expected, found))

  def test_qp_without_columns_takes_the_modes_and_a_table_of_truth(self):
    path = self.path("bare.hdf5")
    with h5py.File(self.hdf5) as full, h5py.File(path, "w") as bare:
      for group in ("meta", "data"):
        full.copy(group, bare)
      ids = full["ancil/id"][()].astype(str)
    order = np.argsort(self.test.ancil["id"])[np.searchsorted(self.test.ancil["id"], ids)]
    truth = self.write({"redshift": self.test.z_spec[order], "r_mag": self.test.r_mag[order]})
    _, metrics = self.run_on(path, truth=truth)
    direct = summarize(Predictions.load(self.hdf5), SDSS, BOOTSTRAP)
    self.assertEqual(metrics["estimates"]["zmode"], json.loads(json.dumps(to_json(direct))))

  def test_quantiles_are_not_measured(self):
    path = self.path("quantiles.hdf5")
    with h5py.File(self.hdf5) as full, h5py.File(path, "w") as file:
      full.copy("ancil", file)
      file["data/locs"] = np.zeros((len(self.test), 3))
    text, metrics = self.run_on(path)
    self.assertIn("p(z): not a histogram, and not measured", text)
    self.assertNotIn("crps", metrics["estimates"]["zmode"])

  def test_p_of_z_on_another_grid_is_refused(self):
    edges, path = np.linspace(0.0, 3.0, 31), self.path("wide.hdf5")
    Predictions.make(edges, np.full((5, 30), 1 / 30), redshift=np.full(5, 0.1),
                     r_mag=np.full(5, 16.0), id=np.arange(5).astype(str)).save(path)
    with self.assertRaisesRegex(ValueError, "wide.hdf5: p.z. has 30 bins from 0 to 3, .* .toml"):
      self.run_on(path)

  def test_fewer_bins_of_the_same_range_are_taken(self):
    coarse, path = SDSS.with_bins(20), self.path("coarse.hdf5")
    pdf = np.random.default_rng(0).dirichlet(np.ones(20), 50)
    made = Predictions.make(coarse.edges(), pdf, redshift=np.linspace(0.05, 0.3, 50),
                            r_mag=np.full(50, 16.0), id=np.char.zfill(np.arange(50).astype(str), 2))
    made.save(path)
    _, metrics = self.run_on(path)
    expected = summarize(Predictions.load(path), coarse, BOOTSTRAP)["crps"]
    self.assertEqual(metrics["estimates"]["zmode"]["crps"], expected)


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


class OriginTest(CatalogCase):

  @parameterized.parameters("fits", "csv", "csv.gz")
  def test_a_catalogue_without_a_mark_is_taken_to_be_real(self, suffix):
    text, metrics = self.run_on(self.write(columns(300), f"catalog.{suffix}"))
    self.assertEqual(metrics["origin"],
                     {"kind": "real", "source": f"catalogue catalog.{suffix}"})
    self.assertIn("galaxies: real galaxies", text)

  def test_a_marked_catalogue_is_simulated_and_so_is_what_is_made_of_it(self):
    table = Table(columns(300))
    table.meta["SIMULATE"] = "galaxies"
    path = self.write(table)
    _, metrics = self.run_on(path, fit_fraction=0.5, apply=True)
    self.assertEqual(metrics["origin"]["kind"], "simulated")
    _, again = self.run_on(self.path("out/calibrated.fits"), "again")
    self.assertEqual(again["origin"]["kind"], "simulated")

  def test_the_catalogue_of_a_simulated_folder(self):
    with open(self.path("simulation.json"), "w", encoding="utf-8") as file:
      file.write('{"num": 300}')
    text, metrics = self.run_on(self.write(columns(300), "catalog.csv"))
    self.assertEqual(metrics["origin"]["kind"], "simulated")
    self.assertIn("galaxies: simulated galaxies", text)

  @parameterized.parameters(
      {}, {"fit_fraction": 0.5, "apply": True}, {"z_photo": ("photoZ", "other")},
      {"missing": (0.0,), "columns": {"r": "none"}, "bootstrap": Bootstrap(number=7, seed=3)},
      {"fit_fraction": 0.5, "calibration_cells": "smoothed", "width": 3.0, "resample": "yes"})
  def test_the_command_asks_for_the_same(self, **settings):
    request = CatalogRequest(input="a.csv", output="b", **settings)
    values = flags.FlagValues()
    define_flags(values)
    words = shlex.split(request.command)
    self.assertEqual(words[:3], ["python", "-m", "eval.catalog"])
    values(words[2:])
    self.assertEqual(from_flags(values), request)


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


class EarlierFilesTest(CatalogCase):
  """An output folder holds the files of one command alone."""

  def left(self, output="out"):
    return sorted(name for name in os.listdir(self.path(output)) if name[0] != ".")

  def test_step_4_of_an_earlier_command_does_not_stay_beside_new_metrics(self):
    path = self.write(columns())
    self.run_on(path, z_photo=("photoZ", "other"), fit_fraction=0.5, apply=True)
    self.assertEqual(self.left(), ["calibrated.fits", "calibration_other.json",
                                   "calibration_photoZ.json", "metrics.json"])
    text, _ = self.run_on(path, fit_fraction=0.5)
    self.assertEqual(self.left(), ["calibration.json", "metrics.json"])
    for name in ("calibrated.fits", "calibration_other.json", "calibration_photoZ.json"):
      self.assertIn(f"removed {self.path(f'out/{name}')}, of an earlier command", text)
    text, _ = self.run_on(path)
    self.assertEqual(self.left(), ["metrics.json"])
    self.assertIn(f"removed {self.path('out/calibration.json')}", text)
    self.assertNotIn("removed", self.run_on(path)[0])

  def test_files_that_are_read_and_those_of_others_stay(self):
    path = self.write(columns())
    self.run_on(path, fit_fraction=0.5, apply=True)
    for name in ("notes.txt", "calibration_notes.json"):
      with open(self.path(f"out/{name}"), "w", encoding="utf-8") as file:
        file.write("{}")
    new = self.write(columns(seed=1), "new.fits")
    step4 = self.path("out/calibration.json")
    self.run_on(new, calibration=step4)
    self.assertEqual(self.left(), ["calibration.json", "calibration_notes.json", "metrics.json",
                                   "notes.txt"])
    self.run_on(new, calibration=step4, apply=True)
    self.run_on(self.path("out/calibrated.fits"))
    self.assertIn("calibrated.fits", self.left())
    with self.assertRaisesRegex(ValueError, "calibrated.fits would be written over.*--output"):
      self.run_on(self.path("out/calibrated.fits"), fit_fraction=0.5, apply=True)
    with self.assertRaisesRegex(ValueError, "calibrated.fits would be written over.*--output"):
      self.run_on(path, fit=self.path("out/calibrated.fits"), apply=True)

  def test_a_step_4_that_is_read_is_not_written_over(self):
    table = columns()
    path = self.write({**table, "photoZ2": table["photoZ"]})
    self.run_on(path, fit_fraction=0.5)
    _, metrics = self.run_on(self.write(columns(seed=1), "new.fits"),
                             calibration=self.path("out/calibration.json"))
    self.assertIn("calibration.json", metrics["step4"]["fitted_on"])


class ReportTest(CatalogCase):

  draws = True

  def test_figures_of_an_earlier_command_do_not_stay(self):
    path = self.write(columns())
    self.run_on(path, z_photo=("photoZ", "other"), fit_fraction=0.5)
    with open(self.path("out/report/mine.png"), "wb"):
      pass
    self.run_on(path, columns={"r": "none"})
    self.assertEqual(self.pictures(), ["calibration", "density", "estimates", "mine"])
    new = {name: column for name, column in columns(seed=1).items() if name != "z"}
    self.run_on(path, fit_fraction=0.5)
    step4 = self.path("step4.json")
    os.replace(self.path("out/calibration.json"), step4)
    self.run_on(self.write(new, "new.fits"), apply=True, calibration=step4)
    self.assertEqual(os.listdir(self.path("out/report")), ["mine.png"])

  def page(self):
    with open(self.path("out/report/index.html"), encoding="utf-8") as file:
      return file.read()

  def pictures(self):
    return sorted(name[:-4] for name in os.listdir(self.path("out/report")) if ".png" in name)

  def test_estimates_and_their_step_4(self):
    table = columns()
    text, _ = self.run_on(self.write(table), z_photo=("photoZ", "other"), fit_fraction=0.5)
    self.assertEqual(self.pictures(), [
        "calibration_1", "calibration_2", "density", "estimates", "residual_map_1",
        "residual_map_2"])
    self.assertIn("(c) Scatter", self.page())
    self.assertIn("photoZ, Step 4", self.page())
    self.assertIn("Left out", self.page())
    for name in ("table.md", "index.html"):
      self.assertIn(f"wrote {self.path(f'out/report/{name}')}", text)

  def test_without_magnitudes_and_without_corrections(self):
    table = columns(bias=0.0)
    table.pop("r")
    table["photoZ"], table["z"] = table["z"], table["photoZ"]
    self.run_on(self.write(table), fit_fraction=0.5)
    self.assertEqual(self.pictures(), ["calibration", "density", "estimates"])
    self.assertNotIn("Scatter sigma", self.page())
    self.assertIn("nothing to correct", self.page())
    self.assertNotIn("CRPS", self.page())

  def test_p_of_z(self):
    pdf = np.random.default_rng(0).dirichlet(np.ones(20), 200)
    Predictions.make(SDSS.with_bins(20).edges(), pdf, redshift=np.linspace(0.05, 0.3, 200),
                     r_mag=np.full(200, 16.0)).save(self.path("own.hdf5"))
    self.run_on(self.path("own.hdf5"))
    self.assertIn("pdfs", self.pictures())
    self.assertIn("CRPS", self.page())


class MistakesTest(CatalogCase):

  def check(self, message, table, name="catalog.fits", **settings):
    with self.assertRaisesRegex(ValueError, message):
      self.run_on(self.write(table, name), **settings)

  def test_ids(self):
    table = columns(num=20)
    table["objID"][3] = table["objID"][4]
    self.check("catalog.fits: column 'objID' holds the id 's0-4' twice.*--id_column", table)
    self.assertLen(self.estimates(table, columns={"id": "none"}), 1)

  def test_values_that_are_no_numbers(self):
    table = columns(num=20)
    table["photoZ"] = np.array(["0.1"] * 19 + ["bad"])
    self.check("catalog.fits: column 'photoZ' does not hold numbers", table)

  @parameterized.parameters(("z", 299792.458), ("photoZ", 299792.458), ("z", 1e4), ("photoZ", 1e3))
  def test_velocities_and_the_like_are_no_redshifts(self, name, factor):
    table = columns(num=200)
    table[name] = table[name] * factor
    self.check(f"catalog.fits: column '{name}': .* are above 20, so no redshifts, .*km/s", table,
               columns={"z_spec": "z"})

  @parameterized.parameters("fits", "ecsv", "vot", "parquet")
  def test_velocities_are_told_by_the_unit_in_the_header(self, suffix):
    if suffix == "parquet" and not HAS_PYARROW:
      self.skipTest("pyarrow is not installed")
    table = Table(columns(num=50))
    table["z"] = table["z"] * 299792.458
    table["z"].unit = "km/s"
    path = self.path(f"catalog.{suffix}")
    table.write(path, format={"vot": "votable"}.get(suffix))
    with self.assertRaisesRegex(ValueError, "column 'z' has the unit 'km ?/? ?s.*', so it holds no "
                                "redshifts"):
      self.run_on(path)

  def test_no_galaxies_left(self):
    table = columns(num=20)
    table["photoZ"][:] = -99.0
    self.check(r"catalog.fits: no galaxy is left, .*photoZ -99 \(20\)", table)

  def test_columns_of_different_lengths(self):
    path = self.path("damaged.hdf5")
    with h5py.File(path, "w") as file:
      for name, column in columns(num=20).items():
        file[f"ancil/{name}"] = column.astype("S") if column.dtype.kind == "U" else column
      del file["ancil/r"]
      file["ancil/r"] = np.full(19, 16.0)
    with self.assertRaisesRegex(ValueError, "damaged.hdf5: columns of different lengths.*'r': 19"):
      self.run_on(path)

  def test_columns_that_are_not_there(self):
    table = columns(num=20)
    self.check("no column 'zp', named by --z_photo_column", table, z_photo=("zp",))
    self.check("no column 'w', named by --weights_column", table, columns={"weights": "w"})
    table.pop("photoZ")
    self.check("no column of estimates.*Name it with --z_photo_column", table)
    table = columns(num=20)
    table.pop("z")
    self.check("no column of redshifts to measure with.*--truth", table)

  def test_files(self):
    with self.assertRaisesRegex(ValueError, "catalog.xlsx: not a known kind of file"):
      self.run_on(self.path("catalog.xlsx"))
    for name in ("none.fits", "none.hdf5"):
      with self.assertRaisesRegex((ValueError, OSError), name):
        self.run_on(self.path(name))
    with open(self.path("text.hdf5"), "w", encoding="utf-8") as file:
      file.write("z_photo\n0.1\n")
    with self.assertRaisesRegex(OSError, "text.hdf5: "):
      self.run_on(self.path("text.hdf5"))

  def test_a_folder_of_others_keeps_its_files(self):
    path = self.write(columns(num=20))
    with self.assertRaisesRegex(FileExistsError, "catalog.fits for one.*name another --output"):
      self.run_on(path, output=".")
    self.assertEqual(os.listdir(self.path(".")), ["catalog.fits"])

  @parameterized.parameters(
      (dict(output=""), "--output is missing"),
      (dict(fit_fraction=0.5, fit="a.fits"), "--fit_fraction and --fit each"),
      (dict(apply=True), "--apply needs a Step 4"),
      (dict(fit_fraction=1.0), "leaves no galaxy to measure"),
      (dict(z_photo=tuple("abcdef")), "compare at most 5"))
  def test_requests_that_contradict_themselves(self, settings, message):
    with self.assertRaisesRegex(ValueError, message):
      CatalogRequest(**{"input": "a.fits", "output": "out", **settings})

  def test_the_command_line(self):
    values = flags.FlagValues()
    define_flags(values)
    values(["catalog", "--input=a.csv", "--output=b", "--z_photo_column=x,y", "--missing=0,-5",
            "--r_column=none", "--fit_fraction=0.3", "--smooth_calibration=1", "--seed=4"])
    self.assertEqual(from_flags(values), CatalogRequest(
        input="a.csv", output="b", z_photo=("x", "y"), missing=(0.0, -5.0), columns={"r": "none"},
        fit_fraction=0.3, calibration_cells="smoothed", width=1.0, bootstrap=Bootstrap(seed=4)))
    values.missing = ["none"]
    with self.assertRaisesRegex(ValueError, "--missing=none: could not convert"):
      from_flags(values)


class RealCatalogsTest(CatalogCase):

  def setUp(self):
    super().setUp()
    if not REAL_DATA:
      self.skipTest("PZBIAS_REAL_DATA names no folder of real galaxies")

  def run_on_real(self, name, **settings):
    return self.run_on(os.path.join(REAL_DATA, "catalogs", name),
                       bootstrap=Bootstrap(number=50), **settings)[1]

  def test_estimates_of_an_image_network(self):
    metrics = self.run_on_real("sdss_capsule_photoz.csv.gz", z_photo=("z_phot", "z_phot_v1"))
    found = metrics["estimates"]["z_phot"]
    self.assertEqual((metrics["galaxies"], metrics["columns"]["id"]), (51652, "specObjID"))
    self.assertAllClose(found["sigma_mad"], 0.0090, atol=5e-5)
    self.assertAllClose(found["outlier_fraction"], 0.0019, atol=5e-5)
    self.assertAllClose(found["total_variation"]["mean"], 0.047, atol=1e-3)
    self.assertBetween(found["total_variation"]["error"], 1e-3, 3e-3)
    self.assertGreater(metrics["estimates"]["z_phot_v1"]["sigma_mad"], found["sigma_mad"])

  def test_missing_estimates_of_a_survey(self):
    metrics = self.run_on_real("sdss_specphoto.csv.gz")
    self.assertEqual(metrics["columns"]["r"], "dered_r")
    self.assertEqual(metrics["missing"], {"photoZ": {"-9999": 690, "NaN": 11961}})
    self.assertEqual(metrics["galaxies"], 60142 - 690 - 11961)
    self.assertAllClose(metrics["estimates"]["photoZ"]["sigma_mad"], 0.0182, atol=2e-4)


if __name__ == "__main__":
  tf.test.main()
