"""Pixels go to the same place of the sky, whatever coordinates a header is in."""

from absl.testing import parameterized
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
import numpy as np
import tensorflow as tf

from data_tools.cutouts import celestial

SHAPE = (120, 150)
CENTRE = SkyCoord(150 * units.deg, 2 * units.deg)


def header(ctype=("RA---TAN", "DEC--TAN"), system="icrs", **words):
  """A header whose reference pixel (75, 60) is CENTRE."""
  centre = CENTRE.transform_to(system).spherical
  sky = centre.lon.deg, centre.lat.deg
  sky = sky[::-1] if ctype[0].startswith(("DEC", "GLAT")) else sky
  return fits.Header({
      "NAXIS": 2, "NAXIS1": SHAPE[1], "NAXIS2": SHAPE[0], "CTYPE1": ctype[0], "CTYPE2": ctype[1],
      "CRVAL1": sky[0], "CRVAL2": sky[1], "CRPIX1": 75.0, "CRPIX2": 60.0, "CDELT1": -1e-4,
      "CDELT2": 1e-4, **words})


class CelestialTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.named_parameters(
      ("icrs", header()), ("dec_first", header(("DEC--TAN", "RA---TAN"))),
      ("galactic", header(("GLON-TAN", "GLAT-TAN"), "galactic")),
      ("latitude_first", header(("GLAT-CAR", "GLON-CAR"), "galactic")),
      ("fk4", header(system="fk4", RADESYS="FK4", EQUINOX=1950.0)),
      ("b1950", header(system="fk4", EQUINOX=1950.0)),
      ("b1950_as_text", header(system="fk4", EQUINOX="B1950")),
      ("epoch", header(system="fk4", EPOCH="1950.0")),
      ("fk4_dec_first", header(("DEC--SIN", "RA---SIN"), "fk4", RADECSYS="FK4")),
      ("fk5", header(system="fk5", RADESYS="FK5", EQUINOX=2000.0)),
      ("j2000_as_text", header(system="fk5", EQUINOX="J2000.0")),
      ("small_letters", header(RADESYS="icrs")), ("two_words", header(RADESYS="ICRS J2000")),
      ("gaia", header(RADESYS="GAIA-CRF3")), ("fk5_two_words", header(
          system="fk5", RADESYS="fk5 J2000", EQUINOX=2000.0)),
      ("date_beside_a_system", header(RADESYS="ICRS", EPOCH=2015.5)),
      ("date_beside_an_equinox", header(system="fk5", EQUINOX=2000.0, EPOCH=2015.5)),
      ("third_axis", header(NAXIS=3, NAXIS3=1, CTYPE3="FREQ", CRVAL3=1e9, CDELT3=1e6, CRPIX3=1.0)))
  def test_one_place(self, words):
    with celestial.quiet():
      wcs = celestial.read_wcs(words, SHAPE)
      sky = celestial.to_sky(wcs, np.array([[74.0, 59.0]]))
      self.assertAllClose(sky, [[150.0, 2.0]], atol=1e-7, rtol=0)
      self.assertAllClose(celestial.to_pixels(wcs, sky), [[74.0, 59.0]], atol=1e-3)
      plain = celestial.read_wcs(header(), SHAPE)
      places = np.array([[3.0, 100.0], [140.0, 20.0]])
      other = celestial.between(plain, wcs, places)
      self.assertAllClose(celestial.to_sky(wcs, other), celestial.to_sky(plain, places), atol=1e-8)

  @parameterized.named_parameters(
      ("none", fits.Header({"NAXIS": 2}), "no celestial coordinates .*CTYPE1 = 'missing'"),
      ("other_axes", header(("X", "Y")), "no celestial coordinates .*CTYPE1 = 'X'"),
      ("misspelt", header(("RA--TAN", "DEC-TAN")), "no celestial coordinates .*'RA--TAN'"),
      ("projection", header(("RA---XYZ", "DEC--XYZ")), "'RA---XYZ'.* cannot be used"),
      ("two_projections", header(("RA---TAN", "DEC--SIN")), "'DEC--SIN'.* cannot be used"),
      ("unmatched", header(("RA---TAN", "FREQ")), "'FREQ'.* cannot be used"),
      ("ecliptic", header(("ELON-TAN", "ELAT-TAN")), "coordinates of kind ELON are not supported"),
      ("system", header(RADESYS="GAPPT"), "unknown system of coordinates: RADESYS = 'GAPPT'"),
      ("date", header(EPOCH=2015.5), "EPOCH = 2015.5 without EQUINOX or RADESYS may be the date"),
      ("year", header(EPOCH=2016), "EPOCH = 2016 .* may be the date"),
      ("hipparcos", header(EPOCH=1991.25), "EPOCH = 1991.25 .* may be the date"),
      ("equinox", header(EQUINOX="today"), "EQUINOX = 'today' is no year"),
      ("no_size", header(CDELT1=0.0), "cannot be used"),
      ("no_table", header(("RA---TAB", "DEC--TAB"), PS1_0="WCS", PS1_1="X", PS2_0="WCS",
                          PS2_1="Y"), "'RA---TAB'.* cannot be used"))
  def test_headers_that_do_not_tell(self, words, message):
    with celestial.quiet(), self.assertRaisesRegex(celestial.SkyError, message):
      celestial.read_wcs(words, SHAPE)


if __name__ == "__main__":
  tf.test.main()
