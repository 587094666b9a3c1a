"""Files are written completely or not at all."""

import os
import stat
from unittest import mock

import tensorflow as tf

from pzbias_tf.files import whole_file, write_text


class FilesTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.path = os.path.join(self.folder, "file.txt")

  def read(self):
    with open(self.path, encoding="utf-8") as file:
      return file.read()

  def test_replaces_whole_files(self):
    write_text(self.path, "a long first text")
    write_text(self.path, "second")
    self.assertEqual(self.read(), "second")
    self.assertEqual(os.listdir(self.folder), ["file.txt"])

  def test_nothing_is_seen_before_the_end(self):
    with whole_file(self.path) as hidden:
      with open(hidden, "w") as file:
        file.write("x")
      self.assertFalse(os.path.exists(self.path))
    self.assertEqual(self.read(), "x")

  def test_contents_and_name_are_put_on_disk_in_this_order(self):
    calls = []
    with mock.patch.multiple(
        os, fsync=lambda descriptor: calls.append(stat.S_ISDIR(os.fstat(descriptor).st_mode)),
        replace=lambda *names: calls.append(names[1])):
      write_text(self.path, "x")
    self.assertEqual(calls, [False, self.path, True])

  def test_processes_of_two_hosts_with_one_id_write_to_two_files(self):
    with mock.patch.object(os, "getpid", return_value=7):
      with whole_file(self.path) as one, whole_file(self.path) as other:
        self.assertNotEqual(one, other)
        for name in (one, other):
          with open(name, "w", encoding="utf-8") as file:
            file.write("x")

  def test_failure_leaves_the_old_file_unchanged(self):
    write_text(self.path, "old")
    with self.assertRaises(KeyError):
      with whole_file(self.path) as hidden:
        with open(hidden, "w") as file:
          file.write("half")
        raise KeyError
    self.assertEqual(self.read(), "old")
    self.assertEqual(os.listdir(self.folder), ["file.txt"])


if __name__ == "__main__":
  tf.test.main()
