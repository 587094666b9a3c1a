"""Neighbours are as dense as on the sky, and only their light is added."""

from __future__ import annotations

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools.simulation import neighbours, photometry
from data_tools.simulation.observation import Observation
from data_tools.simulation.options import SimulationOptions
from data_tools.simulation.samples import simulated_survey


class NeighboursTest(parameterized.TestCase, tf.test.TestCase):

  @parameterized.parameters(("sdss", 0), ("cfhtls", 1))
  def test_only_light_of_neighbours_is_added(self, survey, sample):
    lonely, usual, crowded = (
        Observation(survey, seed=4, image_size=16, options=SimulationOptions(neighbours=density))
        .chunk(sample, 0, 120) for density in (0.0, 1.0, 30.0))
    self.assertAllEqual(lonely.z, crowded.z)
    self.assertAllEqual(lonely.mag, crowded.mag)
    changed = [np.mean(np.any(lonely.images != chunk.images, axis=(1, 2, 3)))
               for chunk in (usual, crowded)]
    self.assertBetween(changed[0], 0.05, 0.7)
    self.assertGreater(changed[1], 0.9)

  def test_numbers_agree_with_the_sky(self):
    """Objects to r = 20, 21 and 22 as counted on an SDSS field, within 25%."""
    survey = simulated_survey("sdss")
    instrument, field = survey.instrument, survey.field
    grid = photometry.flux_grid(instrument.filters, field.galaxies.z_max)
    drawn = neighbours.Population(field.galaxies, grid, instrument).draw(
        20000, np.random.default_rng(0))
    r_mag = 22.5 - 2.5 * np.log10(drawn.flux[:, 2])
    for limit, counted in ((20, 2412), (21, 4336), (22, 8456)):
      stars = 2400 * 10 ** (0.13 * (limit - 22))
      total = field.galaxies_per_deg2 * np.mean(r_mag < limit) + stars
      self.assertAllClose(total, counted, rtol=0.25)

  def test_density_of_places(self):
    survey = simulated_survey("sdss")
    others = neighbours.Neighbours(
        survey.field, photometry.flux_grid(survey.instrument.filters, 1.2, num_z=21),
        survey.instrument, 1.0)
    image_of, place = others._places(20000, 64, 10000.0, np.random.default_rng(0))
    inside = np.all(np.abs(place) < 32, axis=1)
    self.assertAllClose(np.sum(inside) / 20000, 10000 * (64 * 0.396 / 3600) ** 2, rtol=0.05)
    self.assertAllGreater(np.hypot(*place.T) * 0.396, 2.0)
    self.assertAllInRange(image_of, 0, 19999)

  @parameterized.parameters(-20, -3, 0, 17, 40, 63)
  def test_stamps_at_the_edge(self, corner):
    image, stamp = np.zeros((64, 64, 1)), np.arange(32.0 * 32).reshape(32, 32, 1)
    neighbours._add_stamp(image, stamp, np.array([corner, 5]))
    padded = np.zeros((192, 192, 1))
    padded[64 + 5:64 + 37, 64 + corner:64 + corner + 32] = stamp
    self.assertAllEqual(image, padded[64:128, 64:128])

  def test_star_is_at_its_place(self):
    for size in (31, 64):
      corner, offset = neighbours._corners(np.array([[3.3, -7.8]]), size, 32)
      middle = corner + 15.5 + offset - (size - 1) / 2
      self.assertAllClose(middle, [[3.3, -7.8]])
      self.assertAllInRange(offset, -0.5, 0.5)


if __name__ == "__main__":
  tf.test.main()
