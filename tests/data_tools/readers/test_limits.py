"""Files that would hang a reader or fill the memory are refused, or reject their galaxy."""

import bz2
import errno
import gzip
import io
import os
import subprocess
import sys
from unittest import mock
import zipfile

from absl.testing import parameterized
from astropy.io import fits
import h5py
import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.readers.hdf5_files import hdf5_access
from data_tools.readers.parts import fits_reading, images, npy_access, templates
from data_tools.readers.parts.cutout_source import ImageError
from pzbias_tf import tables
from pzbias_tf.guards import unpacking
from pzbias_tf.survey import SDSS

NUM = 4


class LimitsTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path

  def path(self, name):
    return os.path.join(self.folder, name)

  def hdf5(self, change):
    """A survey in one file, changed."""
    path = self.path("a.hdf5")
    with h5py.File(path, "w") as file:
      file["cube"] = np.ones([NUM, 8, 8, 5], np.float32)
      for name, value in (("id", 1), ("z", 0.1), ("r", 16.0), ("ebv", 0.0)):
        file[name] = np.full(NUM, value) + np.arange(NUM) * (name == "id")
      change(file)
    return path

  @parameterized.parameters("images", "fits")
  def test_fifo_in_place_of_an_image(self, kind):
    path = self.path("a.npy")
    os.mkfifo(path)
    read = images._load if kind == "images" else fits_reading.read_units
    with self.assertRaisesRegex(ImageError, "a FIFO, socket or device in place of a file"):
      read(path)

  @parameterized.parameters("a.csv", "a.fits", "a.npy", "a.npz")
  def test_fifo_in_place_of_a_table(self, name):
    path = self.path(name)
    os.mkfifo(path)
    read = tables.read_table if name < "a.n" else npy_access.load
    with self.assertRaisesRegex(OSError, "is no plain file, but a FIFO"):
      read(*([path, "x"] if name == "a.npz" else [path]))

  @parameterized.parameters(("a.fits.gz", gzip.open), ("a.fits.bz2", bz2.open))
  def test_bomb_in_place_of_an_image(self, name, opener):
    path = self.path(name)
    with opener(path, "wb") as file:
      file.write(bytes(1 << 22))
    with mock.patch.object(unpacking, "USUAL_BYTES", 1 << 20):
      with self.assertRaisesRegex(ImageError, "far larger, unpacked, than a cutout"):
        fits_reading.read_units(path)

  def test_bomb_in_place_of_a_table(self):
    path = self.path("a.csv.gz")
    with gzip.open(path, "wb") as file:
      file.write(b"id,z\n" + b"1,2\n" * (1 << 20))
    with mock.patch.object(unpacking, "USUAL_BYTES", 1 << 20):
      with self.assertRaisesRegex(ValueError, "a.csv.gz: .* bytes unpack to"):
        tables.read_table(path)

  def test_bomb_in_an_archive(self):
    path = self.path("a.npz")
    file = io.BytesIO()
    np.save(file, np.zeros(1 << 20))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
      archive.writestr("z.npy", file.getvalue())
    with mock.patch.object(unpacking, "USUAL_BYTES", 1 << 20):
      for read in (npy_access.load, npy_access.peek, npy_access.locate):
        with self.assertRaisesRegex(ValueError, "a.npz: z.npy: .* bytes unpack to"):
          read(path, "z")

  def test_header_that_announces_too_many_pixels(self):
    path = self.path("a.fits")
    packed = fits.CompImageHDU(np.zeros([64, 64], np.float32))
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(path)
    with open(path, "rb") as file:
      content = file.read()
    for name in (b"ZNAXIS1 ", b"ZNAXIS2 "):
      at = content.index(name + b"=")
      content = content[:at] + (name + b"=" + b"%21d" % 10**6).ljust(80) + content[at + 80:]
    with open(path, "wb") as file:
      file.write(content)
    with self.assertRaisesRegex(ImageError, "far larger"):
      fits_reading.read_units(path)

  @parameterized.parameters("{id:01000000000d}.fits", "{id:1000000000}.fits", "{z:.999999999f}.npy")
  def test_width_of_a_template(self, template):
    with self.assertRaisesRegex(ValueError, "--image_template=.* more than 255 letters"):
      templates.fields(template)
    self.assertEqual(templates.fields("{id:06d}_{band}.fits"), {"id", "band"})

  def test_groups_without_end(self):
    program = ("import h5py, sys; file = h5py.File(sys.argv[1], 'a'); group = file\n"
               "for _ in range(2000): group = group.create_group('g')")
    path = self.hdf5(lambda file: None)
    subprocess.run([sys.executable, "-c", program, path], check=True)
    with self.assertRaisesRegex(ValueError, "a.hdf5: groups nested deeper than 32"):
      readers.read(path, SDSS)

  def test_group_that_contains_itself(self):
    def change(file):
      file.create_group("a")["again"] = file["/"]

    self.assertLen(readers.read(self.hdf5(change), SDSS).catalog, NUM)

  def test_too_many_names(self):
    with mock.patch.object(hdf5_access, "_MOST_NAMES", 3):
      with self.assertRaisesRegex(ValueError, "or more than 3 names"):
        readers.read(self.hdf5(lambda file: None), SDSS)

  @parameterized.parameters("cube", "z")
  def test_announced_rows_that_are_not_stored(self, name):
    def change(file):
      rows = 2 * 10**9
      for key in ("cube", "id", "z", "r", "ebv") if name == "cube" else ():
        shape, dtype = file[key].shape[1:], file[key].dtype
        del file[key]
        file.create_dataset(key, (rows, *shape), dtype, chunks=(1 << 16, *shape)
                            if not shape else (1, *shape))
      if name == "z":
        del file["z"]
        file.create_dataset("z", (NUM,), np.dtype(("V", 10**9)), chunks=(1,))

    with self.assertRaisesRegex(ValueError, f"/{name} announces .* GB of numbers, but 0 bytes are"):
      readers.read(self.hdf5(change), SDSS)

  def test_locked_file(self):
    path = self.hdf5(lambda file: None)
    locked = BlockingIOError(errno.EAGAIN, f"unable to lock file, errno = {errno.EAGAIN}")
    with mock.patch.object(h5py, "File", side_effect=locked):
      with self.assertRaisesRegex(OSError, "locked by .*HDF5_USE_FILE_LOCKING=FALSE.*a.hdf5"):
        readers.read(path, SDSS)


if __name__ == "__main__":
  tf.test.main()
