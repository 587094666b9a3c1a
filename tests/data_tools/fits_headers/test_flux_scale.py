"""What a unit of an image's pixels is worth, by its header."""

from absl.testing import parameterized
from astropy.io import fits
import tensorflow as tf

from data_tools.fits_headers import flux_scale


def scale(primary=None, **words):
  return flux_scale.scale_of(fits.Header(words), fits.Header(primary or {}))


class FluxScaleTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      (dict(BUNIT="nJy"), dict(BUNIT="uJy"), "pixels in nJy, but those of .* in uJy"),
      (dict(MAGZERO=30.0), dict(MAGZERO=27.0), "MAGZERO = 30, but MAGZERO = 27"),
      (dict(PHOTZP=25.0), dict(ZEROPNT=25.5), "PHOTZP = 25, but ZEROPNT = 25.5"),
      (dict(FLUXMAG0=6.30957e10), dict(FLUXMAG0=6.9e10), "FLUXMAG0 = 6.30957e.10, but"),
      (dict(PHOTFLAM=7e-20), dict(PHOTFLAM=8e-20), "PHOTFLAM"),
      (dict(BUNIT="adu", MAGZP=26), dict(BUNIT="adu", MAGZP=26.3), "MAGZP"),
      (dict(primary={"MAGZERO": 30.0}), dict(MAGZERO=27.0), "MAGZERO"))
  def test_images_of_other_scales(self, first, second, message):
    self.assertRegex(scale(**first).difference(scale(**second)), message)

  @parameterized.parameters(
      (dict(BUNIT="nJy"), dict(BUNIT="nJy")), (dict(BUNIT="nJy"), {}), (dict(MAGZERO=30.0), {}),
      (dict(MAGZERO=30.0), dict(MAGZERO=30.01)), (dict(FLUXMAG0=6.30957e10), dict(MAGZERO=27.0)),
      (dict(BUNIT="nanomaggy", MAGZERO=22.5), dict(BUNIT="nanomaggy", MAGZERO=30.0)),
      (dict(MAGZERO="unknown"), dict(MAGZERO=27.0)), (dict(FLUXMAG0=0.0), dict(MAGZERO=27.0)))
  def test_images_of_one_scale(self, first, second):
    self.assertEqual(scale(**first).difference(scale(**second)), "")

  def test_what_only_one_states_is_kept(self):
    joined = scale(BUNIT="adu").joined(scale(MAGZERO=30.0))
    self.assertEqual((joined.unit, joined.zero_point), ("adu", 30.0))

  @parameterized.parameters(
      (dict(BUNIT="mag"), "in magnitudes"), (dict(BUNIT="mag/arcsec2"), "in magnitudes"),
      (dict(BSOFTEN=12.0, BOFFSET=-3.0), "asinh magnitudes .* sinh"), (dict(BUNIT="adu"), ""),
      (dict(BOFFSET=1.0), ""), ({}, ""))
  def test_pixels_that_are_no_fluxes(self, words, message):
    problem = flux_scale.no_flux(fits.Header(words))
    self.assertRegex(problem, message or "^$")


if __name__ == "__main__":
  tf.test.main()
