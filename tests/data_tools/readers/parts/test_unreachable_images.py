"""A failure of the disk, the network or the process does not reject an image."""

import errno
import os
from unittest import mock

from absl.testing import parameterized
from astropy.io import fits
import h5py
import numpy as np
import tensorflow as tf

from data_tools.readers import hdf5
from data_tools.readers.parts import fits_images, images, templates
from data_tools.readers.parts.cutout_source import REASON_NO_IMAGE, ImageError

_ENVIRONMENT = (errno.EIO, errno.ESTALE, errno.EACCES, errno.EMFILE)


def failing(number):
  return mock.Mock(side_effect=OSError(number, os.strerror(number)))


class UnreachableTest(tf.test.TestCase, parameterized.TestCase):

  def files(self, template="{id}.npy", name="g0"):
    return templates.ImageFiles(self.create_tempdir().full_path, template,
                                {"id": np.array([name])})

  def assert_stops(self, number, read):
    with self.assertRaises(OSError) as caught:
      read(0)
    self.assertNotIsInstance(caught.exception, ImageError)
    self.assertEqual(caught.exception.errno, number)
    return str(caught.exception)

  @parameterized.parameters(*_ENVIRONMENT)
  def test_numpy_files(self, number):
    with mock.patch.object(np, "load", failing(number)):
      self.assert_stops(number, images.NamedImages(self.files()))
      words = self.assert_stops(number, images.FileImages("folder"))
    self.assertRegex(words, "give the same command again: 'folder/0.py.npy'")

  @parameterized.product(number=_ENVIRONMENT, template=("{id}.fits", "{id}_{band}.fits"))
  def test_fits_files(self, number, template):
    with mock.patch.object(fits, "open", failing(number)):
      self.assert_stops(number, fits_images.FitsImages(self.files(template), ("g", "r")))

  @parameterized.parameters("g0", "g" * 300)
  def test_name_of_no_file_rejects_the_image(self, name):
    for read in (images.NamedImages(self.files(name=name)),
                 fits_images.FitsImages(self.files("{id}.fits", name), ("g", "r"))):
      with self.assertRaisesRegex(ImageError, REASON_NO_IMAGE):
        read(0)

  def hdf5_images(self, **layout):
    path = os.path.join(self.create_tempdir().full_path, "set.h5")
    with h5py.File(path, "w") as file:
      file.create_dataset("cube", data=np.ones((2, 4, 4, 2), np.float32), **layout)
    return path, hdf5.Hdf5Images([path], [0], "cube", bands_first=False)

  @parameterized.parameters(
      ("Can't read data (file read failed: errno = 5, error message = 'Input/output error')",
       False),
      ("Can't read data (inflate() failed)", True))
  def test_hdf5_reports_the_system_error_in_its_message(self, words, is_image_error):
    _, read = self.hdf5_images(chunks=(1, 4, 4, 2))
    read(0)
    with mock.patch.object(h5py.Dataset, "__getitem__", side_effect=OSError(words)):
      with self.assertRaises(OSError) as caught:
        read(0)
    self.assertEqual(isinstance(caught.exception, ImageError), is_image_error)

  @parameterized.parameters(*_ENVIRONMENT)
  def test_images_in_one_piece(self, number):
    _, read = self.hdf5_images()
    with mock.patch.object(os, "pread", failing(number)):
      self.assertIn("set.h5", self.assert_stops(number, read))

  def test_missing_hdf5_file(self):
    path, read = self.hdf5_images()
    os.remove(path)
    self.assert_stops(errno.ENOENT, read)


if __name__ == "__main__":
  tf.test.main()
