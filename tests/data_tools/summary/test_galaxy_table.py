"""Round bin edges, and galaxies counted once."""

import os
import tempfile

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools.summary import galaxy_table
from tests.small_data import make_dataset


class GalaxyTableTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(
      ([0.01, 0.39], 10, 0.0, 0.4, 8), ([14.1, 17.7], 12, 14.0, 18.0, 8),
      ([0.02, 3.9], 10, 0.0, 4.0, 8), ([16.0, 25.5], 12, 16.0, 26.0, 10),
      ([0.4, 0.4], 10, 0.4, 0.41, 1), ([np.nan, 0.1, np.inf, 0.3], 10, 0.1, 0.32, 11),
      ([14.0, 9999.0], 12, 0.0, 10000.0, 10), ([-9999.0, 20.0], 12, -10000.0, 1000.0, 11),
      ([0.0, 3e38], 10, 0.0, 3.5e38, 7), ([], 10, 0.0, 1.0, 1))
  def test_round_edges(self, values, most, low, high, bins):
    edges = galaxy_table.round_edges(np.array(values), most)
    self.assertAllClose(edges, np.linspace(low, high, bins + 1))

  @parameterized.parameters(0.1, 0.29, 0.3, 0.4, 0.7)
  def test_edges_hold_every_value(self, z):
    edges = galaxy_table.round_edges(np.array([0.0, z]), 10)
    self.assertEqual(np.histogram([0.0, z], edges)[0].sum(), 2)

  def test_copies_of_a_galaxy_count_once(self):
    data = make_dataset(os.path.join(tempfile.mkdtemp(), "set"), num=50, augment_copies=3)
    self.assertLen(galaxy_table.Galaxies.of(data).z_spec, 50)


if __name__ == "__main__":
  tf.test.main()
