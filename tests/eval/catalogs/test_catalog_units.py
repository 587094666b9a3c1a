"""eval.catalog looks at units in all kinds of files, HDF5 and parts of Parquet among them."""

import importlib.util
import os
import unittest
from unittest import mock

from absl.testing import parameterized
from astropy.table import Table
import h5py
import numpy as np
import tensorflow as tf

from eval import catalog as eval_catalog
from eval.catalogs import catalog_files
from eval.catalogs.catalog_request import CatalogRequest
from eval.catalogs.catalog_source import read_source
from pzbias_tf.metrics.bootstrap import Bootstrap

HAS_PYARROW = importlib.util.find_spec("pyarrow") is not None
NUM = 40
WRONG = (("z", "km/s", "redshifts"), ("photoZ", "km s-1", "redshifts"), ("r", "nJy", "magnitudes"))


class UnitsTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.enter_context(mock.patch.object(catalog_files, "write_catalog_report", lambda *_: []))
    rng = np.random.default_rng(0)
    z = rng.uniform(0.05, 0.3, NUM)
    self.table = Table({"objID": 1237648720693755904 + 3 * np.arange(NUM) + 1, "z": z,
                        "r": rng.uniform(15, 18, NUM), "photoZ": z + rng.normal(0, 0.01, NUM)})

  def path(self, name):
    return os.path.join(self.folder, name)

  def evaluate(self, path, **settings):
    return eval_catalog.evaluate(CatalogRequest(
        input=path, output=self.path("out"), bootstrap=Bootstrap(number=2), **settings))

  def write_qp(self, noted, group="ancil"):
    with h5py.File(self.path("catalog.hdf5"), "w") as file:
      for name in self.table.colnames:
        file[f"{group}/{name}"] = np.asarray(self.table[name])
        if name in noted:
          file[f"{group}/{name}"].attrs["units"] = noted[name]
    return self.path("catalog.hdf5")

  def write_parts(self, noted):
    if not HAS_PYARROW:
      self.skipTest("pyarrow is not installed")
    for name, unit in noted.items():
      self.table[name].unit = unit
    os.makedirs(self.path("parts"))
    for number, rows in enumerate((slice(0, 15), slice(15, NUM))):
      self.table[rows].write(self.path(f"parts/{number}.parquet"))
    return self.path("parts")

  @parameterized.parameters(*((*wrong, kind) for wrong in WRONG for kind in ("qp", "parts")))
  def test_units_of_something_else(self, name, unit, what, kind):
    path = (self.write_qp if kind == "qp" else self.write_parts)({name: unit})
    with self.assertRaisesRegex(ValueError, f"column '{name}' has the unit .*holds no {what}"):
      self.evaluate(path)

  def test_units_of_qp_are_kept(self):
    self.evaluate(self.write_qp({"r": "mag"}), fit_fraction=0.5, apply=True)
    self.assertEqual(str(Table.read(self.path("out/calibrated.fits"))["r"].unit), "mag")

  @unittest.skipUnless(HAS_PYARROW, "needs the extra parquet")
  def test_missing_ids_and_numbers_of_parts(self):
    import pyarrow as pa
    from pyarrow import parquet
    mask = np.arange(NUM) == 20
    os.makedirs(self.path("parts"))
    whole = pa.table({name: pa.array(np.asarray(self.table[name]), mask=mask & (
        name in ("objID", "photoZ"))) for name in self.table.colnames})
    for number, start in enumerate((0, 15)):
      parquet.write_table(whole[start:start + 15 + 10 * number],
                          self.path(f"parts/{number}.parquet"))
    source = read_source(self.path("parts"), {}, ())
    self.assertAllEqual(source.columns.texts["objID"], np.where(
        mask, "", np.asarray(self.table["objID"]).astype(str)))
    self.assertAllEqual(np.isnan(source.columns["photoZ"]), mask)

  def test_ids_of_the_name_that_both_tables_have(self):
    ids, num = np.asarray(self.table["objID"]), np.arange(NUM)
    own = self.table[["photoZ", "r"]]
    own["objID"], own["specObjID"] = num, ids
    own.write(self.path("own.fits"))
    truth = Table({"specObjID": ids[::-1], "z": np.asarray(self.table["z"])[::-1],
                   "id": num + NUM})
    truth.write(self.path("truth.fits"))
    source = read_source(self.path("own.fits"), {}, (), self.path("truth.fits"))
    self.assertAllEqual(source.columns["z"], self.table["z"])
    truth["id"] = num  # of another kind than objID
    truth.write(self.path("truth.fits"), overwrite=True)
    source = read_source(self.path("own.fits"), {}, (), self.path("truth.fits"))
    self.assertAllEqual(source.columns["z"], self.table["z"])

  @parameterized.parameters((0, NUM, "own"), (NUM, 0, "truth"), (0, 0, "own"))
  def test_tables_without_rows(self, num_own, num_truth, name):
    own, truth = self.table[["objID", "photoZ"]][:num_own], self.table[["objID", "z"]][:num_truth]
    own.write(self.path("own.fits"))
    truth.write(self.path("truth.fits"))
    with self.assertRaisesRegex(ValueError, f"{name}.fits: no rows; name a file with galaxies"):
      read_source(self.path("own.fits"), {}, (), self.path("truth.fits"))

  def test_hdf5_of_another_kind(self):
    path = self.write_qp({}, group="photometry")
    with self.assertRaisesRegex(ValueError, r"catalog.hdf5: neither columns \(ancil\) nor p\(z\) "
                                "of qp, but photometry; save the columns as FITS, CSV or Parq"):
      self.evaluate(path)


if __name__ == "__main__":
  tf.test.main()
