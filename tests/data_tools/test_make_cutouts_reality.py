"""Cutouts of a real SDSS field against its frames and the catalogue made from them.

The folder named by PZBIAS_REAL_DATA holds sdss_field: the five frames of one field
and objects-*.fits, 24 galaxies with magnitudes in circular apertures.
"""

from __future__ import annotations

import glob
import os
import tempfile
import unittest

from absl.testing import parameterized
from astropy.table import Table
import numpy as np
from scipy import ndimage
import tensorflow as tf

from data_tools import make_cutouts
from data_tools.cutouts import regridding
from tests.data_tools import real_field
from tests.data_tools.real_field import BANDS, SCALE_ARCSEC, SIZE

REAL_DATA = os.environ.get("PZBIAS_REAL_DATA", "")


def setUpModule():
  if not REAL_DATA:
    raise unittest.SkipTest("PZBIAS_REAL_DATA names no folder of real galaxies")
  if regridding.find_spec("reproject") is None:
    raise unittest.SkipTest("reproject is not installed")


class MakeCutoutsRealityTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    field = os.path.join(REAL_DATA, "sdss_field")
    cls.frames = real_field.read_frames(field)
    cls.reference = cls.frames["r"].grid
    [positions] = glob.glob(os.path.join(field, "objects-*.fits"))
    with tempfile.TemporaryDirectory() as folder:
      output = os.path.join(folder, "cutouts")
      make_cutouts.run(make_cutouts.CutoutConfig(
          frames=field, positions=positions, output=output))
      cls.cube = np.load(os.path.join(output, "cube.npy")).astype(np.float64)
      cls.table = Table.read(os.path.join(output, "catalog.fits"))
    cls.first = np.stack([cls.table["cutout_x"], cls.table["cutout_y"]], axis=-1)
    cls.places = np.stack([cls.table["x_r"], cls.table["y_r"]], axis=-1) - cls.first
    cls.noise = {band: real_field.sky_rms(frame.pixels) for band, frame in cls.frames.items()}

  def significance(self, row, band):
    """Signal to noise within 2 arcsec."""
    flux = real_field.aperture(self.cube[row, ..., BANDS.index(band)], *self.places[row], 5)
    return flux / (self.noise[band] * np.sqrt(np.pi) * 5)

  def raw_cutout(self, band, first):
    """Pixels of a frame without resampling."""
    x, y = first
    return np.array(self.frames[band].pixels[y:y + SIZE, x:x + SIZE], np.float64)

  def place_in(self, band, x, y):
    """The place in another band's frame of a place in the r frame."""
    sky = self.reference.wcs.all_pix2world([[x, y]], 0)
    return self.frames[band].grid.wcs.all_world2pix(sky, 0)[0]

  def test_all_galaxies_are_cut_out(self):
    self.assertEqual(self.cube.shape, (24, SIZE, SIZE, 5))
    self.assertLen(set(self.table["id"]), 24)
    self.assertAllInRange(self.places, 30.9, 32.1)
    for row in range(24):
      self.assertAllEqual(self.cube[row, ..., 2], self.raw_cutout("r", self.first[row]))

  @parameterized.parameters("g", "i", "z")
  def test_centroids_agree_between_bands(self, band):
    offsets, raw, significant = [], [], []
    for row in range(24):
      r_place = real_field.centroid(self.cube[row, ..., 2], *self.places[row])
      image = self.cube[row, ..., BANDS.index(band)]
      offsets.append(np.hypot(*(real_field.centroid(image, *r_place) - r_place)))
      significant.append(self.significance(row, band))
      shifted = self.place_in(band, *(self.first[row] + r_place)) - self.first[row]
      raw.append(np.hypot(*(shifted - r_place)))
    offsets, significant = np.array(offsets), np.array(significant)
    # In this field's own astrometry stars lie 0.18 pixels off in g, and galaxies' centroids
    # have errors of about 2 pixels / significance.
    self.assertLess(np.median(offsets), 0.3)
    self.assertGreater(np.sum(significant > 100), 0)
    self.assertAllLess(offsets[significant > 100], 0.3)
    self.assertGreater(np.min(raw), 2.5)  # if the coordinates in the headers were ignored

  @parameterized.parameters("u", "g", "i", "z")
  def test_centroids_of_stars_agree_between_bands(self, band):
    """Most galaxies are too faint in u; stars are not."""
    image = self.frames["r"].pixels
    smooth = ndimage.gaussian_filter(image, 1.2)
    peaks = (smooth == ndimage.maximum_filter(smooth, 25)) & (smooth > 20 * self.noise["r"])
    offsets = []
    for y, x in np.argwhere(peaks):
      first = np.array([x, y]) - SIZE // 2
      if min(first) < 20 or np.any(first > np.array([2048, 1489]) - SIZE - 20):
        continue
      star = regridding.cutout(self.frames[band], self.reference, first, SIZE)
      if star[30:35, 30:35].sum() > 8 * 5 * self.noise[band]:
        r_place = real_field.centroid(self.raw_cutout("r", first), SIZE // 2, SIZE // 2)
        offsets.append(real_field.centroid(star, *r_place) - r_place)
    self.assertGreater(len(offsets), 25)
    self.assertLess(np.hypot(*np.median(offsets, axis=0)), 0.3)

  @parameterized.parameters("u", "g", "i", "z")
  def test_galaxies_stay_where_the_frame_shows_them(self, band):
    """Resampling moves no galaxy: places in the frame, through its header, are the same."""
    compared = 0
    for row in range(24):
      if self.significance(row, band) < 10:
        continue
      place = self.place_in(band, *(self.first[row] + self.places[row]))
      first = np.round(place - (SIZE - 1) / 2).astype(int)
      raw = first + real_field.centroid(self.raw_cutout(band, first), *(place - first))
      mine = real_field.centroid(self.cube[row, ..., BANDS.index(band)], *self.places[row])
      expected = self.place_in(band, *(self.first[row] + mine))
      self.assertAllClose(raw, expected, atol=0.06)
      compared += 1
    self.assertGreaterEqual(compared, 3)

  def test_aperture_fluxes_agree_with_the_catalogue(self):
    """The catalogue does not give the aperture's radius of a galaxy: one must fit all bands."""
    bright = np.flatnonzero(self.table["aper_r"] < 18.5)
    self.assertLen(bright, 3)
    for row in bright:
      catalogue = np.array([self.table[f"aper_{band}"][row] for band in BANDS])
      radii = np.arange(10, 25, 0.2)
      mag = np.array([[22.5 - 2.5 * np.log10(real_field.aperture(
          self.cube[row, ..., column], *self.places[row], radius)) for column in range(5)]
                      for radius in radii])
      best = np.argmin(np.abs(mag - catalogue)[:, 1:].max(axis=1))
      self.assertAllClose(mag[best, 1:], catalogue[1:], atol=0.1)
      area = np.pi * radii[best] ** 2
      u_error = 1.0857 * self.noise["u"] * np.sqrt(area) / 10 ** (0.4 * (22.5 - catalogue[0]))
      self.assertAllClose(mag[best, 0], catalogue[0], atol=max(0.1, u_error))

  @parameterized.parameters("u", "g", "i", "z")
  def test_aperture_fluxes_agree_with_the_frame(self, band):
    for row in np.flatnonzero(self.table["aper_r"] < 19):
      place = self.place_in(band, *(self.first[row] + self.places[row]))
      first = np.round(place - (SIZE - 1) / 2).astype(int)
      raw = real_field.aperture(self.raw_cutout(band, first), *(place - first), 8)
      mine = real_field.aperture(self.cube[row, ..., BANDS.index(band)], *self.places[row], 8)
      # The circle's edge cuts the pixels of the two images differently, which adds some noise.
      self.assertAllClose(mine, raw, atol=0.005 * abs(raw) + 2 * self.noise[band])

  @parameterized.product(band=("u", "g", "i", "z"), diameter_arcsec=(2.0, 4.0))
  def test_noise_of_apertures_on_empty_sky(self, band, diameter_arcsec):
    radius = diameter_arcsec / 2 / SCALE_ARCSEC
    smooth = ndimage.gaussian_filter(self.frames["r"].pixels, 2)
    light = np.abs(smooth - np.median(smooth)) > 4 * real_field.spread(smooth.ravel())
    light = ndimage.binary_dilation(light, iterations=8)
    rng = np.random.default_rng(1)
    height, width = self.reference.shape
    mine, raw = [], []
    for first in rng.integers(40, (width - 120, height - 120), (25, 2)):
      image = regridding.cutout(self.frames[band], self.reference, first, SIZE)
      for x in range(7, SIZE - 7, 9):
        for y in range(7, SIZE - 7, 9):
          if not light[first[1] + y, first[0] + x]:
            mine.append(real_field.circle(image, (x, y), radius))
            place = np.round(self.place_in(band, first[0] + x, first[1] + y)).astype(int)
            raw.append(real_field.circle(self.frames[band].pixels, place, radius))
    self.assertGreater(len(mine), 500)
    ratio = real_field.spread(np.array(mine)) / real_field.spread(np.array(raw))
    self.assertBetween(ratio, 0.9, 1.1)


if __name__ == "__main__":
  tf.test.main()
