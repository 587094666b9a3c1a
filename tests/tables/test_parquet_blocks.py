"""Parquet tables read some rows at a time: as pyarrow reads the whole table."""

import datetime
import decimal
import errno
import importlib.util
import os
import tempfile
import unittest
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf import table_columns, tables
from pzbias_tf.tables.disk_columns import is_on_disk
from pzbias_tf.tables.scratch_file import ScratchError
from tests.tables.small_blocks import assert_same_tables, read_in_blocks

NUM = 40


@unittest.skipUnless(importlib.util.find_spec("pyarrow"), "needs the extra parquet")
class ParquetBlocksTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = tempfile.mkdtemp(dir=self.get_temp_dir())
    self.scratch = tempfile.mkdtemp(dir=self.get_temp_dir())

  def columns(self):
    import pyarrow as pa
    rows = np.arange(NUM)
    late = [None if row == NUM - 3 else int(row) for row in rows]  # all but the first blocks
    words = [None if row % 11 == 5 else "x" * (row % 9) for row in rows]
    return {
        **{f"plain_{kind}": pa.array(rows, kind) for kind in (
            "int8", "uint16", "int64", "uint64", "float32", "double")},
        "half": pa.array(rows.astype(np.float16)),
        **{f"nulls_{kind}": pa.array(late, kind) for kind in (
            "int8", "uint32", "int64", "float32", "double")},
        "large": pa.array([2**63 + row if row != 7 else None for row in range(NUM)], "uint64"),
        "truth": pa.array([row % 2 == 0 if row != 31 else None for row in range(NUM)]),
        "text": pa.array(words), "long_text": pa.array(words, "large_string"),
        "bytes": pa.array([None if word is None else word.encode() for word in words], "binary"),
        "late_bytes": pa.array([b"a"] * (NUM - 1) + [b"\xff"], "binary"),
        "fixed": pa.array([b"ab\0\0"] * NUM, pa.binary(4)),
        "classes": pa.array(words).dictionary_encode(),
        "numbers": pa.array(late, "int32").dictionary_encode(),
        "money": pa.array([None if row == 9 else decimal.Decimal(f"{row}.25") for row in rows]),
        "day": pa.array([datetime.date(2020, 1, 1)] * NUM),
        "nothing": pa.nulls(NUM), "none": pa.nulls(NUM, "int32"),
        "one": pa.array([[float(row)] for row in rows], pa.list_(pa.float64(), 1)),
        "several": pa.array([[1, 2]] * NUM), "record": pa.array([{"a": 1}] * NUM)}

  def write(self, name="table.parquet", rows=slice(None), **settings):
    import pyarrow as pa
    from pyarrow import parquet
    columns = {key: values[rows] for key, values in self.columns().items()}
    parquet.write_table(pa.table(columns), os.path.join(self.folder, name), **settings)
    return os.path.join(self.folder, name)

  @parameterized.parameters(1, 7, NUM - 1, NUM)
  def test_row_groups_and_blocks(self, rows):
    path = self.write(row_group_size=9)
    with read_in_blocks(NUM):
      whole = tables.read_table(path)
    with read_in_blocks(rows):
      columns = tables.read_table(path, self.scratch)
    assert_same_tables(columns, whole)
    self.assertTrue(all(map(is_on_disk, columns.values())))
    self.assertEmpty(os.listdir(self.scratch))

  def test_values_as_pyarrow_has_them(self):
    path, made = self.write(row_group_size=9), self.columns()
    with read_in_blocks(7):
      columns = tables.read_table(path)
    for name in [key for key in made if key.startswith(("plain", "half"))]:
      expected = made[name].to_numpy()
      self.assertEqual(columns[name].dtype, expected.dtype)
      self.assertAllEqual(columns[name], expected)
    for name in ("nulls_int64", "nulls_uint32", "large", "numbers"):
      given = made[name].to_pylist()
      self.assertEqual(columns[name].dtype, np.float64)
      self.assertAllEqual(columns.texts[name], ["" if own is None else str(own) for own in given])
      np.testing.assert_array_equal(
          columns[name], [np.nan if own is None else float(own) for own in given])
    for name in ("text", "long_text", "bytes", "classes"):
      self.assertAllEqual(columns[name], [word or "" for word in made["text"].to_pylist()])
      self.assertEqual(columns[name].dtype, np.dtype("U8"))
    self.assertAllEqual(columns["fixed"], ["ab"] * NUM)
    self.assertEqual(columns.texts["money"][:1], ["0.25"])
    self.assertEqual(set(columns.skipped), {"several", "record", "late_bytes"})
    self.assertIn("several values per row", columns.skipped["several"])
    self.assertIn("decode byte 0xff", columns.skipped["late_bytes"])

  @parameterized.parameters(
      (1, None), (3, None), (1, "list"), (3, "struct"), (2, "tensor"))
  def test_lists_that_are_missing_leave_the_others_alone(self, size, kind):
    import pyarrow as pa
    from pyarrow import parquet
    rows = [None if row == 7 else [float(row)] * size for row in range(NUM)]
    values = (pa.array(rows) if kind == "list" else
              pa.array([row and {"a": row} for row in rows], pa.struct(
                  {"a": pa.list_(pa.float64(), size)})) if kind == "struct" else
              pa.array(rows, pa.list_(pa.float64(), size)))
    if kind == "tensor":
      values = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float64(), [size]), values)
    path = os.path.join(self.folder, "lists.parquet")
    parquet.write_table(pa.table({"id": pa.array(range(NUM)), "v": values, "z": pa.array(
        np.linspace(0, 1, NUM))}), path, row_group_size=9)
    with read_in_blocks(7):
      columns = tables.read_table(path)
    self.assertEqual(list(columns), ["id", "z"])
    self.assertAllEqual(columns["id"], np.arange(NUM))
    self.assertAllEqual(columns["z"], np.linspace(0, 1, NUM))
    with self.assertRaisesRegex(ValueError, "column 'v', named by --r_column, cannot be used: .*"
                                "name a column of one value per galaxy"):
      table_columns.named(columns, "v", "--r_column", path)

  @parameterized.parameters(
      ["a", "b", "a"], ["a", "b", "a.mask"], ["a.b.c", "z", "a", "a.b"], ["b", "a", "b", "a", "b"],
      ["one.x", "one", "z"], ["several", "z", "several.list.element"], ["z", "several", "z"])
  def test_each_column_has_its_own_numbers(self, *names):
    import pyarrow as pa
    from pyarrow import parquet
    rows = np.arange(NUM)
    columns = [pa.array([[float(row + 100 * place)] for row in rows], pa.list_(pa.float64(), 1))
               if name == "one" else pa.array([[1, 2]] * NUM) if name == "several" else
               pa.array(rows + 100 * place) for place, name in enumerate(names)]
    path = os.path.join(self.folder, "names.parquet")
    parquet.write_table(pa.Table.from_arrays(columns, names), path, row_group_size=9)
    with read_in_blocks(7):
      table = tables.read_table(path)
    kept = set(names) - {"several"}
    self.assertEqual(set(table), kept)
    for name in kept:
      self.assertAllEqual(table[name], rows + 100 * names.index(name), name)
    self.assertEqual(table.twice, {name for name in kept if names.count(name) > 1})

  @parameterized.parameters("unit", "units", "UNIT", "Units")
  def test_units_of_fields(self, key):
    import pyarrow as pa
    from pyarrow import parquet
    path = os.path.join(self.folder, "units.parquet")
    schema = pa.schema([pa.field("z", pa.float64(), metadata={key: "km/s", "description": "cz"})])
    parquet.write_table(pa.table([pa.array([0.25])], schema), path)
    columns = tables.read_table(path)
    self.assertEqual((columns.unit("z"), columns.description("z")), ("km/s", "cz"))

  def test_notes_of_astropy_that_cannot_be_read(self):
    import pyarrow as pa
    from pyarrow import parquet
    path = os.path.join(self.folder, "notes.parquet")
    parquet.write_table(pa.table({"z": [0.25]}, metadata={"table_meta_yaml": "{"}), path)
    with self.assertLogs(level="WARNING") as logs:
      self.assertAllEqual(tables.read_table(path)["z"], [0.25])
    self.assertIn("descriptions of columns that astropy wrote cannot be read", logs.output[0])

  def test_parts(self):
    whole = self.write()
    with read_in_blocks(NUM):
      expected = tables.read_table(whole)
    os.remove(whole)
    for number, (start, stop) in enumerate(((0, 0), (0, 13), (13, 14), (14, NUM))):
      self.write(f"part-{number}.parquet", slice(start, stop), row_group_size=4)
    for rows in (3, NUM):
      with read_in_blocks(rows):
        assert_same_tables(tables.read_table(self.folder), expected)

  def test_parts_of_another_order_and_without_values(self):
    import pyarrow as pa
    from pyarrow import parquet
    for number, columns in enumerate((
        {"id": pa.array([1, 2]), "z": pa.nulls(2)}, {"z": pa.array([0.5]), "id": pa.array([3])})):
      parquet.write_table(pa.table(columns), os.path.join(self.folder, f"{number}.parquet"))
    columns = tables.read_table(self.folder)
    self.assertEqual(list(columns), ["id", "z"])
    self.assertAllEqual(columns["id"], [1, 2, 3])
    np.testing.assert_array_equal(columns["z"], [np.nan, np.nan, 0.5])

  def test_no_rows(self):
    path = self.write(rows=slice(0, 0))
    columns = tables.read_table(path)
    self.assertEqual(tables.num_rows(columns, path), 0)
    self.assertEqual(columns["plain_int8"].dtype, np.int8)
    self.assertEqual(columns["text"].dtype.kind, "U")

  def test_a_full_disk_is_no_damaged_table(self):
    path = self.write()
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with read_in_blocks(7), mock.patch.object(os, "pwrite", side_effect=full):
      with self.assertRaisesRegex(ScratchError, f"{self.scratch}: the disk is full.*scratch_dir"):
        tables.read_table(path, self.scratch)

  def test_damage_within(self):
    path = self.write(row_group_size=9, compression="none")
    with open(path, "r+b") as file:
      file.seek(60)
      file.write(bytes(range(200)))
    with self.assertRaisesRegex(ValueError, "table.parquet: not a readable table"):
      tables.read_table(path)


if __name__ == "__main__":
  tf.test.main()
