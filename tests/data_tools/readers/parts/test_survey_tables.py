"""Tables as surveys publish them, in all kinds of files: nothing is refused, no number changes."""

import importlib.util
import unittest
import warnings

from absl.testing import parameterized
from astropy.io import fits
from astropy.table import Column, Table
import h5py
import numpy as np
import tensorflow as tf

from data_tools.readers.hdf5_files import hdf5_columns
from data_tools.readers.parts import table_files
from data_tools.readers.parts.columns import build_catalog
from data_tools.readers.parts.cutout_source import ReaderOptions
from pzbias_tf import table_columns
from tests.data_tools import sample_formats

HAS_PYARROW = importlib.util.find_spec("pyarrow") is not None
NUM = 12
ROWS = np.arange(NUM)
BIG = 1237648720693755918 + 7 * ROWS
Z, R = np.linspace(0.02, 0.5, NUM), np.linspace(21.0, 15.0, NUM)
FLUX = 10 ** (0.4 * (22.5 - R))

SURVEYS = {  # {role: column}, and {column: (values, unit)}
    "SDSS": (
        {"id": "objID", "z": "z", "r": "cModelMag_r", "r_err": "cModelMagErr_r", "ebv": "EBV"},
        {"objID": (BIG, ""), "z": (Z, ""), "cModelMag_r": (R, "mag"),
         "cModelMagErr_r": (0.01 * R, "mag"), "EBV": (0.1 * Z, "mag"),
         "cModelFlux_r": (FLUX, "nanomaggies"), "extinction_r": (Z, "mag")}),
    "Legacy": (
        {"id": "ls_id", "z": "z_spec", "r": "mag_from_flux_r", "ebv": "ebv"},
        {"ls_id": (BIG.astype(np.uint64) + 2**63, ""), "z_spec": (Z, "1"),
         "mag_from_flux_r": (R, ""), "flux_r": (FLUX, "nanomaggy"), "ebv": (0.1 * Z, "mag"),
         "flux_ivar_r": (FLUX, "1/nanomaggy^2")}),
    "DES": (
        {"id": "COADD_OBJECT_ID", "z": "Z", "r": "MAG_AUTO_R", "ebv": "EBV_SFD98"},
        {"COADD_OBJECT_ID": (ROWS + 10**9, ""), "Z": (Z.astype(np.float32), "N/A"),
         "MAG_AUTO_R": (R.astype(np.float32), "MAG"), "EBV_SFD98": (0.1 * Z, "")}),
    "KiDS": (
        {"id": "ID", "z": "Z_SPEC", "r": "MAG_GAAP_r", "ebv": "ext_bv"},
        {"ID": (np.array([f"KiDSDR4.1 J{row}" for row in ROWS]), ""), "Z_SPEC": (Z, "-"),
         "MAG_GAAP_r": (R, "mag (AB)"), "FLUX_GAAP_r": (FLUX, "count"),
         "ext_bv": (0.1 * Z, "mag")}),
    "HSC": (
        {"id": "object_id", "z": "specz_redshift", "r": "r_cmodel_mag", "ebv": "ebv"},
        {"object_id": (42621222325415951 + ROWS, ""), "specz_redshift": (Z, ""),
         "r_cmodel_mag": (R, "mag"), "ebv": (0.1 * Z, "mag"),
         "r_cmodel_mag_isnull": (ROWS < 0, "")}),
    "LSST": (
        {"id": "objectId", "z": "redshift", "r": "r_cModelMag", "ebv": "ebv"},
        {"objectId": (BIG, ""), "redshift": (Z, ""), "r_cModelMag": (R, "mag(AB)"),
         "r_cModelFlux": (FLUX, "nJy"), "ebv": (0.1 * Z, "mag")}),
    "RAIL": (
        {"id": "id", "z": "redshift", "r": "mag_r_lsst", "r_err": "mag_err_r_lsst", "ebv": "ebv"},
        {"id": (ROWS, ""), "redshift": (Z, "z"), "mag_r_lsst": (R, ""),
         "mag_err_r_lsst": (0.01 * R, ""), "ebv": (0.1 * Z, "")}),
    "COSMOS2020": (
        {"id": "ID", "z": "zspec", "r": "HSC_r_MAG", "r_err": "HSC_r_MAGERR", "ebv": "EBV"},
        {"ID": (ROWS + 1, ""), "zspec": (Z, "unitless"), "HSC_r_MAG": (R, "AB mag"),
         "HSC_r_MAGERR": (0.01 * R, "mag AB"), "HSC_r_FLUX": (FLUX, "uJy"),
         "EBV": (0.1 * Z, "magnitude")}),
    "Euclid": (
        {"id": "OBJECT_ID", "z": "SPE_Z", "r": "MAG_R", "ebv": "GAL_EBV"},
        {"OBJECT_ID": (-BIG, ""), "SPE_Z": (Z, "dimensionless"), "MAG_R": (R, "ABmag"),
         "FLUX_R": (FLUX, "uJy"), "GAL_EBV": (0.1 * Z, "mags")}),
    "CFHTLS": (
        {"id": "id", "z": "ZSPEC", "r": "R", "ebv": "EBV"},
        {"id": (ROWS, ""), "ZSPEC": (Z, "None"), "R": (R, "Mag(AB)"), "EBV": (0.1 * Z, "m")}),
    "simulated": (
        {"id": "galaxy_id", "z": "z", "r": "r_flux_mag", "ebv": "A_V/3.1"},
        {"galaxy_id": (10**17 + 10**5 * ROWS, ""), "z": (Z, "log"), "r_flux_mag": (R, "mag, AB"),
         "A_V/3.1": (0.1 * Z, "")}),
}


class SurveyTablesTest(sample_formats.FormatsTest, parameterized.TestCase):

  def check(self, survey, table):
    roles, columns = SURVEYS[survey]
    catalog, chosen = build_catalog(table, table_columns.USUAL_NAMES, NUM,
                                    ReaderOptions(columns=roles), origin="x")
    self.assertEqual({role: chosen[role] for role in roles}, roles)
    self.assertEqual(np.asarray(catalog["id"]).astype(str).tolist(),
                     columns[roles["id"]][0].astype(str).tolist())
    for role, name in (("z", "z_spec"), ("r", "r_mag"), ("r_err", "r_err"), ("ebv", "ebv")):
      if role in roles:
        self.assertAllEqual(catalog[name], columns[roles[role]][0].astype(np.float64), name)

  @parameterized.parameters(*SURVEYS)
  def test_fits(self, survey):
    letters = {"f8": "D", "f4": "E", "i8": "K", "u8": "K", "b1": "L"}
    fits.BinTableHDU.from_columns([
        fits.Column(name, letters.get(values.dtype.str[1:], "20A"), array=values, unit=unit or None,
                    bzero=2**63 if values.dtype.kind == "u" else None)
        for name, (values, unit) in SURVEYS[survey][1].items()]).writeto(self.path("a.fits"))
    self.check(survey, table_files.columns_of(self.path("a.fits")))

  @parameterized.product(survey=list(SURVEYS), kind=("csv", "ecsv", "vot", "parquet"))
  def test_tables_of_astropy(self, survey, kind):
    if kind == "parquet" and not HAS_PYARROW:
      self.skipTest("pyarrow is not installed")
    if (survey, kind) == ("Legacy", "vot"):
      self.skipTest("VOTable has no whole numbers of 64 bits without a sign")
    form = {"csv": {"format": "ascii.csv"}, "vot": {"format": "votable"}}.get(kind, {})
    with warnings.catch_warnings(action="ignore"):  # about units that astropy does not know
      Table([Column(values, name, unit=unit or None)
             for name, (values, unit) in SURVEYS[survey][1].items()]).write(
                 self.path(f"a.{kind}"), **form)
    self.check(survey, table_files.columns_of(self.path(f"a.{kind}")))

  @unittest.skipUnless(HAS_PYARROW, "needs the extra parquet")
  @parameterized.parameters(*SURVEYS)
  def test_parquet_with_units_of_fields(self, survey):
    import pyarrow
    from pyarrow import parquet
    fields = [(name, pyarrow.array(values), unit)
              for name, (values, unit) in SURVEYS[survey][1].items()]
    parquet.write_table(pyarrow.table([values for _, values, _ in fields], pyarrow.schema([
        pyarrow.field(name, values.type, metadata={"unit": unit})
        for name, values, unit in fields])), self.path("a.parquet"))
    self.check(survey, table_files.columns_of(self.path("a.parquet")))

  @parameterized.parameters(*(name for name in SURVEYS if name != "simulated"))
  def test_hdf5(self, survey):
    """But those with a / in a name, which is that of a group in HDF5."""
    with h5py.File(self.path("a.hdf5"), "w") as file:
      for name, (values, unit) in SURVEYS[survey][1].items():
        file[name] = values.astype("S") if values.dtype.kind == "U" else values
        file[name].attrs["unit"] = unit
      self.check(survey, hdf5_columns.columns_of(dict(file), NUM))


if __name__ == "__main__":
  tf.test.main()
