"""Frames are grouped into fields."""

import os

import tensorflow as tf

from data_tools.cutouts import fields
from tests.data_tools.cutouts import sample_frames
from tests.data_tools.cutouts.sample_frames import BANDS


class FieldsTest(sample_frames.CutoutsTest):

  def test_many_fields_in_folders(self):
    for name in ("000094-1-0100", "000094-1-0101", "000125-6-0044"):
      for band in "ri":
        path = os.path.join(self.frames, name[:6], f"frame-{band}-{name}.fits.bz2")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb"):
          pass
    by_name = fields.find_fields(self.frames, BANDS)
    self.assertEqual([field.name for field in by_name],
                     ["000094-1-0100", "000094-1-0101", "000125-6-0044"])
    self.assertEqual(set(by_name[0].files), {"r", "i"})


if __name__ == "__main__":
  tf.test.main()
