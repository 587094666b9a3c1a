"""The figure shows every galaxy."""

from matplotlib.collections import QuadMesh
from matplotlib.patches import StepPatch
import numpy as np
import tensorflow as tf

from data_tools.summary import distribution_figure, galaxy_table


class DistributionFigureTest(tf.test.TestCase):

  def galaxies(self, num=1000):
    """Galaxies of three splits; those of the target set have no redshift."""
    rng = np.random.default_rng(0)
    split = rng.choice(["train", "test", "target"], num, p=(0.6, 0.3, 0.1))
    z_spec = np.where(split == "target", np.nan, rng.uniform(0.01, 0.39, num))
    return galaxy_table.Galaxies(z_spec=z_spec, r_mag=rng.uniform(14.1, 17.7, num), split=split)

  def steps(self, axes):
    """The histograms in a panel."""
    return [patch for patch in axes.patches if isinstance(patch, StepPatch)]

  def test_every_galaxy_is_drawn(self):
    galaxies = self.galaxies()
    figure = distribution_figure.draw_distribution(galaxies)
    plane, redshifts, magnitudes = figure.axes[:3]
    mesh, = (child for child in plane.collections if isinstance(child, QuadMesh))
    self.assertEqual(mesh.get_array().sum(), np.isfinite(galaxies.z_spec).sum())
    self.assertEqual([step.get_label().split()[0] for step in self.steps(redshifts)],
                     ["train", "test"])
    self.assertEqual([step.get_label() for step in self.steps(magnitudes)], [
        f"{split} ({np.sum(galaxies.split == split)})" for split in ("train", "test", "target")])
    for step in [*self.steps(redshifts), *self.steps(magnitudes)]:
      values, edges, _ = step.get_data()
      self.assertAllClose(np.sum(values * np.diff(edges)), 1.0)

  def test_galaxies_without_any_redshift(self):
    galaxies = self.galaxies(50)
    unknown = galaxy_table.Galaxies(z_spec=np.full(50, np.nan), r_mag=galaxies.r_mag,
                                    split=np.full(50, "target"))
    figure = distribution_figure.draw_distribution(unknown)
    figure.draw_without_rendering()
    self.assertEmpty(self.steps(figure.axes[1]))
    self.assertLen(self.steps(figure.axes[2]), 1)


if __name__ == "__main__":
  tf.test.main()
