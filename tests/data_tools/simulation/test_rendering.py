"""Rendered images have the PSF, shape and noise that they should."""

from __future__ import annotations

from unittest import mock

from absl.testing import parameterized
import numpy as np
from scipy import interpolate
import tensorflow as tf

from data_tools.simulation import instruments, rendering, structure
from data_tools.simulation.samples import simulated_survey
from tests.data_tools.simulation.sample_observations import R, point_source


class RenderingTest(parameterized.TestCase, tf.test.TestCase):

  def test_bright_pixels_have_photon_noise(self):
    rng = np.random.default_rng(0)
    images = np.full((4, 64, 64, 1), 3.0, np.float32)
    rendering.add_noise(images, np.full((4, 1), 0.1), np.array([1.0]), rng)
    self.assertAllClose(images.mean(), 3.0, atol=0.01)
    self.assertAllClose(images.std(), 0.1 * np.sqrt(1 + 3.0 / 1.0), rtol=0.03)

  @parameterized.parameters("sdss", "cfhtls")
  def test_point_source_shows_the_psf(self, name):
    instrument = simulated_survey(name).instrument
    image = point_source(instrument).astype(np.float64)
    self.assertAllClose(image.sum((0, 1)), np.ones(5), atol=1e-3)
    # The profile falls to half of the peak at half of the width, between pixels of the middle row.
    for band, fwhm in enumerate(instrument.fwhm_arcsec):
      spline = interpolate.RectBivariateSpline(*2 * [np.arange(64) - 31.5], image[..., band])
      radius = np.linspace(0, 10, 2001)
      profile = spline(radius, 0.0)[:, 0]
      width = 2 * radius[np.argmax(profile < profile[0] / 2)] * instrument.pixel_scale_arcsec
      pixel = instrument.pixel_scale_arcsec**2 * 8 * np.log(2) / 12
      self.assertAllClose(width, np.sqrt(fwhm**2 + pixel), rtol=0.02)

  def test_wings_may_be_coarse(self):
    """Merging Gaussians in the wings changes no pixel by more than 1% of the peak."""
    instrument = instruments.sdss_instrument()
    shapes = structure.Shapes((structure.Component(
        structure.DE_VAUCOULEURS, np.full((1, 5), 1.0), np.full(1, 3.0), np.full(1, 0.6)),),
                              np.zeros(1), np.zeros((1, 2)))
    arguments = (np.ones((1, 5)), np.array([instrument.fwhm_arcsec]), instrument, 64)
    coarse = rendering.render(shapes, *arguments)
    with mock.patch.object(structure.Component, "coarse_profile", structure.DE_VAUCOULEURS):
      exact = rendering.render(shapes, *arguments)
    self.assertNotAllEqual(coarse, exact)
    self.assertAllLess(np.abs(coarse - exact), 0.01 * exact.max())

  def test_shape_and_place_of_an_ellipse(self):
    instrument = instruments.sdss_instrument()
    part = structure.Component(structure.EXPONENTIAL, np.full((1, 5), 7.0),
                               np.full(1, 2.0), np.full(1, 0.5))
    shapes = structure.Shapes((part,), np.full(1, np.pi / 6), np.array([[0.4, -0.2]]))
    fwhm = np.array([instrument.fwhm_arcsec])
    image = rendering.render(shapes, np.ones((1, 5)), fwhm, instrument, 64)[0, :, :, R] / 7.0
    x = np.arange(64) - 31.5
    mean = np.array([np.sum(image * x), np.sum(image * x[:, None])])
    self.assertAllClose(mean, [0.4, -0.2], atol=0.01)
    xx = np.sum(image * (x - 0.4) ** 2)
    yy = np.sum(image * (x[:, None] + 0.2) ** 2)
    xy = np.sum(image * (x - 0.4) * (x[:, None] + 0.2))
    self.assertAllClose(np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)), 30.0, atol=0.5)
    core, ratio = instrument.core_sigma_pixels(fwhm)[0, R], instrument.wing_ratio
    blur = core**2 * (1 + instrument.wing_share * (ratio**2 - 1)) + 1 / 12
    major, minor = np.linalg.eigvalsh([[xx, xy], [xy, yy]])[::-1] - blur
    self.assertAllClose(np.sqrt(minor / major), 0.5, atol=0.02)


if __name__ == "__main__":
  tf.test.main()
