"""The catalogue is read as it was written, with units and missing values."""

import os
from unittest import mock

from absl.testing import parameterized
from astropy import units
from astropy.table import Table
import numpy as np
import tensorflow as tf

from pzbias_tf.data import catalog as catalog_lib


def _records(num=3, **columns):
  table = catalog_lib.object_table(num, id=[f"CUBE.npz:{row}" for row in range(num)], **columns)
  values = {"copy": np.zeros(num), "split": np.full(num, "validation"),
            "shard": np.zeros(num), "position": np.arange(num), "number": np.arange(num)}
  for name, (dtype, _, _) in catalog_lib.RECORD_COLUMNS.items():
    table[name] = values[name].astype(dtype)
  return table


class CatalogTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = os.path.join(self.get_temp_dir(), self.id().split(".")[-1])
    os.makedirs(self.folder)
    self.path = os.path.join(self.folder, "catalog.fits")

  def test_missing_columns_are_filled(self):
    table = catalog_lib.object_table(2, id=["a", "b"], z_spec=[0.1, 0.2])
    self.assertEqual(table.colnames, list(catalog_lib.OBJECT_COLUMNS))
    self.assertTrue(np.all(np.isnan(table["r_mag"])))
    self.assertEqual(list(table["field"]), ["", ""])

  def test_unknown_column_and_wrong_length(self):
    with self.assertRaisesRegex(ValueError, "no catalogue column is called redshift"):
      catalog_lib.object_table(2, redshift=[0.1, 0.2])
    with self.assertRaisesRegex(ValueError, r"z_spec has shape \(3,\), expected \(2,\)"):
      catalog_lib.object_table(2, z_spec=[0.1, 0.2, 0.3])

  def test_round_trip_is_exact(self):
    z_spec = np.array([0.1, np.nan, np.nextafter(0.4, 0)])
    table = _records(z_spec=z_spec, r_mag=[15.5, 16.25, 17.0], sample=["HQ", "", "LR"])
    catalog_lib.save_catalog(table, self.folder)
    loaded = catalog_lib.load_catalog(self.folder)
    self.assertAllEqual(loaded["z_spec"], z_spec)
    self.assertAllEqual(loaded["r_mag"], table["r_mag"])
    self.assertEqual(loaded["z_spec"].dtype.kind, "f")
    self.assertFalse(getattr(loaded, "masked", False))
    for name in ("id", "split", "field", "sample"):
      self.assertEqual(loaded[name].dtype.kind, "U")
      self.assertEqual(list(loaded[name]), list(table[name]))
    self.assertEqual(os.listdir(self.folder), ["catalog.fits"])

  def test_several_photo_z_take_the_place_of_the_only_one(self):
    table = _records(z_photo_ref_A=[0.1, np.nan, -99.0], z_photo_ref_b=[1.0, 2.0, 3.0])
    catalog_lib.save_catalog(table, self.folder)
    loaded = catalog_lib.load_catalog(self.folder)
    self.assertAllEqual(loaded["z_photo_ref_A"], [0.1, np.nan, -99.0])
    self.assertEndsWith(loaded["z_photo_ref_b"].description, "source catalogue: b")
    names = list(catalog_lib.OBJECT_COLUMNS)
    place = names.index("z_photo_ref")
    names[place:place + 1] = ["z_photo_ref_A", "z_photo_ref_b"]
    self.assertEqual(loaded.colnames, [*names, *catalog_lib.RECORD_COLUMNS])

  def test_written_in_blocks_as_at_once(self):
    num = 10
    table = _records(num, z_spec=np.linspace(0.1, 0.2, num))
    catalog_lib.save_catalog(table, self.folder)
    with open(self.path, "rb") as file:
      at_once = file.read()
    with mock.patch.object(catalog_lib, "_ROWS_PER_BLOCK", 4):
      catalog_lib.save_catalog(table, self.folder)
    with open(self.path, "rb") as file:
      self.assertEqual(file.read(), at_once)

  def test_units_are_written(self):
    catalog_lib.save_catalog(_records(), self.folder)
    loaded = catalog_lib.load_catalog(self.folder)
    self.assertEqual(loaded["ra"].unit, units.deg)
    self.assertEqual(loaded["ebv"].unit, units.mag)
    self.assertIsNone(loaded["z_spec"].unit)

  def test_saving_does_not_change_the_table(self):
    table = _records()
    catalog_lib.save_catalog(table, self.folder)
    self.assertIsNone(table["ra"].unit)

  def test_empty_catalog(self):
    catalog_lib.save_catalog(_records(0), self.folder)
    self.assertEmpty(catalog_lib.load_catalog(self.folder))

  def test_missing_file_and_column(self):
    with self.assertRaises(OSError):
      catalog_lib.load_catalog(self.folder)
    Table({"id": ["a"], "z_spec": [0.1]}).write(self.path)
    with self.assertRaisesRegex(ValueError, "catalog.fits: no column r_mag.*convert"):
      catalog_lib.load_catalog(self.folder)

  @parameterized.product(
      rows=[range(0, 11), range(0, 1), range(3, 7), range(8, 11), range(4, 4)],
      rows_per_file=[3, 4, 100])
  def test_rows_are_those_of_the_whole_catalogue(self, rows, rows_per_file):
    table = _records(11, z_spec=np.linspace(0.1, 0.2, 11), ra=np.arange(11.0),
                     field=["W", "", "Ux", *"abcdefgh"], z_photo_ref_A=np.arange(11.0))
    with mock.patch.object(catalog_lib, "ROWS_PER_FILE", rows_per_file):
      names = catalog_lib.save_catalog(table, self.folder)
    whole, found = (catalog_lib.load_catalog(self.folder, names),
                    catalog_lib.load_rows(self.folder, names, rows))
    self.assertEqual(found.colnames, whole.colnames)
    self.assertLen(found, len(rows))
    for name in whole.colnames:
      self.assertEqual(found[name].dtype.kind, whole[name].dtype.kind)
      self.assertAllEqual(found[name], whole[name][rows.start:rows.stop])
      self.assertEqual(found[name].unit, whole[name].unit)

  def test_rows_outlive_their_file(self):
    names = catalog_lib.save_catalog(_records(5, ra=np.arange(5.0)), self.folder)
    found = catalog_lib.load_rows(self.folder, names, range(1, 4))
    with open(self.path, "r+b") as file:
      file.truncate(2880)  # what is mapped into memory would be lost
    self.assertAllEqual(found["ra"], [1.0, 2.0, 3.0])

  def test_rows_beyond_the_end_are_missing(self):
    names = catalog_lib.save_catalog(_records(5), self.folder)
    self.assertLen(catalog_lib.load_rows(self.folder, names, range(3, 9)), 2)

  @parameterized.parameters((["a", "bcd", ""], 3), (["e", "b", ""], 1), (["", "", ""], 1))
  def test_bytes_of_the_longest_text(self, fields, expected):
    names = catalog_lib.save_catalog(_records(3, field=fields), self.folder)
    widths = catalog_lib.text_bytes(self.folder, names)
    self.assertEqual(widths["field"], expected)
    self.assertEqual(widths["split"], len("validation"))
    self.assertNotIn("ra", widths)

  def test_file_that_is_no_fits(self):
    with open(self.path, "w", encoding="utf-8") as file:
      file.write("id,z\n")
    with self.assertRaises(OSError):
      catalog_lib.load_catalog(self.folder)


if __name__ == "__main__":
  tf.test.main()
