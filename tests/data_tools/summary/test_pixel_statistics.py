"""Noise, flux and percentiles of pixels."""

import numpy as np
import tensorflow as tf

from data_tools.summary.pixel_statistics import PERCENTILES, band_statistics


class PixelStatisticsTest(tf.test.TestCase):

  def test_galaxies_do_not_count_as_noise(self):
    rng, noise = np.random.default_rng(0), np.array([0.5, 2.0])
    images = rng.normal(3.0, noise, (200, 24, 24, 2))
    images[:, 8:16, 8:16] += 100.0
    statistics = band_statistics(images.astype(np.float32))
    self.assertAllClose(statistics.sky_rms, noise, rtol=0.02)
    self.assertAllClose(statistics.flux, np.full(2, 24 * 24 * 3 + 6400), rtol=1e-2)

  def test_sky_levels_do_not_count_as_noise(self):
    images = np.random.default_rng(0).normal(0.0, 1.0, (100, 16, 16, 1))
    images += np.random.default_rng(1).normal(0.0, 50.0, (100, 1, 1, 1))
    self.assertAllClose(band_statistics(images).sky_rms, [1.0], rtol=0.05)

  def test_bright_neighbour_at_the_border_does_not_count(self):
    images = np.random.default_rng(0).normal(0.0, 1.0, (100, 16, 16, 1))
    images[:, :3, :3] += 1000.0
    self.assertAllClose(band_statistics(images).sky_rms, [1.0], rtol=0.15)

  def test_percentiles_are_those_of_all_pixels(self):
    images = np.arange(1000.0).reshape(10, 10, 10, 1)
    expected = [value * 9.99 for value in PERCENTILES]
    self.assertAllClose(band_statistics(images).percentiles, np.array(expected)[:, None])


if __name__ == "__main__":
  tf.test.main()
