"""FITS files are read whole or not at all; harmless mistakes of writers are mended."""

import bz2
import gzip
import io
import os

from absl.testing import parameterized
from astropy.io import fits
from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools.readers.parts import fits_reading
from data_tools.readers.parts.cutout_source import ImageError

PIXELS = np.random.default_rng(0).normal(1, 0.5, (5, 16, 16)).astype(np.float32)


class FitsReadingTest(tf.test.TestCase, parameterized.TestCase):

  def content(self, kind="primary", checksum=True):
    """A whole file with the word MARK in its header."""
    path = os.path.join(self.create_tempdir().full_path, "a.fits")
    header = fits.Header({"OBJECT": "MARK"})
    units = {"primary": [fits.PrimaryHDU(PIXELS, header)],
             "extension": [fits.PrimaryHDU(), fits.ImageHDU(PIXELS, header)],
             "packed": [fits.PrimaryHDU(), fits.CompImageHDU(
                 PIXELS, header, compression_type="GZIP_1", quantize_level=0)]}[kind]
    fits.HDUList(units).writeto(path, checksum=checksum)
    with open(path, "rb") as file:
      return file.read()

  def read(self, content):
    path = os.path.join(self.create_tempdir().full_path, "b.fits")
    with open(path, "wb") as file:
      file.write(content)
    [unit], _ = fits_reading.read_units(path)
    return unit.pixels

  def without_padding(self, content):
    """The file up to its last pixel."""
    with fits.open(io.BytesIO(content), disable_image_compression=True) as file:
      return content[:file[-1].fileinfo()["datLoc"] + file[-1].size]

  @parameterized.parameters("primary", "extension")
  def test_checksum_from_before_an_edit_of_the_header(self, kind):
    content = self.content(kind)
    self.assertIn(b"MARK", content)
    self.assertAllEqual(self.read(content.replace(b"MARK", b"EDIT")), PIXELS)

  @parameterized.product(kind=("primary", "extension", "packed"), checksum=(True, False))
  def test_no_padding(self, kind, checksum):
    content = self.content(kind, checksum)
    short = self.without_padding(content)
    self.assertLess(len(short), len(content))
    self.assertAllEqual(self.read(short), PIXELS)
    self.assertAllEqual(self.read(gzip.compress(short)), PIXELS)
    self.assertAllEqual(self.read(bz2.compress(content)), PIXELS)

  def test_some_padding(self):
    content = self.content()
    self.assertAllEqual(self.read(content[:2880 + PIXELS.nbytes + 7]), PIXELS)

  @parameterized.product(kind=("primary", "extension", "packed"), checksum=(True, False),
                         lost=(1, 4, 1000, 2000))
  def test_pixels_are_missing(self, kind, checksum, lost):
    short = self.without_padding(self.content(kind, checksum))
    with self.assertRaisesRegex(ImageError, fits_reading.REASON_DAMAGED):
      self.read(short[:-lost])

  @parameterized.parameters("primary", "extension")
  def test_pixels_have_changed(self, kind):
    content = bytearray(self.content(kind))
    content[-2880 - 100] ^= 1
    with self.assertRaisesRegex(ImageError, fits_reading.REASON_DAMAGED):
      self.read(bytes(content))
    edited = bytes(content).replace(b"MARK", b"EDIT")
    with self.assertRaisesRegex(ImageError, fits_reading.REASON_DAMAGED):
      self.read(edited)

  def test_checksum_alone(self):
    content = self.content().replace(b"DATASUM ", b"DATASUX ").replace(b"MARK", b"EDIT")
    with self.assertRaisesRegex(ImageError, fits_reading.REASON_DAMAGED):
      self.read(content)

  def test_further_extension_that_is_cut_short(self):
    content = self.content("extension")
    with self.assertRaisesRegex(ImageError, fits_reading.REASON_DAMAGED):
      self.read(content + self.content("extension")[2880:2880 + 1000])
    self.assertAllEqual(self.read(content + b"\n"), PIXELS)

  @parameterized.parameters(
      (b"<!DOCTYPE html><html>Not found</html>", fits_reading.REASON_WEB_PAGE),
      (b"\n<HTML><body>Sign in</body></html>", fits_reading.REASON_WEB_PAGE),
      (b'<?xml version="1.0"?><Error/>', fits_reading.REASON_WEB_PAGE),
      (b"", fits_reading.REASON_DAMAGED), (b"nothing", fits_reading.REASON_DAMAGED))
  def test_no_fits_file(self, content, reason):
    with self.assertRaisesRegex(ImageError, reason):
      self.read(content)

  def test_only_tables(self):
    path = os.path.join(self.create_tempdir().full_path, "t.fits")
    Table({"a": [1.0, 2.0]}).write(path)
    with self.assertRaisesRegex(ImageError, fits_reading.REASON_NO_PIXELS):
      fits_reading.read_units(path)


if __name__ == "__main__":
  tf.test.main()
