"""Columns of tables: by usual names, as numbers."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf import table_columns, table_ids
from pzbias_tf.tables import TableColumns

MAGNITUDES = {band: np.full(4, 20.0) for band in "ugri"}
FLUXES = {band: np.full(4, 2.0) for band in "ugri"}
Z_NAMES = table_columns.USUAL_NAMES["z"]


class OneOfSeveralTest(tf.test.TestCase, parameterized.TestCase):

  def find(self, columns, role="z"):
    return table_columns.find_one(columns, table_columns.USUAL_NAMES[role], f"--{role}_column", "x")

  @parameterized.parameters(
      ({**MAGNITUDES, "z": [20.0, 19.0], "redshift": [0.1, 0.2]}, "redshift"),
      ({**MAGNITUDES, "z": [0.1, 0.2]}, "z"),
      ({**MAGNITUDES, "z": [-99.0, 19.0], "zspec": [0.1, 0.2]}, "zspec"),
      ({**FLUXES, "z": [3.0, 2.0], "z_spec": [0.1, 0.2]}, "z_spec"),
      ({**FLUXES, "z": [3.0, 2.0]}, ""),
      ({"Z": [18.0, 19.0], "zspec": [0.1, 0.2]}, "zspec"),
      ({"Z": [18.0, 19.0], "Y": [18.0, 19.0], "z": [0.1, 0.2]}, "z"),
      ({"r": [18.0, 19.0], "z": [0.1, 0.2], "z_spec": [0.1, 0.2]}, "z"),
      ({"r": [18.0, 19.0], "z": [np.nan, np.nan]}, "z"),
      ({"r": [18.0, 19.0, 18.5, 18.2], "z": [9.99, 9.99, 9.99, 0.1]}, "z"),
      ({"z": [8.0, 8.5], "redshift": [0.1, 0.2]}, "redshift", "mag"),
      ({"z": [8.0, 8.5]}, "", "mag(AB)"), ({"z": [8.0, 8.5]}, "", "nJy"),
      ({"phot/z": [20.0, 19.0], "phot/r": [20.0, 19.0], "truth/redshift": [0.1, 0.2]},
       "truth/redshift"))
  def test_a_magnitude_is_never_the_redshift(self, columns, name, unit=""):
    table = TableColumns({key: np.array(values) for key, values in columns.items()})
    table.set_unit("z", unit)
    self.assertEqual(self.find(table), name)

  @parameterized.parameters("km/s", "km s-1", "km s^-1", "km.s**-1", "m / s", "km s**(-1)", "kmps",
                            "km/sec")
  def test_velocities_are_told_by_their_unit(self, unit):
    table = TableColumns({"r": np.full(3, 18.0), "z": np.array([3e4, 4e4, 5e4])})
    table.set_unit("z", unit)
    with self.assertRaisesRegex(ValueError, r"x: column 'z' has the unit '.*', so it holds no "
                                "redshifts"):
      self.find(table)
    table["redshift"] = np.array([0.1, 0.2, 0.3])
    self.assertEqual(self.find(table), "redshift")

  @parameterized.parameters(
      ({"z": 0.1, "z_spec": 0.2}, "z", "columns z, z_spec differ.*--z_column"),
      ({"zspec": 0.1, "ZSPEC": 0.2, "redshift": 0.3}, "z", "columns zspec, redshift differ"),
      ({"ZSPEC": 0.1, "zSpec": 0.2}, "z", "columns ZSPEC, zSpec differ"),
      ({"r": 16.0, "mag_r": 17.0}, "r", "columns r, mag_r differ.*--r_column"),
      ({"a/r": 16.0, "b/r": 17.0}, "r", "columns a/r, b/r differ"))
  def test_what_may_be_either_is_an_error(self, columns, role, message):
    with self.assertRaisesRegex(ValueError, f"x: {message}"):
      self.find({key: np.full(3, value) for key, value in columns.items()}, role)

  @parameterized.parameters(
      ({"r": 16.0, "truth/r": 12.0}, "r"), ({"R": 16.0, "r": 12.0}, "r"),
      ({"truth/r": 12.0, "obs/R": 12.0}, "truth/r"), ({"r_mag": 16.0, "truth/r": 12.0}, "r_mag"))
  def test_exact_names_come_first(self, columns, name):
    self.assertEqual(self.find({key: np.full(3, value) for key, value in columns.items()}, "r"),
                     name)

  def test_names_that_are_given(self):
    columns = {name: np.zeros(2) for name in ("r", "truth/r", "obs/z", "truth/z", "a/b/w")}
    named = lambda name: table_columns.named(columns, name, "--r_column", "x")
    self.assertEqual([named(name) for name in ("r", "/r", "truth/r", "/truth/r", "w", "b/w")],
                     ["r", "r", "truth/r", "truth/r", "a/b/w", "a/b/w"])
    with self.assertRaisesRegex(ValueError, "x: --r_column=z may be obs/z, truth/z"):
      named("z")


class ColumnsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      (np.array(["0.5", "", "NaN", "null"]), [0.5, np.nan, np.nan, np.nan]),
      (np.array([b"0.5", b"--"]), [0.5, np.nan]),
      (np.ma.MaskedArray([1, 999999], [False, True]), [1.0, np.nan]))
  def test_missing_numbers(self, values, numbers):
    self.assertAllEqual(table_columns.number_column({"a": values}, "a", "x"), numbers)

  @parameterized.parameters(
      (np.array([0.5 + 2j]),), (np.array(["2020-01-01"], "M8[D]"),),
      (np.array([5], "m8[s]"),), (np.array([b"ab"], "V2"),))
  def test_types_that_are_neither_numbers_nor_ids(self, values):
    with self.assertRaisesRegex(ValueError, "x: column 'a' does not hold numbers: its type is"):
      table_columns.number_column({"a": values}, "a", "x")
    with self.assertRaisesRegex(ValueError, "x: ids in column 'a' are of type .*--id_column"):
      table_ids.exact_ids(values, "a", "x")

  @parameterized.parameters(
      ("magnitudes", "nJy"), ("magnitudes", "uJy"), ("magnitudes", "nanomaggy"),
      ("magnitudes", "nanomaggies"), ("magnitudes", "adu"), ("magnitudes", "count/s"),
      ("magnitudes", "erg/s/cm2/Angstrom"), ("redshifts", "km/s"), ("redshifts", "km s-1"),
      ("redshifts", "km.s**-1"), ("redshifts", "Mpc"), ("magnitudes", "mmag"),
      ("magnitudes", "arcsec"), ("magnitudes", "kpc"), ("magnitudes", "mag/arcsec2"),
      ("magnitudes", "mag(ST)"), ("redshifts", "mag"), ("redshifts", "Gyr"), ("redshifts", "%"),
      ("redshifts", "deg"))
  def test_units_of_something_else(self, what, unit):
    table = TableColumns({"a": np.ones(2), "b": np.ones(2)})
    table.set_unit("a", unit)
    with self.assertRaisesRegex(ValueError, f"x: column 'a' has the unit .*holds no {what}; turn"):
      table_columns.check_unit(table, "a", what, "x")
    table_columns.check_unit(table, "b", what, "x")
    table_columns.check_unit(dict(table), "a", what, "x")

  @parameterized.parameters(
      ("magnitudes", "mag"), ("magnitudes", "mag(AB)"), ("magnitudes", "ABmag"),
      ("magnitudes", "AB mag"), ("magnitudes", "luptitude"), ("magnitudes", ""),
      ("magnitudes", "mag(Vega)"), ("magnitudes", "AB"), ("magnitudes", "mag_AB"),
      ("magnitudes", "mag AB"), ("magnitudes", "m"), ("magnitudes", "1"), ("magnitudes", "---"),
      *((what, unit) for what in ("magnitudes", "redshifts") for unit in (
          "N/A", "n/a", "NA", "na", "n.a.", "nd", "None", "none", "-", "unitless", "log")),
      ("magnitudes", "MAG"), ("magnitudes", "mags"), ("magnitudes", "magnitude"),
      ("magnitudes", "Mag(AB)"), ("magnitudes", "mag,"), ("magnitudes", "mag, AB"),
      ("magnitudes", "3.63078e-20 erg mag / (Hz s cm2)"),
      ("redshifts", "redshift"), ("redshifts", "1"), ("redshifts", "z,"),
      ("redshifts", ""), ("redshifts", "dimensionless"), ("redshifts", "z"))
  def test_units_that_fit(self, what, unit):
    table = TableColumns({"a": np.ones(2)})
    table.set_unit("a", unit)
    table_columns.check_unit(table, "a", what, "x")

  @parameterized.parameters("FLUX_R", "flux_ivar_r", "r_cModelFlux", "HSC_r_FLUXERR", "phot/FLUX_R",
                            "R_INVVAR", "ivar_g")
  def test_names_of_fluxes(self, name):
    with self.assertRaisesRegex(ValueError, f"x: column '{name}' holds fluxes .* by its name.*22.5 "
                                "- 2.5 log10.flux.*; if it holds magnitudes, rename it"):
      table_columns.check_unit({name: np.ones(2)}, name, "magnitudes", "x")
    table_columns.check_unit({name: np.ones(2)}, name, "redshifts", "x")
    table = TableColumns({name: np.ones(2)})
    table.set_unit(name, "mag")
    table_columns.check_unit(table, name, "magnitudes", "x")

  @parameterized.parameters("mag_of_flux_r", "MAG_FLUX_RADIUS", "r", "mag_r", "flux/r")
  def test_names_of_magnitudes(self, name):
    table_columns.check_unit({name: np.ones(2)}, name, "magnitudes", "x")

  @parameterized.parameters(("magnitudes", "r (nJy)"), ("magnitudes", "r [uJy]"),
                            ("redshifts", "z [km/s]"))
  def test_units_in_names(self, what, name):
    with self.assertRaisesRegex(ValueError, f"has the unit '.*', so it holds no {what}"):
      table_columns.check_unit({name: np.ones(2)}, name, what, "x")
    for other in ("r (mag)", "MAG_APER(2.0)", "E(B-V)", "z [spec]"):
      table_columns.check_unit({other: np.ones(2)}, other, what, "x")

  def test_truth_values_are_weights_and_nothing_else(self):
    table = {"a": np.array([True, False])}
    self.assertAllEqual(table_columns.number_column(table, "a", "x"), [1.0, 0.0])
    with self.assertRaisesRegex(ValueError, "column 'a' does not hold numbers: its type is bool"):
      table_columns.number_column(table, "a", "x", "redshift")

  def test_usual_names_in_any_case(self):
    columns = {"OBJID": 1, "Z": 2, "z_spec": 3}
    self.assertEqual(table_columns.find(columns, ("id", "objid")), "OBJID")
    self.assertEqual(table_columns.find(columns, ("z", "z_spec")), "Z")
    self.assertEqual(table_columns.find(columns, ("r",)), "")


if __name__ == "__main__":
  tf.test.main()
