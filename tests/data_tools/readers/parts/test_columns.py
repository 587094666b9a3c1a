"""Several photometric redshifts of a source catalogue."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools.readers.parts.columns import build_catalog, check_names
from data_tools.readers.parts.cutout_source import ReaderOptions

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
