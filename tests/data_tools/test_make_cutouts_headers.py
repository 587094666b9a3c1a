"""Cutouts from frames whose headers differ: coordinates, units, extensions, damage."""

import csv
import os
import shutil
import unittest

from absl.testing import parameterized
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
import numpy as np
import tensorflow as tf

from data_tools import make_tfrecords
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.cutouts import assignment, regridding
from pzbias_tf.data.dataset import Dataset
from tests.data_tools.cutouts import sample_frames
from tests.data_tools.cutouts.sample_frames import BANDS, FLUX, SIZE, SKY

NAME = "frame-{band}-000094-1-0100.fits"


def setUpModule():
  if regridding.find_spec("reproject") is None:
    raise unittest.SkipTest("reproject is not installed")


def turned(ctype, system, **words):
  """The grid of the sample field in other coordinates."""
  centre = SkyCoord(*sample_frames.CENTRE, unit="deg").transform_to(system).spherical
  sky = centre.lon.deg, centre.lat.deg
  wcs = WCS(naxis=2)
  wcs.wcs.ctype = ctype
  wcs.wcs.crval = sky[::-1] if ctype[0].startswith("DEC") else sky
  wcs.wcs.crpix = [75.5, 60.5]
  wcs.wcs.cdelt = np.array([-1, 1]) * sample_frames.SCALE_ARCSEC / 3600
  header = wcs.to_header()
  header.update(words)
  return header


def rendered(header, sky=SKY):
  """Galaxies at places of the sky (ICRS), by astropy's own way there."""
  wcs = WCS(header)
  system = "galactic" if "GLON" in header["CTYPE1"] else "icrs"
  system = "fk4" if header.get("EQUINOX") == 1950 else system
  native = SkyCoord(*sky.T, unit="deg").transform_to(system).spherical
  world = np.stack([native.lon.deg, native.lat.deg], axis=-1)
  flat = sample_frames.grid()  # only to have a grid of pixels
  flat.all_world2pix = lambda places, origin: wcs.all_world2pix(
      places[:, ::-1] if "DEC" in header["CTYPE1"] else places, origin)
  return sample_frames.render(flat, world, FLUX)


class HeadersTest(sample_frames.CutoutsTest, parameterized.TestCase):

  def path(self, band):
    return os.path.join(self.frames, NAME.format(band=band))

  def write_bands(self, units_of):
    """Writes a file per band; `units_of(number)` gives the units behind an empty first one."""
    os.makedirs(self.frames, exist_ok=True)
    for number, band in enumerate(BANDS):
      fits.HDUList([fits.PrimaryHDU(), *units_of(number)]).writeto(self.path(band))

  def unused(self):
    with open(os.path.join(self.output, "unused_frames.csv"), newline="", encoding="utf-8") as file:
      return {os.path.basename(row["file"]): row["reason"] for row in csv.DictReader(file)}

  @parameterized.named_parameters(
      ("dec_first", turned(["DEC--TAN", "RA---TAN"], "icrs")),
      ("galactic", turned(["GLON-TAN", "GLAT-TAN"], "galactic")),
      ("b1950", turned(["RA---TAN", "DEC--TAN"], "fk4", RADESYS="FK4", EQUINOX=1950.0)))
  def test_other_coordinates(self, header):
    self.write_bands(lambda number: [fits.ImageHDU(rendered(header) * (number + 1), header)])
    cube, table = self.run_cutouts(self.write_positions())
    self.assertLen(cube, 4)
    self.assert_galaxies(cube, table)

  def test_coordinates_in_a_lookup_table(self):
    wcs = sample_frames.grid()
    places = np.stack(np.meshgrid(np.arange(150.0), np.arange(120.0)), axis=-1).reshape(-1, 2)
    sky = wcs.all_pix2world(places, 0).reshape(120, 150, 2)
    header = fits.Header({"CTYPE1": "RA---TAB", "CTYPE2": "DEC--TAB"})
    for axis in (1, 2):
      header.update({f"{key}{axis}": 1.0 for key in ("CRPIX", "CRVAL", "CDELT")})
      header.update({f"CUNIT{axis}": "deg", f"PS{axis}_0": "TABLE", f"PS{axis}_1": "COORDS",
                     f"PV{axis}_1": 1, f"PV{axis}_2": 1, f"PV{axis}_3": axis})
    column = fits.Column(name="COORDS", format=f"{sky.size}D", dim="(2,150,120)", array=[sky])
    table = fits.BinTableHDU.from_columns([column], name="TABLE")
    table.header["EXTVER"] = 1
    self.write_bands(lambda number: [
        fits.ImageHDU(sample_frames.render(wcs, SKY, FLUX * (number + 1)), header), table.copy()])
    cube, catalog = self.run_cutouts(self.write_positions())
    self.assertLen(cube, 4)
    self.assert_galaxies(cube, catalog)

  def test_one_band_in_other_coordinates(self):
    self.write_field()
    header = turned(["GLON-TAN", "GLAT-TAN"], "galactic")
    fits.PrimaryHDU(rendered(header) * 4, header).writeto(self.path("i"), overwrite=True)
    cube, table = self.run_cutouts(self.write_positions())
    self.assert_galaxies(cube, table)

  @parameterized.parameters(
      ("rad", "rad", np.pi / 180, np.pi / 180), ("hourangle", "deg", 1 / 15, 1),
      ("hour", "arcmin", 1 / 15, 60))
  def test_positions_in_other_units(self, ra_unit, dec_unit, ra_factor, dec_factor):
    self.write_field()
    path = self.write_positions(SKY * (ra_factor, dec_factor), ebv=np.zeros(4), r=np.full(4, 15.0))
    with fits.open(path, mode="update") as file:
      file[1].header["TUNIT2"], file[1].header["TUNIT3"] = ra_unit, dec_unit
    cube, table = self.run_cutouts(path)
    self.assert_galaxies(cube, table)
    self.assertEqual((table["RA"].unit, table["Dec"].unit), (units.deg, units.deg))
    data_dir = os.path.join(self.folder, "data")
    make_tfrecords.run(make_tfrecords.ConversionConfig(
        input=self.output, output=data_dir, settings=ConversionSettings(split=(0, 0, 1))))
    self.assertAllClose(np.sort(Dataset.open(data_dir).catalog["ra"]), np.sort(SKY[:, 0]))

  @parameterized.parameters("pix", "mag", "furlong")
  def test_positions_in_units_that_are_no_angles(self, unit):
    self.write_field()
    path = self.write_positions()
    with fits.open(path, mode="update") as file:
      file[1].header["TUNIT3"] = unit
    with self.assertRaisesRegex(ValueError, f"column Dec has the unit '{unit}'.*--dec_column"):
      self.run_cutouts(path)

  @parameterized.parameters(("MJy/sr", 7.0), ("MJY/SR", 7.0), ("uJy/arcsec2", 7.0),
                            ("nanomaggy", 28.0), ("", 28.0))
  def test_surface_brightness_of_finer_pixels(self, bunit, expected):
    noise = np.random.default_rng(0).normal(0, 0.01, (260, 320)).astype(np.float32)
    grids = [sample_frames.grid(), *[sample_frames.grid(scale=0.5, shape=noise.shape)] * 4]
    order = dict(zip("rugiz", grids))

    def units_of(number):
      wcs = order[BANDS[number]]
      level = 7 + noise[:wcs is grids[0] and 120 or 260, :wcs is grids[0] and 150 or 320]
      header = wcs.to_header()
      header.update({"BUNIT": bunit} if bunit else {})
      return [fits.ImageHDU(level, header)]

    self.write_bands(units_of)
    cube, _ = self.run_cutouts(self.write_positions())
    self.assertAllClose(np.median(cube, axis=(0, 1, 2)),
                        [expected, expected, 7, expected, expected], atol=0.02)

  @parameterized.parameters(
      ("g", "mag", "band g: pixels in magnitudes .BUNIT = 'mag'"),
      ("z", "MJy/sr", "band z in MJy/sr, a surface brightness, but band i in nanomaggy"))
  def test_units_that_do_not_fit(self, band, bunit, message):
    self.write_field()
    for each in BANDS:
      fits.setval(self.path(each), "BUNIT", value=bunit if each == band else "nanomaggy")
    with self.assertRaisesRegex(ValueError, f"none of 4 positions.*{message}"):
      self.run_cutouts(self.write_positions())

  def test_fields_in_other_units(self):
    self.write_field("000094-1-0100")
    self.write_field("000094-1-0101", centre=(150.0, 3.0))
    fits.setval(self.path("g"), "BUNIT", value="nJy")
    fits.setval(self.path("g").replace("0100", "0101"), "BUNIT", value="uJy")
    self.run_cutouts(self.write_positions(np.concatenate([SKY, [[150.0, 3.0]]])))
    self.assertRegex(self.rejected()[str(10**18 + 4)], "band g: pixels in uJy, but those of .*nJy")

  @parameterized.parameters(
      ({"MAGZERO": 30.0}, {"MAGZERO": 27.0}), ({"PHOTZP": 30.0}, {"PHOTZP": 30.5}),
      ({"FLUXMAG0": 6.3e10}, {"FLUXMAG0": 5.7e10}),
      ({"BUNIT": "adu", "ZEROPNT": 25.0}, {"BUNIT": "adu", "ZEROPNT": 26.0}))
  def test_fields_of_other_zero_points(self, words, others):
    self.write_field("000094-1-0100")
    self.write_field("000094-1-0101", centre=(150.0, 3.0))
    for path, values in ((self.path("g"), words),
                         (self.path("g").replace("0100", "0101"), others)):
      for key, value in values.items():
        fits.setval(path, key, value=value)
    self.run_cutouts(self.write_positions(np.concatenate([SKY, [[150.0, 3.0]]])))
    self.assertRegex(self.rejected()[str(10**18 + 4)],
                     "band g: .*, but .* in .*; convert all frames of a band to one unit and zero")

  def test_asinh_magnitudes_are_refused(self):
    self.write_field()
    for key in ("BSOFTEN", "BOFFSET"):
      fits.setval(self.path("i"), key, value=1.5)
    with self.assertRaisesRegex(ValueError, "band i: pixels in asinh magnitudes"):
      self.run_cutouts(self.write_positions())

  @parameterized.named_parameters(
      ("wht_first", ("WHT", "SCI"), {}), ("named_first", ("ERR", "DQ", "SCI"), {}),
      ("exttype", ("", ""), {0: dict(EXTTYPE="VARIANCE"), 1: dict(EXTTYPE="IMAGE")}),
      ("hduclas", ("A", "B"), {0: dict(HDUCLAS2="ERROR"), 1: dict(HDUCLAS2="DATA")}))
  def test_weights_before_the_image(self, names, words):
    wcs = sample_frames.grid()

    def units_of(number):
      image = sample_frames.render(wcs, SKY, FLUX * (number + 1))
      planes = [np.full_like(image, 7000.0)] * (len(names) - 1) + [image]
      header = lambda place: fits.Header({**wcs.to_header(), **words.get(place, {})})
      return [fits.ImageHDU(pixels, header(place), name=name or None)
              for place, (pixels, name) in enumerate(zip(planes, names))]

    self.write_bands(units_of)
    cube, table = self.run_cutouts(self.write_positions())
    self.assert_galaxies(cube, table)

  def test_weights_that_are_not_marked(self):
    wcs = sample_frames.grid()
    self.write_bands(lambda number: [
        fits.ImageHDU(np.full((120, 150), 7000.0, np.float32), wcs.to_header(), name="ONE"),
        fits.ImageHDU(sample_frames.render(wcs, SKY, FLUX * (number + 1)), wcs.to_header(),
                      name="TWO")])
    with self.assertRaisesRegex(
        ValueError, r"two images of the same sky in extensions 1 \(ONE\), 2 \(TWO\); "
        ".*--extension"):
      self.run_cutouts(self.write_positions())
    for extension in ("two", "2"):
      self.output += extension
      cube, table = self.run_cutouts(os.path.join(self.folder, "galaxies.fits"),
                                     extension=(extension,))
      self.assert_galaxies(cube, table)

  @parameterized.parameters((None, None), ("CCD{}", None), ("SCI", None), (None, "WHT"))
  def test_each_ccd_of_a_mosaic(self, name, companion):
    """In z the CCDs stand in another order, so that a galaxy is on another one than in r."""
    shape = (120, 75)

    def units_of(number):
      made = []
      for ccd, start in enumerate((0, 75) if number < 4 else (75, 0)):
        wcs = sample_frames.grid(offset=(1.4 * (number - 2) - start, 0))
        image = sample_frames.render(wcs, SKY, FLUX * (number + 1), shape=shape)
        if companion:
          made.append(fits.ImageHDU(np.full_like(image, 7000.0), wcs.to_header(), name=companion))
        made.append(fits.ImageHDU(image, wcs.to_header(), name=name and name.format(ccd)))
      return made

    self.write_bands(units_of)
    sky = SKY[[0, 2]]
    cube, table = self.run_cutouts(self.write_positions(sky))
    self.assertLen(cube, 2)
    self.assertLen(set(table["cutout_extension"]), 2)
    for image, row in zip(cube, table):
      whole = sample_frames.render(sample_frames.grid(), SKY, FLUX * 3)
      x = row["cutout_x"] + 75 * (int(row["id"]) % 10)
      self.assertAllClose(image[..., 2], whole[row["cutout_y"]:row["cutout_y"] + SIZE, x:x + SIZE],
                          atol=1e-4)
      self.assertAllClose(image[..., 4], 5 / 3 * image[..., 2], atol=0.02 * image.max())

  @parameterized.parameters((1,), (1, 1))
  def test_axes_of_length_1(self, *outer):
    self.write_field()
    with fits.open(self.path("z")) as file:
      pixels, header = np.array(file[0].data), file[0].header
    fits.PrimaryHDU(pixels.reshape(*outer, *pixels.shape), header).writeto(
        self.path("z"), overwrite=True)
    cube, table = self.run_cutouts(self.write_positions())
    self.assert_galaxies(cube, table)

  @parameterized.named_parameters(
      ("cube", lambda self: fits.PrimaryHDU(np.zeros((3, 120, 150), np.float32)).writeto(
          self, overwrite=True), r"image of axes \[3, 120, 150\]"),
      ("ctype", lambda path: fits.setval(path, "CTYPE1", value="RA---XYZ"), "'RA---XYZ'"),
      ("table", lambda path: Table({"a": [1.0]}).write(path, overwrite=True),
       r"no image, but 0 \(Primary PRIMARY\), 1 \(BinTable\)"),
      ("web_page", lambda path: open(path, "w").write("<!DOCTYPE html>"), "a web page"),
      ("empty", lambda path: open(path, "w").close(), "an empty file"),
      ("filter", lambda path: fits.setval(path, "FILTER", value="r.MP9601"),
       "file of band i, but its header says FILTER = 'r.MP9601'"))
  def test_file_that_cannot_be_used(self, spoil, message):
    self.write_field("000094-1-0100")
    self.write_field("000094-1-0101", centre=(150.0, 3.0))
    spoil(self.path("i").replace("0100", "0101"))
    self.run_cutouts(self.write_positions(np.concatenate([SKY, [[150.0, 3.0], [10.0, 3.0]]])))
    self.assertLen(self.rejected(), 2)
    self.assertRegex(self.rejected()[str(10**18 + 4)], f"band i: .*{message}")
    self.assertEqual(self.rejected()[str(10**18 + 5)], assignment.NO_USABLE_FRAME)
    self.assertEqual(list(self.unused()), ["frame-i-000094-1-0101.fits"])
    self.assertRegex(self.unused()["frame-i-000094-1-0101.fits"], message)

  def test_no_file_can_be_used(self):
    self.write_field()
    for band in BANDS:
      fits.setval(self.path(band), "CTYPE1", value="X")
    with self.assertRaisesRegex(ValueError, "outside of all frames that can be used(.|\n)*"
                                "frame-u-000094-1-0100.fits: .*CTYPE1 = 'X'"):
      self.run_cutouts(self.write_positions())

  def test_frames_without_padding_and_with_an_old_checksum(self):
    self.write_field()
    with fits.open(self.path("g")) as file:
      size = file[0].fileinfo()["datLoc"] + file[0].size
    os.truncate(self.path("g"), size)
    cube, table = self.run_cutouts(self.write_positions())
    self.assert_galaxies(cube, table)

  def test_files_that_macos_leaves(self):
    self.write_field()
    os.makedirs(os.path.join(self.frames, "__MACOSX"))
    for folder, prefix in (("", "._"), ("__MACOSX/", "._"), ("__MACOSX/", "")):
      with open(os.path.join(self.frames, folder + prefix + NAME.format(band="g")), "wb") as file:
        file.write(b"\0\5\x16\7" + bytes(4092))
    cube, table = self.run_cutouts(self.write_positions())
    self.assert_galaxies(cube, table)

  @parameterized.parameters(".snapshot", "@eaDir", "#recycle", ".Trash-1000")
  def test_copies_that_file_systems_keep(self, folder):
    self.write_field()
    os.makedirs(os.path.join(self.frames, folder))
    name = NAME.format(band="g")
    shutil.copy(self.path("g"), os.path.join(self.frames, folder, name))
    cube, table = self.run_cutouts(self.write_positions())
    self.assert_galaxies(cube, table)


if __name__ == "__main__":
  tf.test.main()
