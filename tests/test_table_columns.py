"""Columns of tables: by usual names, as numbers, as ids, with missing values."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf import table_columns
from pzbias_tf.data.extra_columns import is_missing
from pzbias_tf.tables import TableColumns


class FindMissingTest(tf.test.TestCase):

  def test_what_counts_as_missing(self):
    values = np.array([0.1, -9999.0, -999.0, -99.0, 99.0, 999.0, np.nan, np.inf, -np.inf, -1.0,
                       -0.5, 0.0, 98.0])
    missing, reasons = table_columns.find_missing(values, redshifts=True)
    self.assertAllEqual(np.flatnonzero(~missing), [0, 10, 11, 12])
    self.assertEqual(reasons, {"-9999": 1, "-999": 1, "-99": 1, "99": 1, "999": 1, "NaN": 1,
                               "infinite": 2, "-1 or below": 1})
    missing, _ = table_columns.find_missing(values, redshifts=False, further=(98.0,))
    self.assertAllEqual(np.flatnonzero(~missing), [0, 9, 10, 11])

  def test_the_rule_for_magnitudes_is_that_of_extra_columns(self):
    values = np.array([99.9, 99.99, 999.9, 9999.0, -90.0, -95.5, 89.0, 21.0])
    for column in (values, values.astype(np.float32).astype(np.float64)):
      missing, reasons = table_columns.find_missing(column, redshifts=False)
      self.assertAllEqual(missing, is_missing(column))
      self.assertAllEqual(missing, [True] * 6 + [False] * 2)
      self.assertEqual(reasons["-90 or below"], 2)

  def test_fill_values_are_missing_by_both_rules(self):
    values = np.array([1e20, 1e30, 9.96921e36, 1.7e38, 1e12, 40.0])
    for redshifts in (False, True):
      missing, reasons = table_columns.find_missing(values, redshifts=redshifts)
      self.assertAllEqual(missing, [True] * 4 + [False] * 2)
      self.assertEqual(reasons, {"1e+15 or above": 4})
    self.assertAllEqual(is_missing(values), missing)

  def test_medians_that_no_sample_of_galaxies_has(self):
    rng = np.random.default_rng(0)
    faint = rng.uniform(20, 24, 100)
    for flux in (10 ** (-0.4 * (faint - 22.5)), 10 ** (-0.4 * (faint - 23.9)),  # nmgy, uJy
                 10 ** (-0.4 * (faint - 22.5)) / 3631):
      with self.assertRaisesRegex(ValueError, "median .*no sample of galaxies is as bright"):
        table_columns.check_no_fluxes(flux[flux < 40], "r magnitudes")
    table_columns.check_no_fluxes(faint, "r magnitudes")
    table_columns.check_no_fluxes(np.array([8.0, 8.5]), "r magnitudes")

  def test_nothing_is_missing(self):
    missing, reasons = table_columns.find_missing(np.ones(3), redshifts=True)
    self.assertEqual((missing.sum(), reasons), (0, {}))


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
      ({"phot/z": [20.0, 19.0], "phot/r": [20.0, 19.0], "truth/redshift": [0.1, 0.2]},
       "truth/redshift"))
  def test_a_magnitude_is_never_the_redshift(self, columns, name):
    self.assertEqual(self.find({key: np.array(values) for key, values in columns.items()}), name)

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
      (np.array([7.0, np.nan]), ["7", ""]), (np.array([7, 8], np.float32), ["7", "8"]),
      (np.array([b"007", b" a "]), ["007", "a"]), (np.array(["007", None], object), ["007", ""]),
      (np.ma.MaskedArray([2**60 + 1, 2], [False, True]), [str(2**60 + 1), ""]),
      (np.array([2**63 + 1], np.uint64), [str(2**63 + 1)]))
  def test_ids_of_many_kinds(self, values, ids):
    self.assertEqual(table_columns.exact_ids(values, "id", "x").tolist(), ids)

  @parameterized.parameters(
      (np.array([2.0**24 + 2], np.float32),), (np.array([1.5]),), (np.array([2.0**53]),),
      (np.array([np.inf]),), (np.array([4096], np.float16),), (np.array(["1.5E+18"]),),
      (np.array([b"\xff\xfe"]),))
  def test_ids_that_cannot_be_kept(self, values):
    with self.assertRaisesRegex(ValueError, "x: ids in column 'id' .*--id_column"):
      table_columns.exact_ids(values, "id", "x")

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
      table_columns.exact_ids(values, "a", "x")

  @parameterized.parameters(
      ("magnitudes", "nJy"), ("magnitudes", "uJy"), ("magnitudes", "nanomaggy"),
      ("magnitudes", "nanomaggies"), ("magnitudes", "adu"), ("magnitudes", "count/s"),
      ("magnitudes", "erg/s/cm2/Angstrom"), ("redshifts", "km/s"), ("redshifts", "km s-1"),
      ("redshifts", "km.s**-1"), ("redshifts", "Mpc"))
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
      ("magnitudes", "mag(Vega)"),
      ("redshifts", ""), ("redshifts", "dimensionless"), ("redshifts", "z"))
  def test_units_that_fit(self, what, unit):
    table = TableColumns({"a": np.ones(2)})
    table.set_unit("a", unit)
    table_columns.check_unit(table, "a", what, "x")

  def test_usual_names_in_any_case(self):
    columns = {"OBJID": 1, "Z": 2, "z_spec": 3}
    self.assertEqual(table_columns.find(columns, ("id", "objid")), "OBJID")
    self.assertEqual(table_columns.find(columns, ("z", "z_spec")), "Z")
    self.assertEqual(table_columns.find(columns, ("r",)), "")

  def test_ids_keep_all_their_digits(self):
    self.assertEqual(list(table_columns.exact_ids(np.array([2**60 + 1]), "id", "x")),
                     [str(2**60 + 1)])
    self.assertEqual(list(table_columns.exact_ids(np.array([7.0]), "id", "x")), ["7"])
    self.assertEqual(list(table_columns.exact_ids(np.array([b" a "]), "id", "x")), ["a"])
    with self.assertRaisesRegex(ValueError, "x: ids in column 'id' .* lost digits"):
      table_columns.exact_ids(np.array([1e19]), "id", "x")


if __name__ == "__main__":
  tf.test.main()
