"""HDF5 files of this package: changed values are noticed, files without digests are read."""

import os

from absl.testing import parameterized
import h5py
import numpy as np
import tensorflow as tf

from pzbias_tf.guards import hdf5_files


class Hdf5FilesTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = os.path.join(self.create_tempdir().full_path, "a.hdf5")

  def write(self, values):
    with h5py.File(self.path, "w") as file:
      hdf5_files.write(file, "group/x", values)

  def read(self):
    with hdf5_files.opened(self.path, "make it again") as file:
      return hdf5_files.read(file, "group/x")

  @parameterized.parameters((np.arange(6.0).reshape(2, 3),), (np.array([b"a", b"bc"]),),
                            (np.zeros([0, 3], np.float32),), (np.float32(3),),
                            (np.array([True, False]),))
  def test_what_is_written_is_read(self, values):
    self.write(values)
    self.assertAllEqual(self.read(), values)

  @parameterized.parameters(0, 3, 6, 7)
  def test_flipped_bits(self, bit):
    values = np.linspace(1, 2, 50)
    self.write(values)
    with open(self.path, "rb") as file:
      content = bytearray(file.read())
    content[content.index(values[7].tobytes()) + 5] ^= 1 << bit
    with open(self.path, "wb") as file:
      file.write(content)
    with self.assertRaisesRegex(ValueError, f"{self.path} has changed since (?s:.*)--accept="):
      self.read()
    hdf5_files.seal(self.path)
    self.assertNotAllEqual(self.read(), values)

  def test_parts_in_their_order(self):
    values = np.arange(10, dtype=np.float32).reshape(5, 2)
    with h5py.File(self.path, "w") as file:
      file.create_dataset("group/x", values.shape, values.dtype)[...] = values
      digest = hdf5_files.ValuesDigest(values.dtype, values.shape)
      for part in np.array_split(values, 3):
        digest.update(part)
      digest.seal(file["group/x"])
    self.assertAllEqual(self.read(), values)

  def test_file_without_digests_is_read(self):
    with h5py.File(self.path, "w") as file:
      file["group/x"] = np.arange(3)
    self.assertAllEqual(self.read(), [0, 1, 2])

  @parameterized.parameters(h5py.ExternalLink("other.hdf5", "/x"), h5py.SoftLink("/y"))
  def test_links(self, link):
    with h5py.File(self.path, "w") as file:
      file["y"] = np.arange(3)
      file["group/x"] = link
    with self.assertRaisesRegex(ValueError, "group/x points elsewhere"):
      self.read()

  def test_values_in_another_file(self):
    with h5py.File(self.path, "w") as file:
      file.create_dataset("group/x", (3,), "f8", external=[("/etc/passwd", 0, 24)])
    with self.assertRaisesRegex(ValueError, "group/x is no table of numbers in the file itself"):
      self.read()

  @parameterized.parameters((b"",), (b"no HDF5",), (b"\x89HDF\r\n\x1a\n" + bytes(100),))
  def test_other_contents(self, content):
    with open(self.path, "wb") as file:
      file.write(content)
    with self.assertRaisesRegex(OSError, f"{self.path}: damaged .*; make it again"):
      self.read()

  def test_missing_and_no_plain_file(self):
    with self.assertRaisesRegex(FileNotFoundError, "is missing; make it again"):
      self.read()
    os.mkfifo(self.path)
    with self.assertRaisesRegex(OSError, "is no plain file"):
      self.read()


if __name__ == "__main__":
  tf.test.main()
