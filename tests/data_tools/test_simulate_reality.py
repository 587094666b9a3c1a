"""The simulated SDSS against real galaxies and a real field.

The folder named by PZBIAS_REAL_DATA holds catalogs/sdss_mgs.txt, a table of 5,000
main-sample galaxies, and sdss_field, the five frames of one field.
"""

from __future__ import annotations

import os
import unittest
import warnings

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools.simulation import instruments
from data_tools.simulation.observation import Observation
from data_tools.simulation.options import SimulationOptions
from tests.data_tools import real_field

REAL_DATA = os.environ.get("PZBIAS_REAL_DATA", "")
NUM_CHUNKS = 50  # with images of 8 x 8 pixels: only the catalogues are compared


def setUpModule():
  if not REAL_DATA:
    raise unittest.SkipTest("PZBIAS_REAL_DATA names no folder of real galaxies")


class ColoursTest(parameterized.TestCase, tf.test.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.real = np.genfromtxt(os.path.join(REAL_DATA, "catalogs", "sdss_mgs.txt"), names=True)
    observation = Observation("sdss", seed=3, image_size=8,
                              options=SimulationOptions(neighbours=0))
    chunks = [observation.chunk(0, number) for number in range(NUM_CHUNKS)]
    cls.z = np.concatenate([chunk.z for chunk in chunks])
    cls.mag = np.concatenate([chunk.mag for chunk in chunks])
    cls.mag_err = np.concatenate([chunk.mag_err for chunk in chunks])

  @parameterized.parameters(("u", "g", 0.25), ("g", "r", 0.15), ("r", "i", 0.15))
  def test_colours(self, blue, red, tolerance):
    """Medians agree, and scatters within a factor of 1.5, errors of the magnitudes included."""
    colour = self.mag[:, "ugriz".index(blue)] - self.mag[:, "ugriz".index(red)]
    real_colour = self.real[blue] - self.real[red]
    for low in np.arange(0.02, 0.199, 0.02):
      mine = colour[(self.z >= low) & (self.z < low + 0.02)]
      real = real_colour[(self.real["zs"] >= low) & (self.real["zs"] < low + 0.02)]
      message = f"{blue}-{red} at z = {low:.2f}"
      self.assertAllClose(np.median(mine), np.median(real), atol=tolerance, msg=message)
      ratio = real_field.half_range(mine) / real_field.half_range(real)
      self.assertBetween(ratio, 1 / 1.5, 1.5, message)

  def test_redshifts_and_magnitudes(self):
    self.assertAllClose(np.median(self.z), np.median(self.real["zs"]), atol=0.015)
    self.assertAllClose(np.percentile(self.z, [10, 90]),
                        np.percentile(self.real["zs"], [10, 90]), atol=0.02)
    self.assertAllClose(np.median(self.mag[:, 2]), np.median(self.real["r"]), atol=0.3)

  def test_magnitude_errors(self):
    for column, band in enumerate("ugriz"):
      ratio = np.median(self.mag_err[:, column]) / np.median(self.real[f"e{band}"])
      self.assertBetween(ratio, 1 / 1.5, 1.5, band)


class FieldTest(parameterized.TestCase, tf.test.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")  # headers of an older standard
      cls.frames = real_field.read_frames(os.path.join(REAL_DATA, "sdss_field"))
    cls.stars = {band: real_field.find_stars(frame.pixels) for band, frame in cls.frames.items()}
    cls.fwhm = real_field.SCALE_ARCSEC * np.array([
        np.median([real_field.fwhm_pixels(star) for star in stars])
        for stars in cls.stars.values()])

  def test_sky_noise(self):
    """The noise of whole cutouts, neighbours included, agrees with that of the frames."""
    images = Observation("sdss", seed=3, image_size=64).chunk(0, 0, 150).images
    edge = np.concatenate([images[:, :12], images[:, -12:]], axis=1)
    for column, band in enumerate("ugriz"):
      real = real_field.sky_rms(self.frames[band].pixels)
      simulated = np.median([real_field.sky_rms(image) for image in edge[..., column]])
      self.assertBetween(simulated / real, 0.85, 1.15, band)

  def test_seeing_of_the_field_is_within_the_simulated_one(self):
    """Its stars are a third narrower than the survey's median: a rare but possible night."""
    drawn = instruments.sdss_instrument().draw_fwhm(20000, np.random.default_rng(0))
    for column, band in enumerate("ugriz"):
      self.assertBetween(np.mean(drawn[:, column] < self.fwhm[column]), 0.002, 0.998, band)

  def test_psf(self):
    """Simulated stars in the field's seeing have the measured width and concentration."""
    options = SimulationOptions(neighbours=0, fwhm_arcsec=tuple(self.fwhm))
    instrument = Observation("sdss", seed=1, image_size=64, options=options).instrument
    stars = real_field.simulated_stars(instrument, 60, np.random.default_rng(2))
    for column, band in enumerate("ugriz"):
      self.assertGreater(len(self.stars[band]), 10)
      for measure in (real_field.fwhm_pixels, real_field.concentration):
        real = np.median([measure(star) for star in self.stars[band]])
        simulated = np.median([measure(star) for star in stars[..., column]])
        self.assertBetween(simulated / real, 0.85, 1.15, f"{measure.__name__} in {band}")

  def test_simulated_twins_have_the_given_magnitudes(self):
    real = real_field.real_galaxies(REAL_DATA, self.frames)
    self.assertGreater(len(real), 20)
    simulated = real_field.simulated_images(real, tuple(self.fwhm), seed=1)
    self.assertEqual(simulated.shape, (len(real), 64, 64, 5))
    for galaxy, image in zip(real, simulated):  # the same magnitude, apart from dust and noise
      light = image[24:40, 24:40, 2].sum()
      self.assertAllClose(22.5 - 2.5 * np.log10(light), galaxy.mag[2], atol=1.2)


if __name__ == "__main__":
  tf.test.main()
