"""Measurements of images with known answers."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.data.apertures import APERTURE, measure_images


class AperturesTest(tf.test.TestCase, parameterized.TestCase):

  def measure(self, *points, size=16):
    """Measures an image of two bands, the second twice as bright as the first."""
    flux = np.random.default_rng(0).normal(0, 1e-4, (1, size, size, 2)).astype(np.float32)
    for row, column, value in points:
      flux[0, row, column] += [value, 2 * value]
    return {name: value.numpy()[0] for name, value in measure_images(tf.constant(flux)).items()}

  def test_flux_of_the_central_aperture(self):
    measured = self.measure((8, 8, 1.0), (7, 11, 1.0), (8, 13, 5.0))  # the last: 5.5 pixels away
    self.assertAllClose(measured["aperture_flux"], [2.0, 4.0], atol=5e-3)

  def test_place_of_the_brightest_pixels(self):
    self.assertLess(self.measure((8, 7, 1.0))["peak_offset"], 2.2)
    corner = self.measure((8, 7, 1.0), (1, 1, 3.0))["peak_offset"]
    self.assertBetween(corner, np.hypot(4.5, 4.5) - 1e-4, np.hypot(6.5, 6.5) + 1e-4)

  def test_plateau_of_one_band(self):
    self.assertEqual(self.measure((8, 8, 1.0))["plateau"], 1)
    flux = np.random.default_rng(0).random((1, 16, 16, 2), np.float32)
    flux[0, 7:9, 7:10, 1] = 2.0
    self.assertAllEqual(measure_images(tf.constant(flux))["plateau"], [6])

  @parameterized.parameters((8, 1), (15, 3), (16, 5), (33, 2))
  def test_measurements_in_numpy(self, size, bands):
    flux = np.random.default_rng(size).normal(size=(6, size, size, bands)).astype(np.float32)
    flux = np.minimum(flux, 1.5)  # plateaus
    measured = measure_images(tf.constant(flux))
    away = np.hypot(*np.meshgrid(*[np.arange(size) - 0.5 * (size - 1)] * 2))
    self.assertAllClose(measured["aperture_flux"],
                        flux[:, away <= APERTURE * size].sum(1, dtype=np.float64), atol=1e-4)
    windows = np.lib.stride_tricks.sliding_window_view(
        flux.sum(-1, dtype=np.float64), (3, 3), axis=(1, 2)).sum((-1, -2))
    offsets = [away[1:-1, 1:-1].ravel()[np.argmax(window)] for window in windows]
    self.assertAllClose(measured["peak_offset"], offsets)
    self.assertAllEqual(measured["plateau"], np.sum(flux == 1.5, axis=(1, 2)).max(-1))


if __name__ == "__main__":
  tf.test.main()
