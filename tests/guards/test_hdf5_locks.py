"""HDF5 files that are locked, or on a file system without locks."""

import errno
import os
import subprocess
import sys
from unittest import mock

from absl.testing import parameterized
import h5py
import tensorflow as tf

from pzbias_tf.guards import hdf5_locks

HOLDS = "import h5py, sys; f = h5py.File(sys.argv[1], 'r+'); print('open', flush=True); input()"


class OpenTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = os.path.join(self.create_tempdir().full_path, "a.h5")
    with h5py.File(self.path, "w") as file:
      file["a"] = 1

  def test_a_file_that_another_program_writes(self):
    with subprocess.Popen([sys.executable, "-c", HOLDS, self.path], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as other:
      self.assertEqual(other.stdout.readline(), b"open\n")
      with self.assertRaisesRegex(OSError, "locked by another program.*HDF5_USE_FILE_LOCKING"):
        hdf5_locks.open_hdf5(self.path)
      other.communicate(b"\n")
    with hdf5_locks.open_hdf5(self.path) as file:
      self.assertEqual(file["a"][()], 1)

  @parameterized.parameters(errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
  def test_a_file_system_without_locks(self, number):
    opened = h5py.File

    def without_locks(path, mode="r", locking=None, **options):
      if locking is None:
        raise OSError(f"Unable to open file (unable to lock file, errno = {number}, error ...)")
      return opened(path, mode, locking=locking, **options)

    with mock.patch.object(hdf5_locks.h5py, "File", without_locks):
      with self.assertLogs(level="WARNING") as logged:
        with hdf5_locks.open_hdf5(self.path) as file:
          self.assertEqual(file["a"][()], 1)
    self.assertIn("no locks", logged.output[0])

  def test_other_errors_stay_what_they_are(self):
    with self.assertRaises(FileNotFoundError):
      hdf5_locks.open_hdf5(self.path + "x")


if __name__ == "__main__":
  tf.test.main()
