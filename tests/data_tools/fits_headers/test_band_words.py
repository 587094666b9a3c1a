"""The band that a header names, in many spellings."""

from absl.testing import parameterized
from astropy.io import fits
import tensorflow as tf

from data_tools.fits_headers import band_words

UGRIZ = tuple("ugriz")


class BandWordsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      "g", "G", " g ", "g.MP9401", "g.MP9402", "HSC-G", "HSC-g", "g DECam SDSS c0001 4720.0 1520.0",
      "DECam_g", "DECam g", "g_SDSS", "sdss_g", "SLOAN_G", "sdssg", "OmegaCAM g_SDSS",
      "OCAM_g_SDSS", "g'", "gp", "gP1", "g.00000", "g_G0301", "W-S-G+", "ZTF g", "90prime g",
      "lsst_g", "SCI_G", "IMAGE-G", "g-band", "gband", "Pan-STARRS1 g")
  def test_spellings(self, value):
    self.assertEqual(band_words.word_of(value, UGRIZ).band, "g")

  @parameterized.parameters(
      ("SCI", False), ("IMAGE", False), ("CCD7", False), ("COMPRESSED_IMAGE", False),
      ("clear", False), ("VR DECam c0007", False), ("V", True), ("HSC-Y", True), ("F814W", True),
      ("W-J-B", True), ("VIRCAM Ks", True),
      ("Bessell R", True), ("Johnson U", True), ("Kron-Cousins I", True))
  def test_no_band_of_the_survey(self, value, names_another):
    word = band_words.word_of(value, UGRIZ)
    self.assertEqual((word.band, bool(word.other)), ("", names_another))

  @parameterized.parameters(
      ("y", ("y", "Y"), "y"), ("Y", ("y", "Y"), "Y"), ("HSC-Y", ("y", "Y"), "y"),
      ("VISTA Y", ("y", "Y"), "Y"), ("z", ("z", "Z"), "z"), ("Z", ("z", "Z"), "Z"),
      ("Y", ("y",), "y"), ("KS", ("J", "Ks"), "Ks"), ("K", ("J", "Ks"), "Ks"),
      ("g", ("HSC-G", "HSC-R"), "HSC-G"), ("HSC-I2", UGRIZ, "i"), ("y.MP9702", UGRIZ, "i"),
      ("F475W", ("F475W", "F814W"), "F475W"), ("ACS/F814W", ("F475W", "F814W"), "F814W"))
  def test_capitals_and_other_names(self, value, bands, band):
    self.assertEqual(band_words.word_of(value, bands).band, band)

  @parameterized.parameters(
      ({"FILTER": "g.MP9401"}, "g"), ({"EXTNAME": "SCI", "FILTER": "r"}, "r"),
      ({"EXTNAME": "HSC-I"}, "i"), ({"BAND": "z", "EXTNAME": "CUTOUT"}, "z"),
      ({"HIERARCH ESO INS FILT1 NAME": "u_SDSS"}, "u"), ({"HIERARCH FPA.FILTERID": "i.00000"}, "i"),
      ({"FILTER01": "HSC-r", "EXTNAME": ""}, "r"), ({}, ""))
  def test_keywords(self, words, band):
    self.assertEqual(band_words.band_of(fits.Header(words), UGRIZ).band, band)

  def test_words_that_differ(self):
    with self.assertRaisesRegex(band_words.BandConflict, "FILTER = 'g', but EXTNAME = 'R'"):
      band_words.band_of(fits.Header({"EXTNAME": "R", "FILTER": "g"}), UGRIZ)

  @parameterized.parameters(
      ({"BANDS": "grz"}, "grz"), ({"BANDS": "g,r,z"}, "grz"), ({"BANDS": "z r g"}, "zrg"),
      ({"BANDS": "GRZ"}, "grz"), ({"BAND0": "g", "BAND1": "r", "BAND2": "z"}, "grz"),
      ({"BAND1": "z", "BAND2": "r", "BAND3": "g"}, "zrg"),
      ({"FILTERS": "DECam_g,DECam_r,z"}, "grz"),
      ({"FILTER": "grz"}, "grz"),
      ({"BANDS": "grz", "BAND0": "g", "BAND1": "r", "BAND2": "z"}, "grz"),
      ({"FILTER_1": "r", "FILTER_2": "g", "FILTER_3": "z"}, "rgz"),
      ({"FILTER": "g"}, ""), ({"FILTER": "g DECam SDSS"}, ""), ({}, ""))
  def test_lists(self, words, bands):
    found = band_words.listed(fits.Header(words), 3, UGRIZ)
    self.assertEqual("".join(word.band for word in found), bands)

  @parameterized.parameters(
      ({"CHAN0": "z", "CHAN1": "r", "CHAN2": "g"}, "zrg"),
      ({"FILT0001": "DECam-z", "FILT0002": "DECam-r", "FILT0003": "DECam-g"}, "zrg"),
      ({"HIERARCH BAND 1": "r", "HIERARCH BAND 2": "g", "HIERARCH BAND 3": "z"}, "rgz"),
      ({"FILTNAM1": "HSC-Z", "FILTNAM2": "HSC-R", "FILTNAM3": "HSC-G"}, "zrg"),
      ({"IMAGE1": "a-z.fits", "IMAGE2": "a-r.fits", "IMAGE3": "a-g.fits"}, "zrg"),
      ({"FILTLIST": "z,g,r"}, "zgr"), ({"CHANNELS": "zgr"}, "zgr"),
      ({"CHAN0": "z", "CHAN1": "r", "CHAN2": "g", "BANDS": "grz"}, "grz"))
  def test_lists_under_other_keywords(self, words, bands):
    header = fits.Header({**words, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CTYPE3": "WAVE",
                          "OBJECT": "r", "NAXIS3": 3})
    found = band_words.listed(header, 3, tuple("grz"))
    self.assertEqual("".join(word.band for word in found), bands)

  @parameterized.parameters(
      ({"CHAN1": "z", "CHAN2": "z", "CHAN3": "g"},), ({"CHAN1": "z", "CHAN2": "r"},),
      ({"CHAN1": "red", "CHAN2": "green", "CHAN3": "blue"},), ({"CUNIT1": "deg", "CUNIT2": "deg"},),
      ({"OBSERVER": "grz"},), ({"CHAN5": "z", "CHAN6": "r", "CHAN7": "g"},))
  def test_words_that_are_no_lists(self, words):
    self.assertEqual(band_words.listed(fits.Header(words), 3, tuple("grz")), [])

  def test_lists_under_other_keywords_that_differ(self):
    with self.assertRaisesRegex(band_words.BandConflict, "PLANES = g,r,z, but CHAN0 = z,r,g"):
      band_words.listed(fits.Header({"CHAN0": "z", "CHAN1": "r", "CHAN2": "g",
                                     "PLANES": "g,r,z"}), 3, tuple("grz"))

  @parameterized.parameters(
      ({"BANDS": "ugriz"}, "BANDS names 5 bands .*3 planes"), ({"BANDS": "gr"}, "names 2 bands"),
      ({"BANDS": "grz", "BAND0": "z", "BAND1": "r", "BAND2": "g"}, "BANDS = g,r,z, but BAND0"),
      ({"BAND0": "z", "BAND1": "r"}, "BAND0 names 2 bands"))
  def test_lists_that_do_not_fit(self, words, message):
    with self.assertRaisesRegex(band_words.BandConflict, message):
      band_words.listed(fits.Header(words), 3, UGRIZ)


if __name__ == "__main__":
  tf.test.main()
