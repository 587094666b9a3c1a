"""Sums of Gaussians reproduce the profiles of galaxies."""

from __future__ import annotations

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools.simulation import structure


class StructureTest(parameterized.TestCase, tf.test.TestCase):

  @parameterized.parameters(
      (structure.EXPONENTIAL, 1.678, 1.0), (structure.DE_VAUCOULEURS, 7.669, 0.25))
  def test_profiles(self, profile, steepness, power):
    share, sigma = profile
    self.assertAllClose(share.sum(), 1.0, atol=1e-3)
    self.assertAllClose(np.sum(share * (1 - np.exp(-0.5 / sigma**2))), 0.5, atol=2e-3)
    radius = np.geomspace(0.1, 2.0, 30)
    # A truncated profile has a smaller half-light radius than its parent.
    parent = radius * {1.0: 0.9836, 0.25: 0.8881}[power]
    exact = np.exp(-steepness * parent**power)
    gaussians = np.sum(share / sigma**2 * np.exp(-0.5 * (radius[:, None] / sigma) ** 2), axis=1)
    ratio = gaussians / exact
    self.assertAllClose(ratio / np.median(ratio), np.ones(30), atol=0.05)


if __name__ == "__main__":
  tf.test.main()
