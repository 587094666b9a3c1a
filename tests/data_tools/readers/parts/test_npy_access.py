"""Arrays are read in place, row by row, and without executing anything."""

import os
import subprocess
import sys

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools.readers.parts import npy_access
from tests.data_tools import sample_formats


class NpyAccessTest(sample_formats.FormatsTest, parameterized.TestCase):

  def test_uncompressed_member_is_mapped_in_place(self):
    path = os.path.join(self.input, "a.npz")
    np.savez(path, first=np.arange(5), cube=np.arange(24.0).reshape(2, 3, 4))
    location = npy_access.locate(path, "cube")
    self.assertEqual(location.path, path)
    self.assertAllEqual(location.open(), np.arange(24.0).reshape(2, 3, 4))

  def test_fortran_order(self):
    array = np.asfortranarray(np.arange(24.0).reshape(2, 3, 4))
    path = os.path.join(self.input, "a.npy")
    np.save(path, array)
    self.assertAllEqual(npy_access.locate(path).open(), array)
    self.assertAllEqual(npy_access.load(path), array)

  @parameterized.parameters("C", "F")
  def test_single_rows(self, order):
    array = np.asarray(np.arange(24.0).reshape(4, 3, 2), order=order)
    path = os.path.join(self.input, "a.npz")
    np.savez(path, other=np.arange(9), cube=array)
    rows = npy_access.RowReader(npy_access.locate(path, "cube"))
    for row in (3, 0, 2):
      self.assertAllEqual(rows(row), array[row])

  def test_file_truncated_while_it_is_read(self):
    path = os.path.join(self.input, "a.npy")
    np.save(path, np.arange(24.0).reshape(4, 3, 2))
    rows = npy_access.RowReader(npy_access.locate(path))
    os.truncate(path, 200)
    with self.assertRaisesRegex(ValueError, "a.npy: truncated while it was read"):
      rows(3)

  def test_unpacked_copy_is_reported_and_removed_at_exit(self):
    path, scratch = os.path.join(self.input, "a.npz"), self.create_tempdir().full_path
    os.makedirs(os.path.join(scratch, "pzbias-unpacked-old"))
    np.savez_compressed(path, cube=np.arange(6.0).reshape(3, 2))
    program = ("import sys; from data_tools.readers.parts import npy_access; "
               "from absl import logging; logging.set_verbosity(logging.INFO); "
               "place = npy_access.locate(sys.argv[1], 'cube', scratch=sys.argv[2]); "
               "print(place.path, npy_access.RowReader(place)(2))")
    done = subprocess.run([sys.executable, "-c", program, path, scratch], check=True, text=True,
                          capture_output=True)
    self.assertRegex(done.stdout, r"unpacked-\w+/cube.npy \[4. 5.\]")
    self.assertRegex(done.stderr, "a.npz is compressed: unpacking cube.npy .* until the end")
    self.assertRegex(done.stderr, "pzbias-unpacked-old: an interrupted command left it")
    self.assertEqual(os.listdir(scratch), ["pzbias-unpacked-old"])

  def test_payload_in_an_object_array_is_never_executed(self):
    target = os.path.join(self.input, "executed")

    class Malicious:

      def __reduce__(self):
        return open, (target, "w")

    path = os.path.join(self.input, "labels.npy")
    np.save(path, np.array([Malicious()], object), allow_pickle=True)
    with self.assertRaisesRegex(ValueError, "labels.npy: the pickle asks for .*open"):
      npy_access.load(path)
    with self.assertRaisesRegex(ValueError, "holds Python objects"):
      npy_access.locate(path)
    self.assertFalse(os.path.exists(target))

  def test_plain_objects_are_read(self):
    path = os.path.join(self.input, "labels.npy")
    array = np.array([(0.1, "a"), (0.2, "b")], [("z", "f8"), ("name", object)])
    np.save(path, array, allow_pickle=True)
    loaded = npy_access.load(path)
    self.assertAllEqual(loaded["z"], [0.1, 0.2])
    self.assertEqual(list(loaded["name"]), ["a", "b"])

  def test_truncated_zip_and_not_an_array(self):
    path = os.path.join(self.input, "a.npz")
    np.savez(path, cube=np.arange(500))
    with open(path, "r+b") as file:
      file.truncate(1000)
    with self.assertRaisesRegex(ValueError, "a.npz: damaged or truncated"):
      npy_access.members(path)
    with open(path + ".npy", "wb") as file:
      file.write(b"no array at all")
    with self.assertRaisesRegex(ValueError, "not a readable numpy array"):
      npy_access.peek(path + ".npy")


if __name__ == "__main__":
  tf.test.main()
