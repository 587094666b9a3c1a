"""Flux per pixel and surface brightness, by BUNIT."""

from absl.testing import parameterized
import tensorflow as tf

from data_tools.fits_headers.pixel_units import PixelUnit, kind_of


class PixelUnitsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      "MJy/sr", "MJY/SR", "MJy sr-1", "MJy.sr**-1", "uJy/arcsec^2", "nanomaggies/arcsec^2",
      "erg/s/cm2/Angstrom/arcsec2", "Jy/beam", "adu/arcsec2", "nanomaggies per sq. arcsec",
      "count/s/arcsec2", "mJy/deg2")
  def test_surface_brightness(self, text):
    self.assertEqual(kind_of(text), PixelUnit.SURFACE_BRIGHTNESS)

  @parameterized.parameters(
      "nanomaggy", "nanomaggies", "counts/s", "ADU", "DN", "electron/s/pix", "Jy/pixel", "nJy",
      "10^-20 erg/s/cm^2/Angstrom", "ELECTRONS/S", "nJy, AB")
  def test_flux(self, text):
    self.assertEqual(kind_of(text), PixelUnit.FLUX)

  @parameterized.parameters("mag", "mag(AB)", "mag/arcsec2", "ABmag", "magnitudes")
  def test_magnitudes(self, text):
    self.assertEqual(kind_of(text), PixelUnit.MAGNITUDE)

  def test_not_stated(self):
    self.assertEqual(kind_of(""), PixelUnit.UNKNOWN)


if __name__ == "__main__":
  tf.test.main()
