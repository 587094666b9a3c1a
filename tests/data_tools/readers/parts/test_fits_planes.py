"""Planes are chosen by what headers say, and not by their place in the file."""

import pickle
from unittest import mock

from absl import logging
from absl.testing import parameterized
from astropy.io import fits
import numpy as np
import tensorflow as tf

from data_tools import readers
from data_tools.readers.parts.cutout_source import ImageError
from tests.data_tools.readers import sample_cutouts
from tests.data_tools.readers.sample_cutouts import NUM, WEIGHT, cube, plane, unit

UGRIZ = tuple("ugriz")
MIXED = "zgiru"
"""An order that is not the survey's."""


class BandsTest(sample_cutouts.CutoutsTest, parameterized.TestCase):

  @parameterized.named_parameters(
      ("filter", lambda band: dict(FILTER=band)),
      ("megacam", lambda band: dict(FILTER=f"{band}.MP9801")),
      ("hsc", lambda band: dict(EXTNAME=f"HSC-{band.upper()}")),
      ("decam", lambda band: dict(FILTER=f"{band} DECam SDSS c0001 4720.0 1520.0")),
      ("sci_and_filter", lambda band: dict(EXTNAME="SCI", FILTER=band)),
      ("upper_case", lambda band: dict(EXTNAME=band.upper())),
      ("panstarrs", lambda band: {"HIERARCH FPA.FILTERID": f"{band}.00000"}),
      ("band", lambda band: dict(EXTNAME="IMAGE", BAND=band)))
  def test_named_extensions_in_any_order(self, words):
    self.write([unit(band, **words(band)) for band in MIXED])
    self.assert_right(UGRIZ)

  @parameterized.named_parameters(
      ("object", lambda band: dict(OBJECT=band)),
      ("photmode", lambda band: dict(PHOTMODE=f"ACS WFC1 {band}", EXTNAME="SCI")),
      ("file", lambda band: dict(FILENAME=f"tile-7-{band}.fits", OBJECT="tile 7")),
      ("wave", lambda band: dict(WAVEBAND=f"sdss {band}", OBSERVER="G. R. Z.")))
  def test_extensions_that_another_keyword_tells_apart(self, words):
    self.write([unit(band, **words(band)) for band in MIXED])
    self.assert_right(UGRIZ)

  def test_two_other_keywords_that_differ(self):
    self.write([unit(band, OBJECT=band, WAVEBAND=other) for band, other in zip(MIXED, UGRIZ)])
    with self.assertRaisesRegex(ValueError, "OBJECT = z,g,i,r,u, but WAVEBAND = u,g,r,i,z"):
      self.levels(UGRIZ)

  @parameterized.parameters(
      ("zrg", dict(CHAN1="z", CHAN2="r", CHAN3="g")),
      ("zgr", dict(FILT0001="z", FILT0002="g", FILT0003="r")),
      ("rzg", dict(CHANNELS="r,z,g")),
      ("zrg", dict(BANDS="zrg")), ("grz", dict(BAND0="g", BAND1="r", BAND2="z")),
      ("rzg", dict(BAND1="r", BAND2="z", BAND3="g")), ("zgr", dict(FILTERS="z,g,r")),
      ("grizy", dict(BANDS="grizy")), ("ugriz", dict(BANDS="u g r i z")))
  def test_planes_of_a_cube(self, bands, words):
    self.write([cube(bands, **words)])
    self.assert_right(("g", "r", "z"))

  def test_list_in_the_first_header(self):
    self.write_catalog()
    for name in self.ids():
      fits.HDUList([fits.PrimaryHDU(header=fits.Header({"BANDS": "zrg"})), cube("zrg")]).writeto(
          self.path(f"{name}.fits"))
    self.assert_right(("g", "r", "z"))

  @parameterized.parameters((("y", "Y"),), (("Y", "y"),), (("g", "Y", "y"),))
  def test_capitals_tell_bands_apart(self, bands):
    self.write([unit(band, FILTER=band) for band in "gYy"])
    self.assert_right(bands)

  def test_capitals_do_not_matter_where_they_tell_nothing(self):
    self.write([unit(band, FILTER=band.upper()) for band in "rgu"])
    self.assert_right(("u", "g", "r"))

  @parameterized.parameters(
      (dict(BUNIT="nJy"), dict(BUNIT="uJy"), "band r: pixels in uJy, but those of others in nJy"),
      (dict(MAGZERO=30.0), dict(MAGZERO=27.0), "band r: MAGZERO = 27, but MAGZERO = 30 in others"),
      (dict(FLUXMAG0=6.3e10), dict(FLUXMAG0=5.7e10), "band r: FLUXMAG0 = 5.7e.10, but"),
      ({}, dict(BSOFTEN=12.0, BOFFSET=1.0), "band r: pixels in asinh magnitudes"),
      ({}, dict(BUNIT="mag"), "band r: pixels in magnitudes"))
  def test_galaxies_of_other_scales_are_rejected(self, words, others, message):
    self.write([unit("g", FILTER="g", **words), unit("r", FILTER="r", **words)])
    fits.HDUList([fits.PrimaryHDU(), unit("g", FILTER="g", **words),
                  unit("r", FILTER="r", **others)]).writeto(self.path("J01.fits"), overwrite=True)
    images = readers.read(self.input, sample_cutouts.survey("gr"), layout="fits_cutouts").images
    for each in (images, pickle.loads(pickle.dumps(images))):
      for row in (0, 2):
        self.assertEqual(each(row).shape, (8, 8, 2))
      with self.assertRaisesRegex(ImageError, message):
        each(1)

  def test_later_images_do_not_change_what_is_compared_with(self):
    self.write([unit("g", FILTER="g"), unit("r", FILTER="r")])
    images = readers.read(self.input, sample_cutouts.survey("gr"), layout="fits_cutouts").images
    for row, value in enumerate((30.0, 27.0)):
      for extension in (1, 2):
        fits.setval(self.path(f"J0{row}.fits"), "MAGZERO", value=value, ext=extension)
      self.assertEqual(images(row).shape, (8, 8, 2))

  def test_no_names_leave_the_order(self):
    self.write([unit(band) for band in "ugriz"])
    self.assert_right(UGRIZ)

  @parameterized.named_parameters(
      ("missing", [cube("grz", BANDS="grz")], "giz", "J00.fits: band i missing.*BANDS = 'g,r,z'"),
      ("none", [unit("g", FILTER="F475W"), unit("r", FILTER="F625W")], "gr",
       "J00.fits: header of other bands.*FILTER = 'F475W'.*--survey"),
      ("one_twice", [unit("g", FILTER="g"), unit("r", FILTER="g"), unit("i", FILTER="i")], "gi",
       r"J00.fits: 2 planes of band g in extensions 1, 2;.*--extension"),
      ("upper_twice", [unit("y", EXTNAME="Y"), unit("Y", EXTNAME="Y")], "yY",
       "J00.fits: band y missing"),
      ("two_words", [unit("g", EXTNAME="R", FILTER="g"), unit("r", FILTER="r")], "gr",
       "FILTER = 'g', but EXTNAME = 'R'"),
      ("length", [cube("grz", BANDS="gr")], "grz", "BANDS names 2 bands.*3 planes"),
      ("number", [unit("g"), unit("r"), unit("i")], "gr", "3 images for 2 bands"))
  def test_headers_that_do_not_fit(self, units, bands, message):
    self.write(units)
    with self.assertRaisesRegex(ValueError, message):
      self.levels(tuple(bands))

  def test_single_galaxies_are_rejected(self):
    self.write([unit(band, FILTER=band) for band in "ugriz"])
    fits.HDUList([fits.PrimaryHDU(), *[unit(band, FILTER="g") for band in "ugriz"]]).writeto(
        self.path("J01.fits"), overwrite=True)
    self.convert()
    self.assertEqual(self.rejected()["J01"], "band u missing")


class CompanionsTest(sample_cutouts.CutoutsTest, parameterized.TestCase):

  @parameterized.named_parameters(
      ("imtype", dict(), dict(IMTYPE="weight")), ("sci_wht", dict(EXTNAME="SCI"),
                                                  dict(EXTNAME="WHT")),
      ("exttype", dict(EXTTYPE="IMAGE"), dict(EXTTYPE="VARIANCE")),
      ("hduclas", dict(HDUCLAS1="IMAGE", HDUCLAS2="DATA"), dict(HDUCLAS1="IMAGE",
                                                              HDUCLAS2="ERROR")),
      ("unit", dict(BUNIT="nanomaggy"), dict(BUNIT="1/nanomaggy^2")))
  def test_weights_of_the_same_filter(self, image, weight):
    for order in (1, -1):
      units = [each for band in MIXED for each in (
          unit(band, FILTER=band, **image), unit(WEIGHT, FILTER=band, **weight))[::order]]
      for name in self.ids():
        tf.io.gfile.remove(self.path(f"{name}.fits")) if order < 0 else None
      self.write(units)
      self.assert_right(UGRIZ)

  def test_weights_that_are_not_marked(self):
    self.write([unit(level, FILTER=band) for band in "gr" for level in (band, WEIGHT)])
    with self.assertRaisesRegex(ValueError, "2 planes of band g in extensions 1, 2; .*--extension"):
      self.levels(("g", "r"))
    self.assert_right(("g", "r"), extension=("1", "3"))

  @parameterized.named_parameters(
      ("hsc", [("IMAGE", False), ("MASK", True), ("VARIANCE", False)]),
      ("jwst", [("SCI", False), ("ERR", False), ("CON", True), ("WHT", False)]),
      ("weight_first", [("WGT", False), ("MSK", True), ("SCI", False)]),
      ("unnamed_mask", [("", False), ("", True)]))
  def test_files_of_one_band(self, units):
    for band in "gr":
      self.write([unit(band if name in ("IMAGE", "SCI", "") and not whole else WEIGHT, name, whole)
                  for name, whole in units], f"_{band}")
    with mock.patch.object(logging, "warning") as warning:
      self.assert_right(("g", "r"))
    said = [call.args for call in warning.call_args_list if "not used" in call.args[0]]
    self.assertLen(said, 1)

  def test_unnamed_weights_behind_an_image_with_sky_noise(self):
    for band in "gr":
      self.write([unit(0.0, FILTER=band), unit(WEIGHT, FILTER=band)], f"_{band}")
    self.assertEqual(self.levels(("g", "r")), [0.0, 0.0])

  def test_two_images_of_one_band(self):
    for band in "gr":
      self.write([unit(band, "CUTOUT"), unit(WEIGHT, "SECOND")], f"_{band}")
    with self.assertRaisesRegex(
        ValueError, r"J00_g.fits: 2 images in the file of one band, in extensions 1 \(CUTOUT\), "
        r"2 \(SECOND\); .*--extension"):
      self.levels(("g", "r"))
    self.assert_right(("g", "r"), extension=("cutout",))
    with self.assertRaisesRegex(ValueError, r"--extension=SCI: no such image.*1 \(CUTOUT\)"):
      self.levels(("g", "r"), extension=("SCI",))

  def test_counts_before_weights_are_no_mask(self):
    for band in "gr":
      self.write([unit(band, whole=True), unit(WEIGHT)], f"_{band}")
    with self.assertRaisesRegex(ValueError, "2 images in the file of one band.*--extension"):
      self.levels(("g", "r"))

  def test_only_weights(self):
    for band in "gr":
      self.write([unit(WEIGHT, "WHT")], f"_{band}")
    with self.assertRaisesRegex(ValueError, r"no image but only weights.*1 \(WHT\)"):
      self.levels(("g", "r"))

  @parameterized.parameters("r", "z", "V", "i.MP9702")
  def test_file_of_another_band_than_its_name(self, word):
    for band in "gz":
      self.write([unit(band, FILTER=word if band == "g" else "z")], f"_{band}")
    with self.assertRaisesRegex(ValueError, f"J00_g.fits: file of band g, .*FILTER = '{word}'"):
      self.levels(("g", "z"))

  @parameterized.parameters("F475W", "clear", "g.MP9401")
  def test_filter_that_may_be_that_of_the_name(self, word):
    for band in "gz":
      self.write([unit(band, FILTER=word if band == "g" else "z")], f"_{band}")
    self.assert_right(("g", "z"))

  @parameterized.parameters((dict(IMAGETYP="INVVAR"),), (dict(EXTNAME="INVVAR"),),
                            (dict(),), (dict(BUNIT="1/nanomaggy^2", BANDS="grz"),))
  def test_cubes_of_image_and_weights(self, words):
    weights = fits.ImageHDU(np.stack([plane(WEIGHT)] * 3), fits.Header(words))
    self.write([cube("zrg", BANDS="zrg"), weights])
    self.assert_right(("g", "r", "z"))


class AxesTest(sample_cutouts.CutoutsTest, parameterized.TestCase):

  @parameterized.parameters((1,), (1, 1))
  def test_axes_of_length_1(self, *outer):
    for band in "gr":
      self.write([fits.ImageHDU(plane(band).reshape(*outer, 8, 8))], f"_{band}")
    self.assert_right(("g", "r"))

  @parameterized.parameters(((1, 2, 8, 8),), ((2, 1, 8, 8),))
  def test_cubes_with_an_axis_of_length_1(self, shape):
    pixels = np.stack([plane("r"), plane("g")]).reshape(shape)
    self.write([fits.ImageHDU(pixels, fits.Header({"BANDS": "rg"}))])
    self.assert_right(("g", "r"))

  def test_one_band_of_whole_numbers(self):
    self.write([unit("g", whole=True, EXTNAME="IMAGE", FILTER="g"),
                unit("r", EXTNAME="IMAGE", FILTER="r")])
    source = readers.read(self.input, sample_cutouts.survey(("g", "r")), layout="fits_cutouts")
    for row in range(NUM):
      with self.assertRaisesRegex(OSError, "image of int16 in place of floating-point"):
        source.images(row)


if __name__ == "__main__":
  tf.test.main()
