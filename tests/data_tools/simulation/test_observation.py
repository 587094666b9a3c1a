"""Images agree with their catalogue, and colours in the pixels tell the redshift."""

from __future__ import annotations

import os
from unittest import mock

import numpy as np
import tensorflow as tf

from data_tools.simulation import instruments
from data_tools.simulation import observation as observation_lib
from tests.data_tools.simulation import sample_observations
from tests.data_tools.simulation.sample_observations import R, point_source, sky_rms


class ObservationTest(tf.test.TestCase):

  def test_images_contain_the_catalogue_flux(self):
    chunk = sample_observations.chunk("sdss")
    extinction = np.asarray(instruments.SDSS_EXTINCTION)
    flux = chunk.images.sum((1, 2))
    mag = 22.5 - 2.5 * np.log10(flux[:, 1:4]) - chunk.ebv[:, None] * extinction[1:4]
    difference = (mag - chunk.mag[:, 1:4])[chunk.mag[:, R] > 16]
    self.assertGreater(len(difference), 150)
    self.assertAllLess(np.abs(np.median(difference, axis=0)), 0.03)
    self.assertLess(np.percentile(np.abs(difference[:, 1]), 80), 0.15)

  def test_dust_dims_the_images(self):
    """Blue light is dimmed more than red: the colour excess in the pixels fits E(B-V)."""
    chunk = sample_observations.chunk("sdss")
    flux = chunk.images[:, 24:40, 24:40].sum((1, 2))
    excess = (2.5 * np.log10(flux[:, R] / flux[:, 1]) - (chunk.mag[:, 1] - chunk.mag[:, R]))
    slope = np.polyfit(chunk.ebv, excess, 1)[0]
    self.assertAllClose(slope, 3.793 - 2.751, atol=0.35)

  def test_sky_noise_sdss(self):
    chunk = sample_observations.chunk("sdss")
    compact = chunk.mag[:, R] > 17.2
    expected = np.array([0.042, 0.017, 0.028, 0.043, 0.164])
    self.assertAllClose(sky_rms(chunk.images[compact]) / expected, np.ones(5), atol=0.03)

  def test_sky_noise_and_depth_cfhtls(self):
    chunk = sample_observations.chunk("cfhtls")
    instrument = instruments.cfhtls_instrument()
    wide = np.char.startswith(chunk.field, "W")
    for chosen, field in ((wide, "W"), (~wide, "D")):
      faint = chosen & (chunk.mag[:, R] > 21)
      self.assertAllClose(sky_rms(chunk.images[faint]) / instrument.sky_rms[field],
                          np.ones(5), atol=0.04)
    # A point source of that depth has 5 sigma in a matched filter, less with the PSF's wings.
    psf = point_source(instrument)[..., R]
    signal = instrument.flux(25.5) * np.sqrt(np.sum(psf**2)) / instrument.sky_rms["W"][R]
    self.assertBetween(signal, 4.0, 5.0)
    self.assertAllLess(np.divide(instrument.sky_rms["D"], instrument.sky_rms["W"]), 0.5)

  def test_reference_photo_z(self):
    chunk = sample_observations.chunk("sdss")
    dz = (chunk.z_photo - chunk.z) / (1 + chunk.z)
    self.assertBetween(np.std(dz), 0.012, 0.025)

  def test_central_pixels_tell_the_redshift(self):
    """Nearest neighbours in the colours of the central 16 x 16 pixels halve a guess's error."""
    chunks = [sample_observations.chunk("sdss", number) for number in range(4)]
    z = np.concatenate([chunk.z for chunk in chunks])
    centre = np.concatenate([chunk.images[:, 24:40, 24:40].sum((1, 2)) for chunk in chunks])
    log_flux = np.arcsinh(centre / [1.0, 0.5, 0.7, 1.0, 4.0])
    features = np.column_stack([np.diff(log_flux, axis=1), 0.3 * log_flux[:, R]])
    distance = np.linalg.norm(features[:, None] - features[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    z_photo = np.median(z[np.argsort(distance, axis=1)[:, :8]], axis=1)
    error, guess = (1.4826 * np.median(np.abs(value - z) / (1 + z))
                    for value in (z_photo, np.median(z)))
    self.assertLess(error, 0.5 * guess)

  def test_galaxies_do_not_depend_on_number_or_threads(self):
    with mock.patch.object(observation_lib, "CHUNK", 40):
      for observation in map(sample_observations.observation, ("sdss", "cfhtls")):
        one = [observation.chunk(0, number) for number in range(2)]
        with mock.patch.object(os, "cpu_count", return_value=3):
          some = list(observation.chunks(0, 55))
        self.assertEqual([len(chunk.z) for chunk in some], [40, 15])
        for name in ("images", "z", "mag", "field", "z_photo"):
          self.assertAllEqual(getattr(some[0], name), getattr(one[0], name))
          self.assertAllEqual(getattr(some[1], name), getattr(one[1], name)[:15])
        self.assertNotAllClose(one[0].z[:15], one[1].z[:15])


if __name__ == "__main__":
  tf.test.main()
