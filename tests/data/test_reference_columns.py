"""Names of the columns of photometric redshifts that came with the source catalogue."""

from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.data import reference_columns


class ReferenceColumnsTest(tf.test.TestCase, parameterized.TestCase):

  def test_the_only_one_has_no_name_of_its_own(self):
    self.assertEqual(reference_columns.columns_for(["any: thing"]), ["z_photo_ref"])
    self.assertEqual(reference_columns.title("z_photo_ref"), "reference")

  def test_of_several_each_keeps_its_name(self):
    columns = reference_columns.columns_for(["zphot", "z_Template"])
    self.assertEqual(columns, ["z_photo_ref_zphot", "z_photo_ref_z_Template"])
    self.assertEqual([reference_columns.title(column) for column in columns],
                     ["zphot", "z_Template"])
    self.assertEndsWith(reference_columns.description(columns[0]), "source catalogue: zphot")

  def test_found_among_others(self):
    self.assertEqual(
        reference_columns.columns_in(["z_photo", "z_photo_ref_b", "z_photo_ref_A", "id"]),
        ["z_photo_ref_A", "z_photo_ref_b"])

  @parameterized.parameters(
      (("a", "b", "A"), "names 'A' twice .FITS ignores case.; name each column once"),
      (("a", ""), "'' cannot be the name of .*; rename the column"),
      (("a", "z-phot"), "'z-phot' cannot be .*1 to 56 letters, digits and _"),
      (("a", "b" * 57), "cannot be the name"),
      (("Baseline", "a"), "'Baseline' cannot be .*not baseline or reference"))
  def test_names_that_cannot_be_kept(self, names, message):
    with self.assertRaisesRegex(ValueError, f"--z_photo_column={','.join(names)}.*{message}"):
      reference_columns.columns_for(names)


if __name__ == "__main__":
  tf.test.main()
