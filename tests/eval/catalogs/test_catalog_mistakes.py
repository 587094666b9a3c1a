"""eval.catalog: input and flags that are refused, with the reason."""

import importlib.util
import os

from absl import flags
from absl.testing import parameterized
from astropy.table import Table
import h5py
import numpy as np
import tensorflow as tf

from eval.catalogs.catalog_request import CatalogRequest, define_flags, from_flags
from pzbias_tf.metrics.bootstrap import Bootstrap
from tests.eval.catalogs.catalog_case import CatalogCase, columns

HAS_PYARROW = importlib.util.find_spec("pyarrow") is not None


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


if __name__ == "__main__":
  tf.test.main()
