"""Positions of tables in degrees, whatever their unit and system."""

import os

from absl.testing import parameterized
from astropy import units
from astropy.coordinates import FK4, SkyCoord
from astropy.io import fits
from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools.fits_headers import sky_columns
from pzbias_tf.tables import read_table

RA, DEC = np.array([10.5, 150.0, 359.9]), np.array([-30.0, 2.0, 60.0])
SKY = SkyCoord(RA * units.deg, DEC * units.deg)


class SkyColumnsTest(tf.test.TestCase, parameterized.TestCase):

  def read(self, ra, dec, *, names=("ra", "dec"), header=(), ra_unit="", dec_unit="", ucd=""):
    path = os.path.join(self.create_tempdir().full_path, "table.fits")
    Table({names[0]: ra, names[1]: dec}).write(path)
    with fits.open(path, mode="update") as file:
      file[1].header.update({key: value for key, value in (
          ("TUNIT1", ra_unit), ("TUNIT2", dec_unit), ("TUCD1", ucd)) if value})
      file[1].header.update(header)
    return sky_columns.in_degrees(ra, dec, names, path)

  def assert_degrees(self, found, atol=1e-9):
    self.assertAllClose(found, (RA, DEC), atol=atol, rtol=0)

  @parameterized.parameters("", "deg", "degree", "Degrees", "DEG")
  def test_degrees(self, unit):
    self.assert_degrees(self.read(RA, DEC, ra_unit=unit, dec_unit=unit), atol=0)

  @parameterized.parameters(
      ("rad", "rad", np.pi / 180, np.pi / 180), ("radians", "RAD", np.pi / 180, np.pi / 180),
      ("hour", "deg", 1 / 15, 1), ("h", "deg", 1 / 15, 1), ("hourangle", "", 1 / 15, 1),
      ("HOURS", "degrees", 1 / 15, 1), ("s", "arcsec", 240, 3600), ("arcmin", "mas", 60, 3.6e6))
  def test_other_units(self, ra_unit, dec_unit, ra_factor, dec_factor):
    self.assert_degrees(self.read(RA * ra_factor, DEC * dec_factor, ra_unit=ra_unit,
                                  dec_unit=dec_unit))

  def test_sexagesimal_text(self):
    ra = SKY.ra.to_string(unit=units.hourangle, sep=":", precision=6)
    dec = SKY.dec.to_string(unit=units.deg, sep=" ", precision=6)
    self.assert_degrees(self.read(ra, dec, ra_unit='"h:m:s"', dec_unit='"d:m:s"'))

  @parameterized.parameters(":", " ", ("h", "m", "s"))
  def test_sexagesimal_text_without_a_unit(self, *separators):
    letters = separators if len(separators) == 3 else separators[0]
    ra = SKY.ra.to_string(unit=units.hourangle, sep=letters, precision=6)
    dec = SKY.dec.to_string(unit=units.deg, sep=letters if len(separators) == 1 else "dms",
                            precision=6)
    self.assert_degrees(self.read(ra, dec))
    ra[1], dec[1] = "", "NULL"
    found = self.read(ra, dec)
    self.assertAllEqual(np.isnan(found), [[False, True, False]] * 2)

  @parameterized.parameters("150:00:00", "24 00 00.5", "359:59:59.9")
  def test_sexagesimal_text_that_may_be_degrees(self, text):
    with self.assertRaisesRegex(ValueError, "column ra has no unit .*beyond 24 hours.*d:m:s"):
      self.read(np.array([text]), np.array(["1:0:0"]))
    self.assertAllClose(self.read(np.array(["150d00m00s"]), np.array(["1:0:0"]))[0], [150.0])

  @parameterized.parameters(("hour", 1 / 15), ("rad", np.pi / 180), ("", 1.0))
  def test_numbers_as_text_have_units_too(self, unit, factor):
    found = self.read((RA * factor).astype(str), DEC.astype(str), ra_unit=unit)
    self.assert_degrees(found)

  @parameterized.parameters("icrs", "ICRS J2000", "GAIA-CRF3", " Icrs ")
  def test_spellings_of_the_icrs(self, text):
    self.assert_degrees(self.read(RA, DEC, header={"RADESYS": text}), atol=0)

  @parameterized.parameters((-9999.0, -9999.0), (10.0, 95.0), (999.0, 2.0))
  def test_positions_that_are_none_are_missing(self, ra, dec):
    for columns, path in ((read_table, "table.fits"), (lambda path: {}, "table.npz")):
      path = os.path.join(self.create_tempdir().full_path, path)
      table = Table({"ra": [ra, 10.0], "dec": [dec, 2.0]})
      table.write(path, format="fits")
      found = {**columns(path)} or {name: np.array(table[name]) for name in table.colnames}
      catalog = table.copy()
      sky_columns.correct(catalog, {"ra": "ra", "dec": "dec"}, found, path)
      self.assertAllEqual(np.isnan([catalog["ra"], catalog["dec"]]), [[True, False]] * 2)

  @parameterized.parameters(
      ({"RADESYS": "FK4", "EQUINOX": 1950.0}, "fk4"), ({"EQUINOX": 1950.0}, "fk4"),
      ({"EQUINOX": "B1950"}, "fk4"), ({"RADECSYS": "FK5"}, "fk5"), ({"EQUINOX": 2000.0}, "fk5"))
  def test_systems_of_the_header(self, header, system):
    sky = SKY.transform_to(system)
    found = self.read(sky.ra.deg, sky.dec.deg, header=header)
    self.assert_degrees(found, atol=1e-7)

  @parameterized.parameters(
      (("glon", "glat"), "", "galactic"), (("l", "b"), "", "galactic"),
      (("x", "y"), "pos.galactic.lon", "galactic"), (("raB1950", "decB1950"), "", "fk4"))
  def test_systems_of_the_columns(self, names, ucd, system):
    sky = SKY.transform_to(system).spherical
    found = self.read(sky.lon.deg, sky.lat.deg, names=names, ucd=ucd)
    self.assert_degrees(found, atol=1e-7)

  @parameterized.parameters(
      (dict(ra_unit="pix"), "column ra has the unit 'pix'"),
      (dict(dec_unit="mag"), "column dec has the unit 'mag'"),
      (dict(dec_unit="hour"), "column dec has the unit 'hour'"),
      (dict(ra_unit="furlong"), "column ra has the unit 'furlong'"),
      (dict(header={"RADESYS": "GAPPT"}), "columns ra, dec are in the system RADESYS = 'GAPPT'"),
      (dict(ucd="pos.ecliptic.lon"), "column ra has the UCD"))
  def test_what_cannot_be_converted(self, words, message):
    with self.assertRaisesRegex(ValueError, f"table.fits: .*{message}"):
      self.read(RA, DEC, **words)

  def test_missing_positions_stay_missing(self):
    ra, dec = self.read(np.array([np.nan, 1.0]), np.array([0.0, 95.0]),
                        header={"EQUINOX": 1950.0})
    self.assertAllEqual(np.isnan(ra), [True, False])
    self.assertEqual(dec[1], 95.0)

  @parameterized.parameters(("rad", np.pi / 180), ("deg", 1.0), ("pix", np.nan))
  def test_catalogue_has_degrees_or_nothing(self, unit, factor):
    path = os.path.join(self.create_tempdir().full_path, "table.fits")
    table = Table({"ra": RA * factor, "dec": DEC * factor})
    table["ra"].unit = table["dec"].unit = unit
    table.write(path)
    catalog = Table({"ra": np.zeros(3), "dec": np.zeros(3)})
    sky_columns.correct(catalog, {"ra": "ra", "dec": "dec"},
                        {name: np.asarray(table[name]) for name in ("ra", "dec")}, path)
    expected = (RA, DEC) if np.isfinite(factor) else np.full((2, 3), np.nan)
    self.assertAllClose((catalog["ra"], catalog["dec"]), expected)

  @parameterized.parameters("ascii.ecsv", "votable", "fits")
  def test_units_of_other_tables(self, form):
    path = os.path.join(self.create_tempdir().full_path, "table")
    table = Table({"ra": np.radians(RA), "dec": np.radians(DEC)})
    table["ra"].unit = table["dec"].unit = "rad"
    table.write(path, format=form)
    catalog = Table({"ra": np.zeros(3), "dec": np.zeros(3)})
    sky_columns.correct(catalog, {"ra": "ra", "dec": "dec"}, read_table(path), path)
    self.assertAllClose((catalog["ra"], catalog["dec"]), (RA, DEC), atol=1e-9)

  @parameterized.parameters(
      ("glon", "glat", "galactic"), ("l", "b", "galactic"), ("ra_b1950", "dec_b1950", "fk4"),
      ("ra", "dec", "icrs"))
  def test_systems_that_names_tell_in_tables_without_units(self, ra, dec, system):
    path = os.path.join(self.create_tempdir().full_path, "table.csv")
    native = SKY.transform_to(FK4(equinox="B1950") if system == "fk4" else system).spherical
    Table({ra: native.lon.deg, dec: native.lat.deg}).write(path)
    catalog = Table({"ra": native.lon.deg, "dec": native.lat.deg})
    sky_columns.correct(catalog, {"ra": ra, "dec": dec}, read_table(path), path)
    self.assertAllClose((catalog["ra"], catalog["dec"]), (RA, DEC), atol=1e-8)


if __name__ == "__main__":
  tf.test.main()
