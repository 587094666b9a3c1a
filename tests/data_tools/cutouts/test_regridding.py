"""Resampled galaxies keep their place and flux."""

import unittest

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools.cutouts import footprints, frames, regridding
from data_tools.fits_headers.flux_scale import FluxScale
from tests.data_tools.cutouts import sample_frames
from tests.data_tools.cutouts.sample_frames import FLUX, SIZE, SKY


def setUpModule():
  if regridding.find_spec("reproject") is None:
    raise unittest.SkipTest("reproject is not installed")


class RegriddingTest(tf.test.TestCase, parameterized.TestCase):

  def frame(self, shape=sample_frames.SHAPE, sky=SKY, flux=FLUX, **grid):
    wcs = sample_frames.grid(shape=shape, **grid)
    image = sample_frames.render(wcs, sky, flux, shape=shape, scale=grid.get("scale", 1.0))
    return frames.Frame(frames.Grid(wcs, shape), image)

  @parameterized.named_parameters(
      ("offset", dict(offset=(6.37, -4.21))), ("rotated", dict(rotation=33.0)),
      ("upside_down", dict(rotation=180.0, offset=(0.4, 0.3))),
      ("coarser", dict(scale=1.3)), ("a_little_finer", dict(scale=0.93, rotation=10.0)),
      ("much_finer", dict(scale=0.5, shape=(260, 320), offset=(0.3, 0.2))))
  def test_place_and_flux(self, grid):
    reference = self.frame().grid
    for sky, flux in zip(SKY, FLUX):  # one at a time, without neighbours
      frame = self.frame(sky=sky[None], flux=[flux], **grid)
      first = footprints.first_pixels(reference, *sky[:, None], SIZE)[0]
      image = regridding.cutout(frame, reference, first, SIZE)
      self.assertEqual((image.shape, image.dtype), ((SIZE, SIZE), np.float32))
      place, total = sample_frames.measure(image)
      self.assertAllClose(place, reference.wcs.all_world2pix(sky[None], 0)[0] - first, atol=0.02)
      self.assertAllInRange(place, SIZE / 2 - 1.02, SIZE / 2 + 0.02)
      self.assertAllClose(total, flux, rtol=0.005)

  def test_every_pixel_has_the_right_flux(self):
    reference = self.frame()
    first = footprints.first_pixels(reference.grid, *SKY[2][:, None], SIZE)[0]
    image = regridding.cutout(self.frame(offset=(3.5, 2.5), rotation=20), reference.grid, first,
                              SIZE)
    x, y = first
    expected = reference.pixels[y:y + SIZE, x:x + SIZE]
    self.assertAllClose(image, expected, atol=0.01 * expected.max())

  @parameterized.parameters((1.0, (120, 150), 0), (1.0, (120, 150), 30), (0.5, (260, 320), 0))
  def test_noise_of_sums_over_pixels(self, scale, shape, rotation):
    """Pixels finer than the reference's are all summed, and none is ignored."""
    reference = self.frame().grid
    wcs = sample_frames.grid(shape=shape, scale=scale, rotation=rotation, offset=(0.5, 0.25))
    noise = np.random.default_rng(0).normal(size=shape)
    frame = frames.Frame(frames.Grid(wcs, shape), noise)
    sums = []
    for first in [(25, 25), (25, 60), (60, 25), (60, 60), (90, 25), (90, 60)]:
      image = regridding.cutout(frame, reference, np.array(first), SIZE)
      sums.append(image.reshape(4, 8, 4, 8).sum((1, 3)))
    self.assertAllClose(np.std(sums), 8 / scale, rtol=0.15)

  def test_pixels_on_the_grid_are_copied(self):
    reference = self.frame()
    first = np.array([30, 40])
    image = regridding.cutout(reference, reference.grid, first, SIZE)
    self.assertAllEqual(image, reference.pixels[40:72, 30:62])
    shifted = self.frame(offset=(5, -3))
    image = regridding.cutout(shifted, reference.grid, first, SIZE)
    self.assertAllEqual(image, shifted.pixels[37:69, 35:67])

  def test_places_without_data(self):
    reference, first = self.frame(), np.array([30, 40])
    for value, message in ((np.nan, "not finite"), (0.0, "no data")):
      frame = self.frame(offset=(0.5, 0))
      frame.pixels[45:65, 40:60] = value
      with self.assertRaisesRegex(frames.FrameError, message):
        regridding.cutout(frame, reference.grid, first, SIZE)
      good = self.frame(offset=(0.5, 0))
      beyond = first + [36, 0]  # its left edge is 6 pixels away from the hole
      self.assertAllClose(regridding.cutout(frame, reference.grid, beyond, SIZE),
                          regridding.cutout(good, reference.grid, beyond, SIZE), atol=1e-3)

  @parameterized.named_parameters(
      ("counts", lambda rng: rng.poisson(0.3, (120, 150))),
      ("counts_per_second", lambda rng: rng.poisson(0.3, (120, 150)) / 1234.5),
      ("counts_over_a_flat", lambda rng: rng.poisson(0.1, (120, 150)) / rng.uniform(
          0.8, 1.2, (120, 150))),
      ("a_source_alone", lambda rng: rng.poisson(sample_frames.render(
          sample_frames.grid(), SKY, FLUX))))
  def test_zeros_of_photon_counts_are_data(self, image):
    reference = self.frame()
    first = footprints.first_pixels(reference.grid, *SKY[1][:, None], SIZE)[0]
    pixels = image(np.random.default_rng(0)).astype(np.float32)
    self.assertGreater(np.mean(pixels == 0), 0.5)
    frame = frames.Frame(reference.grid, pixels)
    x, y = first
    self.assertAllEqual(regridding.cutout(frame, reference.grid, first, SIZE),
                        pixels[y:y + SIZE, x:x + SIZE])

  @parameterized.named_parameters(
      ("all_zero", np.s_[:, :], 0.0), ("all_equal", np.s_[:, :], 3.5),
      ("block", np.s_[45:65, 40:60], 0.0), ("columns", np.s_[:, ::6], 0.0),
      ("edge", np.s_[:, :33], 0.0), ("infinite", np.s_[50:51, 40:41], np.inf))
  def test_areas_without_data(self, place, value):
    reference, first = self.frame(), np.array([30, 40])
    reference.pixels[place] = value
    with self.assertRaisesRegex(frames.FrameError, "no data|not finite"):
      regridding.cutout(reference, reference.grid, first, SIZE)

  @parameterized.parameters(("MJy/sr", 7.0), ("nanomaggy", 28.0), ("", 28.0))
  def test_finer_pixels_by_unit(self, unit, expected):
    wcs = sample_frames.grid(scale=0.5, shape=(260, 320))
    noise = np.random.default_rng(0).normal(7, 0.01, (260, 320))
    frame = frames.Frame(frames.Grid(wcs, (260, 320), scale=FluxScale(unit)), noise)
    image = regridding.cutout(frame, self.frame().grid, np.array([30, 40]), SIZE)
    self.assertAllClose(np.median(image), expected, rtol=1e-3)


if __name__ == "__main__":
  tf.test.main()
