"""Packed files may not unpack to more than the memory holds."""

import bz2
import gzip
import lzma
import os
from unittest import mock

from absl.testing import parameterized
import tensorflow as tf

from pzbias_tf.guards import unpacking
from pzbias_tf.guards.unpacking import BombError

PACKERS = ((gzip.compress, gzip.open), (bz2.compress, bz2.open), (lzma.compress, lzma.open))


class UnpackingTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = os.path.join(self.create_tempdir().full_path, "a")
    self.enter_context(mock.patch.object(unpacking, "USUAL_BYTES", 1 << 20))

  def write(self, content):
    with open(self.path, "wb") as file:
      file.write(content)

  @parameterized.parameters(*PACKERS)
  def test_bombs(self, pack, opener):
    self.write(pack(bytes(1 << 23)))
    for use in (unpacking.check, unpacking.contents):
      with self.assertRaisesRegex(BombError, f"{self.path}: .* bytes unpack to .* GB or more"):
        use(self.path)
    with open(f"{self.path}.out", "wb") as target, opener(self.path) as packed:
      with self.assertRaises(BombError):
        unpacking.copy(self.path, packed, target)
    self.assertLess(os.path.getsize(f"{self.path}.out"), 1 << 22)

  @parameterized.parameters(*PACKERS)
  def test_usual_files(self, pack, unused_opener):
    for content in (b"", b"some text" * 1000, os.urandom(3 << 20)):
      self.write(pack(content))
      unpacking.check(self.path)
      self.assertEqual(unpacking.contents(self.path), content)

  def test_files_that_are_not_packed(self):
    content = bytes(1 << 22)
    self.write(content)
    unpacking.check(self.path)
    self.assertEqual(unpacking.contents(self.path), content)
    unpacking.check(f"{self.path}.missing")

  @parameterized.parameters(b"BZ,z\n1,0.1\n", b"BZ", b"\x1f", b"\xfd7 z\n")
  def test_texts_that_begin_like_a_packed_file(self, content):
    self.write(content)
    unpacking.check(self.path)
    self.assertEqual(unpacking.contents(self.path), content)

  def test_announced_sizes(self):
    unpacking.check_size("a", 10, 1 << 20)
    unpacking.check_size("a", 1 << 20, 100 << 20)
    with self.assertRaisesRegex(BombError, "a: 10 bytes unpack to 9.8 GB"):
      unpacking.check_size("a", 10, 9_800_000_000)

  def test_fifo(self):
    os.mkfifo(self.path)
    for use in (unpacking.check, unpacking.contents):
      with self.assertRaisesRegex(OSError, "is no plain file, but a FIFO"):
        use(self.path)


if __name__ == "__main__":
  tf.test.main()
