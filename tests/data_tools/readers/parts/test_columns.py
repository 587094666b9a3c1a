"""Several photometric redshifts of a source catalogue."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools.readers.parts.columns import build_catalog, check_names
from data_tools.readers.parts.cutout_source import ReaderOptions
from pzbias_tf.tables import TableColumns

NAMES = {"z": ("z",), "r": ("r",), "ebv": ("ebv",), "z_photo": ("zphot",)}


def build(z_photo="", **columns):
  """The catalogue of three galaxies, read with --z_photo_column."""
  table = {name: np.full(3, 0.1) for name in ("z", "r", "ebv")}
  options = ReaderOptions(columns={"z_photo": z_photo} if z_photo else {})
  return build_catalog({**table, **columns}, NAMES, 3, options, origin="file")


class ColumnsThatNobodyNamedTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters("ra", "i", "r_err")
  def test_no_numbers(self, role):
    table = {**{name: np.full(3, 0.1) for name in ("z", "r", "ebv")}, role: np.array(["10:00"] * 3)}
    read = lambda **columns: build_catalog(
        table, {**NAMES, role: (role,)}, 3, ReaderOptions(columns=columns), origin="file")
    with self.assertLogs(level="WARNING") as logged:
      catalog, chosen = read()
    self.assertNotIn(role, chosen)
    self.assertIn(f"file: column '{role}' does not hold numbers", logged.output[0])
    self.assertAllEqual(catalog["z_spec"], np.full(3, 0.1))
    with self.assertRaisesRegex(ValueError, f"column '{role}' does not hold numbers"):
      read(**{role: role})

  def test_required_ones_hold_numbers(self):
    for name in ("z", "r", "ebv"):
      with self.assertRaisesRegex(ValueError, f"column '{name}' does not hold numbers"):
        build(**{name: np.array(["a", "b", "c"])})


class OtherColumnsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters("A_V", "av", "extinction_r", "EXTINCTION", "a_g", "ext_g", "gal_ext",
                            "galactic_extinction", "group/A_V")
  def test_an_extinction_is_no_reddening(self, name):
    options = ReaderOptions(columns={"ebv": name})
    table = {"z": np.full(3, 0.1), "r": np.full(3, 17.0), name: np.full(3, 0.1)}
    with self.assertRaisesRegex(ValueError, f"column '{name}' holds the extinction in a band, by "
                                "its name, and no E.B-V.*--ebv_column; if it holds E.B-V., rename"):
      build_catalog(table, NAMES, 3, options, origin="file")

  @parameterized.parameters("sfd", "EBV_SFD", "E(B-V)", "extinction_ebv", "reddening", "dust",
                            "ext_bv", "EXT_BMV", "ext_b_v", "extinction_sfd", "A_V/3.1")
  def test_names_of_reddenings(self, name):
    table = {"z": np.full(3, 0.1), "r": np.full(3, 17.0), name: np.full(3, 0.2)}
    catalog, _ = build_catalog(table, NAMES, 3, ReaderOptions(columns={"ebv": name}), origin="file")
    self.assertAllEqual(catalog["ebv"], np.full(3, 0.2))

  @parameterized.parameters(("ebv", "mmag"), ("ebv", "deg"), ("r", "kpc"))
  def test_units_of_required_columns(self, name, unit):
    table = TableColumns({"z": np.full(3, 0.1), "r": np.full(3, 17.0), "ebv": np.full(3, 0.1)})
    table.set_unit(name, unit)
    with self.assertRaisesRegex(ValueError, f"column '{name}' has the unit '{unit}'"):
      build_catalog(table, NAMES, 3, ReaderOptions(), origin="file")

  @parameterized.parameters(("i", "deg"), ("r_err", "nJy"))
  def test_units_of_columns_that_nobody_named(self, role, unit):
    table = TableColumns({**{name: np.full(3, 0.1) for name in ("z", "r", "ebv")},
                          role: np.full(3, 0.3)})
    table.set_unit(role, unit)
    with self.assertLogs(level="WARNING") as logged:
      _, chosen = build_catalog(table, {**NAMES, role: (role,)}, 3, ReaderOptions(), origin="file")
    self.assertNotIn(role, chosen)
    self.assertIn(f"column '{role}' has the unit '{unit}'", logged.output[0])

  def test_truth_values_are_no_redshifts(self):
    with self.assertRaisesRegex(ValueError, "column 'z' does not hold numbers: its type is bool"):
      build(z=np.array([True, False, True]))


class SeveralPhotoZTest(tf.test.TestCase, parameterized.TestCase):

  def test_each_has_a_column_of_its_own(self):
    catalog, chosen = build("A, B", A=[0.1, 0.2, -99], B=[1, 2, 3], zphot=[4, 5, 6])
    self.assertAllEqual(catalog["z_photo_ref_A"], [0.1, 0.2, -99.0])
    self.assertAllEqual(catalog["z_photo_ref_B"], [1.0, 2.0, 3.0])
    self.assertNotIn("z_photo_ref", catalog.colnames)
    self.assertEqual(chosen["z_photo"], "A,B")

  @parameterized.parameters("", "zphot", "A")
  def test_one_stays_as_it_was(self, name):
    catalog, chosen = build(name, A=[7, 8, 9], zphot=[4, 5, 6])
    self.assertAllEqual(catalog["z_photo_ref"], [7, 8, 9] if name == "A" else [4, 5, 6])
    self.assertEqual(chosen["z_photo"], name or "zphot")
    self.assertEqual([name for name in catalog.colnames if name.startswith("z_photo")],
                     ["z_photo_ref"])

  def test_case_is_told_apart_only_where_the_source_does(self):
    catalog, chosen = build("zphot,b", ZPHOT=[1, 2, 3], b=[4, 5, 6], B=[7, 8, 9])
    self.assertAllEqual(catalog["z_photo_ref_zphot"], [1, 2, 3])
    self.assertAllEqual(catalog["z_photo_ref_b"], [4, 5, 6])
    self.assertEqual(chosen["z_photo"], "ZPHOT,b")

  def test_a_column_that_does_not_exist(self):
    with self.assertRaisesRegex(ValueError, "file: no column 'C', named by --z_photo_column; "
                                "the columns are z, r, ebv, A"):
      build("A,C", A=[1, 2, 3])

  def test_a_column_without_numbers(self):
    with self.assertRaisesRegex(ValueError, "column 'B' does not hold numbers"):
      build("A,B", A=[1, 2, 3], B=["x", "y", "z"])

  def test_names_are_checked_before_anything_is_read(self):
    check_names({"z_photo": "A,B"})
    check_names({"z_photo": "none"})
    with self.assertRaisesRegex(ValueError, "--z_photo_column=A,A names 'A' twice"):
      check_names({"z_photo": "A, A"})


if __name__ == "__main__":
  tf.test.main()
