"""One .npz file of all images: what it holds, what is damaged, what is refused."""

import os
import pickle
from unittest import mock
import zipfile

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools.readers.parts import image_archive
from data_tools.readers.parts.cutout_source import ImageError
from tests.data_tools import sample_surveys

NUM = 6


class ImageArchiveTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.path = os.path.join(self.create_tempdir().full_path, "images_X.npz")
    self.images = sample_surveys.cube(NUM)

  def open(self):
    return image_archive.open_images(self.path, NUM, catalog="catalog.npz")

  def members(self, **others):
    return {**{str(row): self.images[row] for row in range(NUM)}, **others}

  @parameterized.parameters(True, False)
  def test_images_are_read_one_by_one(self, single):
    np.savez(self.path, **(self.members() if single else {"cube": self.images, "about": "x"}))
    images = self.open()
    with mock.patch.object(np, "load", side_effect=AssertionError("loads all")):
      for row in (4, 0, 5):
        self.assertAllEqual(images(row), self.images[row])
        self.assertAllEqual(pickle.loads(pickle.dumps(images))(row), self.images[row])

  def test_a_damaged_image_and_one_of_objects_are_that_galaxys(self):
    np.savez(self.path, **self.members(**{"2": np.array([{}], object)}))
    with zipfile.ZipFile(self.path) as archive:
      place = archive.getinfo("4.npy").header_offset + 300
    with open(self.path, "r+b") as file:
      file.seek(place)
      file.write(b"\xff" * 8)
    images = self.open()
    for row in (2, 4):
      with self.assertRaisesRegex(ImageError, image_archive.REASON_DAMAGED):
        images(row)
    self.assertAllEqual(images(3), self.images[3])

  @parameterized.parameters(
      ({"1": 0, "2": 0, "3": 0, "4": 0, "5": 0, "6": 0}, "no image 0; the images of 6 rows must"),
      ({"cube": 0}, "holds cube; expected one array"), ({}, "holds nothing; expected one array"))
  def test_other_contents_are_refused(self, arrays, message):
    np.savez(self.path, **{name: np.zeros([4, 4, 5]) for name in arrays})
    with self.assertRaisesRegex(ValueError, f"images_X.npz: {message}"):
      self.open()

  def test_two_arrays_of_images_and_one_of_objects_are_refused(self):
    np.savez(self.path, one=self.images, two=self.images)
    with self.assertRaisesRegex(ValueError, "holds one, two; expected one array"):
      self.open()
    np.savez(self.path, one=np.full([NUM, 1, 1, 1], None))
    with self.assertRaisesRegex(ValueError, "holds Python objects"):
      self.open()

  def test_a_file_that_is_cut_short(self):
    np.savez(self.path, cube=self.images)
    os.truncate(self.path, os.path.getsize(self.path) // 2)
    with self.assertRaisesRegex(ValueError, "images_X.npz: damaged or truncated"):
      self.open()


if __name__ == "__main__":
  tf.test.main()
