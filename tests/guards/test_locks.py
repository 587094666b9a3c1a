"""Folders are for one process at a time, and locks change no file of others."""

import errno
import fcntl
import os
import threading
from unittest import mock

from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.guards import locks
from pzbias_tf.guards.locks import exclusive_folder, exclusive_path


class LocksTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.lock = os.path.join(self.folder, locks.LOCK_NAME)

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
    with mock.patch.object(locks.logging, "info", side_effect=lambda *words: waits.set()):
      with exclusive_folder(self.folder):
        waiting.start()
        self.assertTrue(waits.wait(60))  # it has found the folder locked, and says so
        self.assertEmpty(entered)
      waiting.join(60)
    self.assertLen(entered, 1)

  @parameterized.parameters("symbolic link", "hard link", "broken link", "FIFO", "folder")
  def test_what_is_no_lock_stays_as_it_is(self, kind):
    target = self.create_tempfile(content="precious").full_path
    if kind == "symbolic link":
      os.symlink(target, self.lock)
    elif kind == "hard link":
      os.link(target, self.lock)
    elif kind == "broken link":
      os.symlink(f"{target}.new", self.lock)
    else:
      (os.mkfifo if kind == "FIFO" else os.mkdir)(self.lock)
    with self.assertRaisesRegex(OSError, f"{self.lock} is a link, or no plain file.*remove it"):
      with exclusive_folder(self.folder):
        pass
    with open(target, encoding="utf-8") as file:
      self.assertEqual(file.read(), "precious")
    self.assertFalse(os.path.exists(f"{target}.new"))

  def test_a_plain_file_keeps_its_contents(self):
    with open(self.lock, "w", encoding="utf-8") as file:
      file.write("of an older version")
    with exclusive_folder(self.folder):
      pass
    with open(self.lock, encoding="utf-8") as file:
      self.assertEqual(file.read(), "of an older version")

  def test_a_path_is_for_one_process_at_a_time_and_its_lock_goes(self):
    path = os.path.join(self.folder, "new")
    with exclusive_path(path):
      with self.assertRaisesRegex(OSError, f"another process is at work in {path}; wait"):
        with exclusive_path(path):
          pass
      self.assertEqual(os.listdir(self.folder), [".new.lock"])
    self.assertEmpty(os.listdir(self.folder))

  def test_a_lock_that_its_holder_removes_is_made_again(self):
    flock, calls = fcntl.flock, []

    def removed_meanwhile(descriptor, operation):
      flock(descriptor, operation)
      if not calls:
        os.remove(self.lock)
      calls.append(operation)

    with mock.patch.object(fcntl, "flock", removed_meanwhile):
      with exclusive_folder(self.folder):
        self.assertLen(calls, 2)
        self.assertTrue(os.path.exists(self.lock))

  @parameterized.parameters(errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
  def test_a_file_system_without_locks(self, number):
    with mock.patch.object(fcntl, "flock", side_effect=OSError(number, os.strerror(number))):
      with self.assertLogs("absl", "WARNING") as logs, exclusive_folder(self.folder):
        pass
    self.assertIn(f"{self.folder}: the file system has no locks", logs.output[0])

  def test_other_errors_of_locks_are_raised(self):
    with mock.patch.object(fcntl, "flock", side_effect=OSError(errno.EIO, "I/O error")):
      with self.assertRaisesRegex(OSError, "I/O error"):
        with exclusive_folder(self.folder):
          pass


if __name__ == "__main__":
  tf.test.main()
