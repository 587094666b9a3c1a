"""Images and their companions, by header words."""

from absl.testing import parameterized
from astropy.io import fits
import tensorflow as tf

from data_tools.fits_headers import unit_roles


class UnitRolesTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      {"EXTNAME": "WHT"}, {"EXTNAME": "g_weight"}, {"EXTNAME": "ERR"}, {"EXTNAME": "VAR_POISSON"},
      {"EXTNAME": "DQ"}, {"EXTNAME": "INVVAR"}, {"EXTNAME": "MSK"}, {"EXTNAME": "WGT"},
      {"EXTNAME": "CON"}, {"EXTNAME": "SCI_WHT"}, {"EXTNAME": "IMAGE", "EXTTYPE": "VARIANCE"},
      {"EXTTYPE": "MASK"}, {"HDUCLAS1": "IMAGE", "HDUCLAS2": "ERROR", "HDUCLAS3": "MSE"},
      {"HDUCLAS2": "QUALITY"}, {"IMTYPE": "weight"}, {"IMTYPE": "invvar"}, {"IMAGETYP": "INVVAR"},
      {"PRODTYPE": "wtmap"}, {"PRODTYPE": "dqmask"}, {"DES_EXT": "WEIGHT"},
      {"BUNIT": "1/nanomaggy^2"}, {"BUNIT": "(MJy/sr)^2"}, {"BUNIT": "electron2"})
  def test_companions(self, **words):
    self.assertEqual(unit_roles.role_of(fits.Header(words)), unit_roles.COMPANION)

  @parameterized.parameters(
      {"EXTNAME": "SCI"}, {"EXTNAME": "IMAGE"}, {"EXTTYPE": "IMAGE"}, {"HDUCLAS2": "DATA"},
      {"IMTYPE": "image"}, {"EXTNAME": "SKYSUB"}, {"EXTNAME": "SCI", "BUNIT": "MJy/sr"})
  def test_images(self, **words):
    self.assertEqual(unit_roles.role_of(fits.Header(words)), unit_roles.SCIENCE)

  @parameterized.parameters(
      {}, {"EXTNAME": "CCD7"}, {"EXTNAME": "G"}, {"EXTNAME": "COMPRESSED_IMAGE"},
      {"HDUCLAS1": "IMAGE"}, {"FILTER": "g", "BUNIT": "erg/s/cm2/Angstrom/arcsec2"},
      {"BUNIT": "nanomaggy"}, {"BUNIT": "counts/s"}, {"BUNIT": "adu/pix2"})
  def test_headers_that_do_not_tell(self, **words):
    self.assertEqual(unit_roles.role_of(fits.Header(words)), unit_roles.UNKNOWN)


if __name__ == "__main__":
  tf.test.main()
