"""The words of flags are those that the code acts on."""

import tensorflow as tf

from data_tools import readers
from data_tools.flag_groups import layout_words
from data_tools.simulation import layouts
from pzbias_tf import choices
from pzbias_tf.data import augment


class ChoicesTest(tf.test.TestCase):

  def test_augmentations(self):
    self.assertEqual(choices.INTERPOLATING, tuple(augment.INTERPOLATING))

  def test_layouts_to_read(self):
    self.assertEqual(layout_words.LAYOUTS, tuple(readers.READERS))

  def test_layouts_to_simulate(self):
    self.assertEqual(layout_words.SIMULATED_LAYOUTS,
                     {data: tuple(writers) for data, writers in layouts.LAYOUTS.items()})


if __name__ == "__main__":
  tf.test.main()
