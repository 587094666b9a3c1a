"""eval.catalog: any catalogue of photometric redshifts, measured; real or simulated."""

import importlib.util
import json
import os
import shlex

from absl import flags
from absl.testing import parameterized
from astropy.table import Table
import h5py
import numpy as np
import tensorflow as tf

from eval.catalogs.catalog_request import CatalogRequest, define_flags, from_flags
from pzbias_tf.metrics.bootstrap import Bootstrap
from pzbias_tf.metrics.stage_metrics import summarize, to_json
from pzbias_tf.predictions.parts.part_writer import write_part
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.predictions.predictions_file import PdfFormat
from pzbias_tf.survey import SDSS
from tests.eval.catalogs.catalog_case import BOOTSTRAP, CatalogCase, columns
from tests.eval.small_run import small_run
from tests.predictions.parts.small_parts import write_predictions

REAL_DATA = os.environ.get("PZBIAS_REAL_DATA", "")
HAS_PYARROW = importlib.util.find_spec("pyarrow") is not None


def what_is_in(expected, found):
  """The entries of nested dictionaries that others have, too."""
  if not isinstance(found, dict):
    return expected
  return {name: what_is_in(expected[name], value) for name, value in found.items()}


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
