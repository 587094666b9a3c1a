"""The columns of a catalogue in calibrated.fits: each digit, unit and description is kept."""

import importlib.util
import os
from unittest import mock

from absl.testing import parameterized
from astropy.io import fits
from astropy.table import MaskedColumn, Table
import h5py
import numpy as np
import tensorflow as tf

from eval import catalog as eval_catalog
from eval.catalogs import catalog_files
from eval.catalogs.catalog_request import CatalogRequest
from pzbias_tf.metrics.bootstrap import Bootstrap

HAS_PYARROW = importlib.util.find_spec("pyarrow") is not None
NUM = 40
BIG = 1237648720693755904 + 3 * np.arange(NUM, dtype=np.int64) + 1
SUFFIXES = ("fits", "csv", "ecsv", "vot", "parquet", "hdf5")


def columns():
  rng = np.random.default_rng(0)
  z = rng.uniform(0.05, 0.3, NUM)
  return {"z": z, "r": rng.uniform(15, 18, NUM), "photoZ": z + rng.normal(0, 0.01, NUM)}


class CalibratedColumnsTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.enter_context(mock.patch.object(catalog_files, "write_catalog_report", lambda *_: []))

  def path(self, name):
    return os.path.join(self.folder, name)

  def write(self, table, suffix, name="catalog"):
    path = self.path(f"{name}.{suffix}")
    if suffix == "parquet" and not HAS_PYARROW:
      self.skipTest("pyarrow is not installed")
    if suffix == "hdf5":
      with h5py.File(path, "w") as file:
        for column in table.colnames:
          values = np.asarray(table[column])
          file[f"ancil/{column}"] = values.astype("S") if values.dtype.kind == "U" else values
    else:
      table.write(path, format={"csv": "ascii.csv", "vot": "votable"}.get(suffix))
    return path

  def calibrated(self, table, suffix, **settings):
    eval_catalog.evaluate(CatalogRequest(
        input=self.write(Table(table), suffix), output=self.path("out"), fit_fraction=0.5,
        apply=True, bootstrap=Bootstrap(number=2), **settings))
    return Table.read(self.path("out/calibrated.fits"))

  def description(self, name):
    header = fits.getheader(self.path("out/calibrated.fits"), 1)
    return next(header.get(f"TCOMM{number}") for number in range(1, header["TFIELDS"] + 1)
                if header[f"TTYPE{number}"] == name)

  @parameterized.parameters(*SUFFIXES)
  def test_ids_keep_their_digits(self, suffix):
    for ids in (BIG, np.char.zfill(np.arange(NUM).astype(str), 18)):
      found = self.calibrated({"objID": ids, **columns()}, suffix)["objID"]
      self.assertAllEqual(found.astype(str), ids.astype(str))
      os.remove(self.path(f"catalog.{suffix}"))

  @parameterized.parameters("fits", "csv", "parquet", "hdf5")
  def test_ids_beyond_63_bits(self, suffix):
    ids = BIG.astype(np.uint64) * np.uint64(10)
    found = self.calibrated({"objID": ids, **columns()}, suffix)["objID"]
    self.assertAllEqual(found.astype(str), ids.astype(str))

  @parameterized.parameters("fits", "csv", "ecsv", "vot", "parquet")
  def test_whole_numbers_of_which_some_are_missing(self, suffix):
    mask = np.arange(NUM) < 3
    found = self.calibrated({"objID": np.arange(NUM), "spec": MaskedColumn(BIG, mask=mask),
                             "id2": MaskedColumn(BIG // 10**10, mask=mask), **columns()}, suffix)
    self.assertAllEqual(found["spec"].mask, mask)
    self.assertAllEqual(found["spec"][~mask].astype(str), BIG[~mask].astype(str))
    self.assertEqual(found["id2"].dtype.kind, "i")

  def test_ids_of_which_some_are_missing(self):
    mask = np.arange(NUM) < 3
    found = self.calibrated({"objID": MaskedColumn(BIG, mask=mask), **columns()}, "fits")
    self.assertAllEqual(found["objID"].mask, mask)
    self.assertAllEqual(found["objID"][~mask].astype(str), BIG[~mask].astype(str))

  def test_numbers_with_points_stay_numbers(self):
    table = {"objID": np.array([f"0{n}" for n in range(NUM)]), "note": np.array(["007"] * NUM),
             **columns()}
    found = self.calibrated(table, "csv")
    self.assertEqual((found["z"].dtype.kind, found["note"].dtype.kind), ("f", "S"))
    self.assertAllEqual(found["z"], table["z"])
    self.assertAllEqual(found["note"].astype(str), table["note"])

  @parameterized.parameters(0, 3)
  def test_columns_of_a_table_of_truth(self, absent):
    own = columns()
    truth = {"objID": BIG[absent:], "z": own["z"][absent:], "specObjID": BIG[absent:] + 7,
             "plate": np.char.zfill((BIG[absent:] % 97).astype(str), 4)}
    own.pop("z")
    for suffix in ("fits", "csv"):
      path = self.write(Table(truth), suffix, "truth")
      found = self.calibrated({"objID": BIG, **own}, suffix, truth=path)
      for name in ("specObjID", "plate"):
        self.assertAllEqual(found[name][absent:].astype(str), truth[name].astype(str))
      self.assertAllEqual(np.ma.getmaskarray(np.ma.asarray(found["specObjID"]))[:absent],
                          np.ones(absent, bool))

  @parameterized.parameters("fits", "ecsv", "vot", "parquet")
  def test_units_and_descriptions_are_kept(self, suffix):
    table = Table({"objID": BIG, "ra": np.linspace(0, 1, NUM), **columns()})
    table["ra"].unit, table["r"].unit = "deg", "mag"
    table["ra"].description = "right ascension"
    found = self.calibrated(table, suffix)
    self.assertEqual((str(found["ra"].unit), str(found["r"].unit)), ("deg", "mag"))
    self.assertIsNone(found["photoZ"].unit)
    self.assertEqual(self.description("ra"), "right ascension")
    self.assertIn("Step 4", self.description("photoZ_calibrated"))

  def test_units_that_fits_does_not_know(self):
    table = Table({"objID": BIG, **columns()})
    table["r"].unit = "mag(AB)"
    table["r"].description = "r in \u00c5ngstrom, " + 80 * "long "
    found = self.calibrated(table, "ecsv")
    self.assertEqual(str(found["r"].unit), "mag(AB)")
    self.assertIn("Angstrom, long", self.description("r"))

  def test_units_of_a_table_of_truth(self):
    own, truth = columns(), Table({"objID": BIG, "dist": np.arange(NUM, dtype=float)})
    truth["dist"].unit = "Mpc"
    path = self.write(truth, "fits", "truth")
    found = self.calibrated({"objID": BIG, **own}, "csv", truth=path)
    self.assertEqual(str(found["dist"].unit), "Mpc")


if __name__ == "__main__":
  tf.test.main()
