"""FITS tables read some rows at a time: as astropy reads the whole table."""

import errno
import gzip
import os
import shutil
import tempfile
from unittest import mock
import warnings

from absl.testing import parameterized
from astropy.io import fits
from astropy.table import MaskedColumn, Table
import numpy as np
import tensorflow as tf

from pzbias_tf import table_ids, tables
from pzbias_tf.tables.disk_columns import is_on_disk
from pzbias_tf.tables.scratch_file import ScratchError
from tests.tables.small_blocks import assert_same_tables, read_in_blocks

NUM = 30


def columns_of_all_kinds() -> list[fits.Column]:
  rows = np.arange(NUM)
  column = lambda name, form, values, **words: fits.Column(name, form, array=values, **words)
  return [
      column("short", "I", rows), column("long", "K", 2**60 + rows), column("byte", "B", rows),
      column("float", "E", rows / 3, unit="mag"), column("double", "D", rows / 7),
      column("unsigned", "J", rows.astype(np.uint32), bzero=2**31),
      column("scaled", "I", rows),
      column("null", "J", np.where(rows == 25, -9, rows), null=-9),
      column("no_null", "J", rows, null=-9),
      column("text", "9A", np.array([f"J{'x' * (row % 5)}" for row in rows])),
      column("truth", "L", rows % 2 == 0), column("complex", "C", rows + 1j),
      column("bit", "1X", (rows % 2 == 0)[:, None]),
      column("bits", "3X", rows[:, None] > [1, 2, 3]), column("single", "1D", rows),
      column("pair", "2E", np.stack([rows, rows], 1)),
      column("lengths", "PJ()", np.array([rows[:row % 3] for row in rows], object))]


class FitsBlocksTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = tempfile.mkdtemp(dir=self.get_temp_dir())
    self.path = os.path.join(self.folder, "table.fits")
    self.scratch = tempfile.mkdtemp(dir=self.get_temp_dir())

  def write(self, columns=None, kind=fits.BinTableHDU):
    unit = kind.from_columns(columns_of_all_kinds() if columns is None else columns)
    unit.writeto(self.path)
    for name in ("scaled",) if columns is None else ():
      number = unit.columns.names.index(name) + 1
      fits.setval(self.path, f"TSCAL{number}", value=0.5, ext=1)
      fits.setval(self.path, f"TZERO{number}", value=3.0, ext=1)

  def read(self, rows, path=None):
    with read_in_blocks(rows):
      return tables.read_table(path or self.path, self.scratch)

  @parameterized.parameters(1, 7, NUM - 1)
  def test_blocks_are_the_whole(self, rows):
    self.write()
    columns = self.read(rows)
    assert_same_tables(columns, self.read(NUM))
    self.assertTrue(all(map(is_on_disk, columns.values())))
    self.assertEmpty(os.listdir(self.scratch))

  def test_values_as_astropy_has_them(self):
    self.write()
    columns = self.read(7)
    self.assertEqual(set(columns.skipped), {"bits", "pair", "lengths"})
    self.assertEqual(columns.unit("float"), "mag")
    with fits.open(self.path) as units:
      data = units[1].data
      for name in set(columns) - {"null"}:
        expected = np.array(data.field(name)).reshape(NUM)
        self.assertEqual(columns[name].dtype, expected.dtype, name)
        np.testing.assert_array_equal(columns[name], expected, name)
    self.assertEqual(columns["unsigned"].dtype, np.uint32)
    rows = np.arange(NUM)
    self.assertAllEqual(columns["scaled"], 0.5 * rows + 3)
    np.testing.assert_array_equal(columns["null"], np.where(rows == 25, np.nan, rows))
    self.assertAllEqual(columns.texts["null"], ["" if row == 25 else str(row) for row in rows])
    self.assertNotIn("no_null", columns.texts)

  @parameterized.parameters(("é".encode(), "é"), (b"\xe9", "é"))
  def test_the_encoding_is_that_of_the_whole_column(self, word, expected):
    texts = np.array([b"abc"] * NUM, "S6")
    texts[17] = word
    Table({"id": np.arange(NUM), "name": texts}).write(self.path)
    for rows in (5, NUM):
      columns = self.read(rows)
      self.assertAllEqual(columns["name"], np.where(np.arange(NUM) == 17, expected, "abc"))
    assert_same_tables(self.read(5), self.read(NUM))

  def test_tables_of_text(self):
    rows = np.arange(NUM)
    self.write([fits.Column("id", "I6", array=rows, ascii=True),
                fits.Column("z", "F9.4", array=rows / 8, ascii=True),
                fits.Column("name", "A5", array=np.array([f"g{row}" for row in rows]), ascii=True)],
               fits.TableHDU)
    columns = self.read(7)
    self.assertAllEqual(columns["id"], rows)
    self.assertAllClose(columns["z"], rows / 8)
    self.assertEqual(columns["name"][29].rstrip(), "g29")
    assert_same_tables(columns, self.read(NUM))

  def test_masked_columns_and_packed_files(self):
    mask = np.arange(NUM) == 22
    Table({"id": MaskedColumn(np.arange(NUM), mask=mask),
           "z": MaskedColumn(np.arange(NUM) / 4, mask=mask)}).write(self.path)
    with open(self.path, "rb") as file, gzip.open(f"{self.path}.gz", "wb") as packed:
      shutil.copyfileobj(file, packed)
    columns = self.read(7)
    self.assertEqual(columns.texts["id"][21:24].tolist(), ["21", "", "23"])
    self.assertTrue(np.isnan(columns["z"][22]))
    assert_same_tables(columns, self.read(7, f"{self.path}.gz"))

  @parameterized.product(kind=("u2", "u4", "u8", "i2", "i4", "i8", "u1"), rows=(1, 2, 5))
  def test_masks_of_whole_numbers_as_astropy_writes_them(self, kind, rows):
    number = np.iinfo(kind).max - np.arange(rows, dtype=kind)
    mask = np.arange(rows) % 3 == 1
    Table({"id": MaskedColumn(number, mask=mask)}).write(self.path)
    columns = self.read(2)
    expected = ["" if own else str(value) for own, value in zip(mask, number.tolist())]
    self.assertEqual(table_ids.ids_of(columns, "id", "x").tolist(), expected)

  def test_a_file_that_is_cut_short(self):
    self.write([fits.Column("id", "K", array=np.arange(3000))])
    os.truncate(self.path, 4 * 2880)
    with warnings.catch_warnings(action="ignore"), self.assertRaisesRegex(
        ValueError, "table.fits: not a readable table: .*too small for its 3000 rows"):
      self.read(7)

  def test_a_full_disk_is_no_damaged_table(self):
    self.write()
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with open(self.path, "rb") as file, gzip.open(f"{self.path}.gz", "wb") as packed:
      shutil.copyfileobj(file, packed)
    for path in (self.path, f"{self.path}.gz"):
      with mock.patch.object(os, "pwrite", side_effect=full), self.assertRaisesRegex(
          ScratchError, f"{self.scratch}: the disk is full.*--scratch_dir"):
        self.read(7, path)


if __name__ == "__main__":
  tf.test.main()
