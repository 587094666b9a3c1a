"""The rules that each image must meet."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools.conversion import image_rules
from data_tools.readers.parts.cutout_source import ImageError

RULES = image_rules.ImageRules(shape=(8, 8, 5), bands=tuple("ugriz"))


def image() -> np.ndarray:
  """An image whose pixels all differ."""
  return np.arange(8 * 8 * 5, dtype=np.float32).reshape(8, 8, 5)


class ImageRulesTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters(np.nan, np.inf, -np.inf)
  def test_one_pixel_that_is_not_finite(self, value):
    bad = image()
    bad[7, 7, 4] = value
    with self.assertRaisesRegex(ImageError, image_rules.NOT_FINITE):
      RULES.check(bad)

  def test_infinities_that_cancel(self):
    bad = image()
    bad[0, 0, 0], bad[1, 1, 1] = np.inf, -np.inf
    with self.assertRaisesRegex(ImageError, image_rules.NOT_FINITE):
      RULES.check(bad)

  def test_bright_pixels_are_finite(self):
    bright = image()
    bright[3, 3, 3] = 1e30  # its square is not
    self.assertIs(RULES.check(bright), bright)

  def test_equal_pixels(self):
    with self.assertRaisesRegex(ImageError, "empty image"):
      RULES.check(np.full((8, 8, 5), 3.0, np.float32))
    flat = image()
    flat[..., 1] = 3.0
    with self.assertRaisesRegex(ImageError, "band g empty"):
      RULES.check(flat)
    # Each band is flat, at a value of its own.
    with self.assertRaisesRegex(ImageError, "band u empty"):
      RULES.check(np.broadcast_to(np.arange(5, dtype=np.float32), (8, 8, 5)))


if __name__ == "__main__":
  tf.test.main()
