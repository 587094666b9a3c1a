"""What systems leave beside files neither rejects galaxies nor hides a layout."""

import os
import zipfile

from absl.testing import parameterized
from astropy.io import fits
from astropy.table import Table
import h5py
import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.readers.parts import folder_listing
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_formats, sample_surveys

JUNK = b"\0\5\x16\7" + bytes(4092)


class FolderListingTest(sample_formats.FormatsTest, parameterized.TestCase):

  def litter(self, *names):
    """AppleDouble files in the input, and a folder of such."""
    os.makedirs(self.path("__MACOSX"))
    for name in names:
      for place in (f"._{name}", f"__MACOSX/._{name}", f"__MACOSX/{name}"):
        with open(self.path(place), "wb") as file:
          file.write(JUNK)

  def assert_read(self, layout, num=4):
    self.assertEqual(readers.detect(self.input), layout)
    source = readers.read(self.input, SDSS)
    self.assertLen(source.catalog, num)
    self.assertEmpty(source.rejected)
    self.assert_images(source, sample_surveys.cube(num))

  @parameterized.parameters("{id}.fits", "{id}_{band}.fits", "images/{id}.fits")
  def test_fits_cutouts(self, template):
    table, images = sample_formats.table_of(4), sample_surveys.cube(4)
    Table(table).write(self.path("catalog.fits"))
    os.makedirs(self.path("images"))
    for name, image in zip(table["id"], images):
      if "{band}" in template:
        for number, band in enumerate(SDSS.bands):
          fits.PrimaryHDU(image[..., number]).writeto(
              self.path(template.format(id=name, band=band)))
      else:
        fits.PrimaryHDU(np.moveaxis(image, -1, 0)).writeto(self.path(template.format(id=name)))
      path = self.path(template.format(id=f"._{name}", band="g"))
      with open(path, "wb") as file:
        file.write(JUNK)
    self.litter("catalog.fits", "J00.fits")
    self.assert_read("fits_cutouts")

  def test_only_such_files_are_no_cutouts(self):
    Table(sample_formats.table_of(4)).write(self.path("catalog.fits"))
    self.litter("J00.fits")
    with self.assertRaisesRegex(ValueError, "no known layout"):
      readers.detect(self.input)

  @parameterized.parameters(
      ".DS_Store", ".nfs0001", ".J00.fits", "~$J00.fits", ".ipynb_checkpoints/J00.fits",
      "a/.snapshot/J00.fits", "@eaDir/J00.fits", "#recycle/J00.fits", "lost+found/J00.fits",
      "$RECYCLE.BIN\\J00.fits", ".Trash-1000/files/J00.fits")
  def test_what_systems_and_programs_leave(self, name):
    self.assertFalse(folder_listing.counts(name))

  @parameterized.parameters("J00.fits", "./cube.npy", "a/b.fits", "a~b.fits", "#12.fits", "@1.fits",
                            "..", "x.y.fits")
  def test_names_of_users(self, name):
    self.assertTrue(folder_listing.counts(name))

  @parameterized.parameters(".s.h5", "~$s.h5", ".s.h5.part.h5")
  def test_hidden_copies_hide_no_layout(self, name):
    with h5py.File(self.path("s.h5"), "w") as file:
      file["images"] = sample_surveys.cube(4)
      for key, values in sample_formats.table_of(4).items():
        file[key] = np.char.encode(values) if values.dtype.kind == "U" else values
    with open(self.path(name), "wb") as file:
      file.write(JUNK)
    self.assert_read("hdf5")

  def test_npz(self):
    np.savez(self.path("s.npz"), cube=sample_surveys.cube(4), **sample_formats.table_of(4))
    self.litter("s.npz")
    self.assert_read("cube")

  def test_inside_of_an_npz(self):
    np.savez(self.path("s.npz"), cube=sample_surveys.cube(4), **sample_formats.table_of(4))
    with zipfile.ZipFile(self.path("s.npz"), "a") as archive:
      archive.writestr("__MACOSX/._cube.npy", JUNK)
      archive.writestr("._z.npy", JUNK)
    self.assert_read("cube")

  def test_hdf5(self):
    with h5py.File(self.path("s.h5"), "w") as file:
      file["images"] = sample_surveys.cube(4)
      for name, values in sample_formats.table_of(4).items():
        file[name] = np.char.encode(values) if values.dtype.kind == "U" else values
    self.litter("s.h5")
    self.assert_read("hdf5")


if __name__ == "__main__":
  tf.test.main()
