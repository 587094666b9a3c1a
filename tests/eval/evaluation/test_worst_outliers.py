"""The strip of outliers: pictures, words, and the square that the network saw."""

from matplotlib.patches import Rectangle
import numpy as np
import tensorflow as tf

from pzbias_tf.report import captions
from pzbias_tf.report.figures import Outliers, draw_outliers


def outliers(num=7, seen=8):
  return Outliers(
      title="Step 3", ids=[f"galaxy {i}" for i in range(num)], bands=("u", "g", "r", "i", "z"),
      images=np.random.default_rng(0).normal(size=(num, 16, 16, 5)), seen=seen,
      z_spec=np.linspace(0.1, 0.2, num), z_photo=np.full(num, 0.3), r_mag=np.full(num, 17.0))


class OutliersTest(tf.test.TestCase):

  def test_each_galaxy_has_its_picture_and_words(self):
    axes = draw_outliers(outliers()).axes
    self.assertEqual([len(ax.images) for ax in axes], [1] * 7 + [0] * 5)
    words = axes[6].texts[0].get_text()
    for word in ("galaxy 6", "0.200", "0.300", "17.00"):
      self.assertIn(word, words)

  def test_the_square_that_the_network_saw(self):
    (square,) = [patch for patch in draw_outliers(outliers()).axes[0].patches
                 if isinstance(patch, Rectangle)]
    self.assertEqual((square.get_x(), square.get_width()), (3.5, 8))
    self.assertEmpty(draw_outliers(outliers(seen=16)).axes[0].patches)
    self.assertIn("8 x 8 pixels", captions.outliers(outliers()))
    self.assertNotIn("square", captions.outliers(outliers(seen=16)))
    self.assertIn("i, r, g as red, green and blue", captions.outliers(outliers()))


if __name__ == "__main__":
  tf.test.main()
