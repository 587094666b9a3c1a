"""A catalogue or a list of rejects that does not belong to the records is found."""

import dataclasses
import os

from absl.testing import parameterized
from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools.verification import catalog_check
from tests.data_tools.verification import damaged_sets


class CatalogTest(damaged_sets.DamagedSetTest, parameterized.TestCase):

  def assert_changed(self, name, *words):
    """A changed file is reported, and at most one further line says how it changed."""
    lines = self.problems()
    self.assertStartsWith(lines[0], f"{os.path.join(self.folder, name)}: not the file that")
    self.assertLessEqual(len(lines), 2, lines)
    for word in (self.folder, *words):
      self.assertIn(word, lines[-1])

  def change_catalog(self, change):
    path = os.path.join(self.folder, "catalog.fits")
    table = Table.read(path, mask_invalid=False)
    table = change(table) or table
    table.write(path, overwrite=True)

  @parameterized.parameters("id", "z_spec", "r_mag", "ebv")
  def test_changed_catalog(self, column):
    def change(table):
      table[column][7] = table[column][8]
    self.change_catalog(change)
    lines = self.problems()
    self.assertIn(f"catalog.fits: {column} differs from that of the records: 1 records, the first "
                  f"in {self.manifest.shards[0].name}, row 7", lines[-1])
    self.assertIn("catalog.fits: not the file that the manifest describes", lines[0])
    # An overwritten id is also a missing object.
    self.assertLen(lines, 3 if column == "id" else 2)

  @parameterized.parameters("ra", "i_err", "z_photo_ref")
  def test_changed_column_that_records_do_not_repeat(self, column):
    def change(table):
      table[column][7] = 1.5
    self.change_catalog(change)
    self.assertLen(self.problems(), 1)
    self.assert_changed("catalog.fits")

  def test_catalog_sorted_by_id(self):
    self.change_catalog(lambda table: table.sort("id"))
    lines = "\n".join(self.problems())
    for column in ("id", "z_spec", "r_mag", "ebv"):
      self.assertIn(f"catalog.fits: {column} differs from that of the records", lines)
    self.assertIn("catalog.fits: position is ", lines)

  def test_extra_columns(self):
    manifest = dataclasses.replace(self.manifest, extra_columns=("mag_J",))
    def with_values(values):
      self.change_catalog(lambda table: table.replace_column("mag_J", values)
                          if "mag_J" in table.colnames else table.add_column(values, name="mag_J"))
      return catalog_check.check_catalog(self.folder, manifest)[1]
    missing = catalog_check.check_catalog(self.folder, manifest)[1]
    self.assertIn("has no extra column mag_J, which the manifest names", missing[0])
    values = np.linspace(18.0, 20.0, 120)
    self.assertLen(with_values(values), 1)  # the SHA-256 alone
    values[7] = np.nan
    self.assertIn("mag_J has no value in row 7", with_values(values)[1])

  def test_short_catalog(self):
    self.change_catalog(lambda table: table[:-1])
    self.assert_changed("catalog.fits", "has 119 rows, the manifest counts 120 records")

  def test_catalog_without_a_column(self):
    self.change_catalog(lambda table: table.remove_column("ebv"))
    self.assert_changed("catalog.fits", "catalog.fits: no column ebv")

  @parameterized.parameters(0, 100, 4000)
  def test_cut_catalog(self, size):
    damaged_sets.write_bytes(os.path.join(self.folder, "catalog.fits"),
                             lambda content: content[:size])
    self.assert_changed("catalog.fits", "catalog.fits: unreadable")

  def test_missing_catalog(self):
    os.remove(os.path.join(self.folder, "catalog.fits"))
    self.assert_one("catalog.fits: missing")

  def test_training_galaxy_without_z(self):
    def change(table):
      table["z_spec"][3] = np.nan
    self.change_catalog(change)
    self.assertIn("1 galaxies outside the target set have no z_spec", self.problems()[1])

  def test_list_of_rejects(self):
    path = os.path.join(self.folder, "rejected.csv")
    damaged_sets.write_bytes(path, lambda content: content + b"g1,gone\n")
    self.assert_one("rejected.csv", "lists 1 objects, the manifest counts 0")
    os.remove(path)
    self.assert_one("rejected.csv", "missing")


if __name__ == "__main__":
  tf.test.main()
