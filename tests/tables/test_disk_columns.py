"""Columns on disk: the same values as in memory, and files that leave nothing behind."""

import errno
import gc
import os
import tempfile
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.tables import disk_columns, scratch_file
from pzbias_tf.tables.disk_columns import ColumnWriter, is_on_disk, stored, transformed
from pzbias_tf.tables.scratch_file import ScratchError, ScratchFile

NUM = 23
TYPES = ("?", "i1", "u2", "<i4", ">i4", "i8", "u8", "f2", "<f4", ">f4", "f8", ">f8", "c8", "S5",
         "U5")


def column(dtype: str, num: int = NUM) -> np.ndarray:
  """Values of a type, some of them no numbers where it has such."""
  values = np.arange(num) % 7 - (0 if "u" in dtype else 3)
  made = (np.char.mod("%d", values) if dtype[0] in "SU" else values).astype(dtype)
  if made.dtype.kind in "fc":
    made[3], made[4] = np.nan, np.inf
  return made


class DiskColumnsTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = tempfile.mkdtemp(dir=self.get_temp_dir())
    for name, value in (("SMALLEST_BYTES", 1), ("BLOCK", 5)):
      self.enter_context(mock.patch.object(disk_columns, name, value))

  @parameterized.parameters(*TYPES)
  def test_values_and_types_stay(self, dtype):
    values = column(dtype)
    shared, other = ScratchFile(self.folder), column("f8")
    writers = [ColumnWriter(self.folder), ColumnWriter(shared, NUM), ColumnWriter(shared, NUM)]
    for start in range(0, NUM, 4):
      for writer, own in zip(writers, (values, values, other)):
        writer.append(own[start:start + 4])
    for writer, own in zip(writers, (values, values, other)):
      array = writer.array()
      self.assertTrue(is_on_disk(array))
      self.assertEqual(array.dtype, own.dtype)
      np.testing.assert_array_equal(array, own)
      np.testing.assert_array_equal(array[2:9:3], own[2:9:3])
      np.testing.assert_array_equal(np.concatenate(list(writer.blocks())), own)
      self.assertEqual([len(block) for block in writer.blocks()], [5, 5, 5, 5, 3])

  @parameterized.parameters(*TYPES)
  def test_values_and_types_stay_in_memory(self, dtype):
    writer, values = ColumnWriter(self.folder), column(dtype)
    with mock.patch.object(disk_columns, "SMALLEST_BYTES", 1 << 20):
      for start in range(0, NUM, 4):
        writer.append(values[start:start + 4])
    self.assertFalse(is_on_disk(writer.array()))
    self.assertEqual(writer.array().dtype, values.dtype)
    np.testing.assert_array_equal(writer.array(), values)

  @parameterized.parameters("S", "U")
  def test_texts_become_wider(self, kind):
    words = [["a", "bb"], ["c"], ["dddd", ""], ["ee"], [], ["f" * 9], ["g"]]
    shared, expected = ScratchFile(self.folder), np.array(sum(words, []), kind)
    for writer in (ColumnWriter(self.folder), ColumnWriter(shared, len(expected)),
                   ColumnWriter(shared, len(expected))):
      for block in words:
        writer.append(np.array(block, kind))
      self.assertEqual(writer.array().dtype, expected.dtype)
      np.testing.assert_array_equal(writer.array(), expected)

  def test_another_type_and_too_many_rows(self):
    writer = ColumnWriter(self.folder)
    writer.append(np.arange(3))
    with self.assertRaisesRegex(TypeError, "int64 cannot take values of float64"):
      writer.append(np.ones(3))
    shared = ScratchFile(self.folder)
    first, second = ColumnWriter(shared, 3), ColumnWriter(shared, 3)
    for writer in (first, second):
      writer.append(np.arange(3))
    with self.assertRaisesRegex(ValueError, "more rows than its file announces"):
      first.append(np.arange(1))

  def test_short_columns_stay_in_memory(self):
    with mock.patch.object(disk_columns, "SMALLEST_BYTES", 8 * NUM + 1):
      for rows, expected in ((0, False), (NUM + 1, True)):
        writer = ColumnWriter(self.folder, rows)
        writer.append(np.arange(4))
        writer.append(np.arange(4, NUM))
        self.assertEqual(is_on_disk(writer.array()), expected)
        self.assertAllEqual(writer.array(), np.arange(NUM))
      self.assertEqual([len(block) for block in writer.blocks()], [5, 5, 5, 5, 3])

  def test_no_values(self):
    self.assertEmpty(ColumnWriter(self.folder).array())
    writer = ColumnWriter(self.folder)
    writer.append(np.zeros(0, "U3"))
    self.assertEqual(writer.array().dtype, np.dtype("U3"))
    writer = ColumnWriter(self.folder, NUM)
    for values in (np.zeros(0), column("f8")):
      writer.append(values)
    np.testing.assert_array_equal(writer.array(), column("f8"))

  def test_a_file_has_no_name_and_is_freed_with_the_last_array(self):
    gc.collect()  # what earlier tests left
    descriptors = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    array = stored(column("f8"), self.folder)
    part, maps = array[3:5], len(scratch_file._MAPS)
    self.assertEmpty(os.listdir(self.folder))
    del array
    gc.collect()
    self.assertLen(scratch_file._MAPS, maps)
    np.testing.assert_array_equal(part, column("f8")[3:5])
    del part
    gc.collect()
    self.assertLen(scratch_file._MAPS, maps - 1)
    if descriptors is not None:
      self.assertLessEqual(len(os.listdir("/proc/self/fd")), descriptors)  # others may have ended

  def test_columns_of_one_file_share_a_map(self):
    shared, maps = ScratchFile(self.folder), len(scratch_file._MAPS)
    writers = [ColumnWriter(shared, NUM) for _ in range(50)]
    for writer in writers:
      writer.append(column("f8"))
    arrays = [writer.array() for writer in writers]
    self.assertLen(scratch_file._MAPS, maps + 1)
    self.assertLen(arrays, 50)

  def test_values_cannot_be_changed_and_survive_their_release(self):
    array = stored(column("f8"), self.folder)
    with self.assertRaisesRegex(ValueError, "read-only"):
      array[0] = 1.0
    scratch_file.release_pages()
    np.testing.assert_array_equal(array, column("f8"))

  def test_what_is_on_disk_or_one_value_is_not_written_again(self):
    array = stored(column("f8"), self.folder)
    self.assertIs(stored(array, self.folder), array)
    same = np.broadcast_to(np.nan, NUM)
    self.assertIs(stored(same, self.folder), same)

  def test_functions_of_columns(self):
    first, second = column("i4"), np.arange(NUM)
    for folder in (self.folder, ""):
      both = transformed(lambda one, other: one * other, first, second, scratch=folder)
      self.assertTrue(is_on_disk(both))
      self.assertAllEqual(both, first * second)
    total, words = disk_columns.all_transformed(
        lambda one, other: (one + other, other.astype(str)), first, second, scratch=self.folder)
    self.assertAllEqual(total, first + second)
    self.assertAllEqual(words, second.astype(str))
    self.assertEqual(words.dtype, np.dtype("U21"))

  @parameterized.parameters((errno.ENOSPC, "the disk is full"), (errno.EIO, "no place"))
  def test_a_full_disk(self, number, message):
    with mock.patch.object(os, "pwrite", side_effect=OSError(number, os.strerror(number))):
      with self.assertRaisesRegex(ScratchError, f"{self.folder}: {message}.*--scratch_dir"):
        stored(column("f8"), self.folder)

  def test_too_many_files(self):
    error, writer = OSError(errno.EMFILE, os.strerror(errno.EMFILE)), ColumnWriter(self.folder)
    writer.append(column("f8"))
    for module, name, action in ((tempfile, "TemporaryFile", lambda: stored(column("f8"))),
                                 (scratch_file.mmap, "mmap", writer.array)):
      with mock.patch.object(module, name, side_effect=error):
        with self.assertRaisesRegex(ScratchError, "too many files are open .*ulimit -n"):
          action()

  def test_half_a_write_goes_on(self):
    write = os.pwrite
    with mock.patch.object(os, "pwrite", lambda file, data, start: write(file, data[:7], start)):
      array = stored(column("f8"), self.folder)
    np.testing.assert_array_equal(array, column("f8"))

  def test_no_folder(self):
    with self.assertRaisesRegex(ScratchError, "nowhere: no place.*--scratch_dir"):
      stored(column("f8"), os.path.join(self.folder, "nowhere"))


if __name__ == "__main__":
  tf.test.main()
