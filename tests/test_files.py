"""Files are written completely or not at all, and folders are locked."""

import errno
import os
import stat
import threading
from unittest import mock

import tensorflow as tf

from pzbias_tf import files
from pzbias_tf.files import exclusive_folder, whole_file, write_text


class FilesTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.path = os.path.join(self.folder, "file.txt")

  def read(self):
    with open(self.path, encoding="utf-8") as file:
      return file.read()

  def test_a_file_system_without_locks(self):
    for number in files.NO_LOCKS:
      with mock.patch.object(files.fcntl, "flock", side_effect=OSError(number, "no locks")):
        with self.assertLogs(level="WARNING") as logged, exclusive_folder(self.folder):
          pass
      self.assertIn("this file system has no locks", logged.output[0])
    with mock.patch.object(files.fcntl, "flock", side_effect=OSError(errno.EIO, "broken")):
      with self.assertRaisesRegex(OSError, "broken"), exclusive_folder(self.folder):
        pass

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

  def test_a_folder_is_for_one_process_at_a_time(self):
    with exclusive_folder(self.folder):
      with self.assertRaisesRegex(OSError, "another process is at work in"):
        with exclusive_folder(self.folder):
          pass
    with exclusive_folder(self.folder):
      pass

  def test_waiting_for_the_other_process(self):
    entered, waits = [], threading.Event()

    def other():
      with exclusive_folder(self.folder, wait=True):
        entered.append(True)

    waiting = threading.Thread(target=other)
    with mock.patch.object(files.logging, "info", side_effect=lambda *words: waits.set()):
      with exclusive_folder(self.folder):
        waiting.start()
        self.assertTrue(waits.wait(60))  # it has found the folder locked, and says so
        self.assertEmpty(entered)
      waiting.join(60)
    self.assertLen(entered, 1)


if __name__ == "__main__":
  tf.test.main()
