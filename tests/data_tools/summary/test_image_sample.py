"""A sample of images belongs to its rows, and all shards contribute."""

import os
import tempfile
from unittest import mock

import numpy as np
import tensorflow as tf

from data_tools.summary import image_sample
from data_tools.summary.image_sample import read_sample
from tests.small_data import make_dataset


class ImageSampleTest(tf.test.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.data = make_dataset(os.path.join(tempfile.mkdtemp(), "set"), num=150, shard_size_mb=0.05,
                            augment_copies=2)

  def test_images_and_rows_belong_together(self):
    everything, all_rows = read_sample(self.data, 10**6)
    self.assertAllEqual(all_rows, np.flatnonzero(self.data.column("copy") == 0))
    self.assertLen(set(self.data.column("id")[all_rows]), 150)
    # In this data set, the brightest band depends on redshift.
    brightest = everything.sum((1, 2)).argmax(-1)
    z = self.data.column("z_spec")[all_rows]
    self.assertGreater(np.corrcoef(brightest, z)[0, 1], 0.95)
    images, rows = read_sample(self.data, 60)
    self.assertAllEqual(images, everything[np.searchsorted(all_rows, rows)])

  def test_some_shards_are_read_if_they_outnumber_the_images(self):
    with mock.patch.object(tf.data, "TFRecordDataset", wraps=tf.data.TFRecordDataset) as read:
      _, rows = read_sample(self.data, 5)
    self.assertGreater(len(self.data.manifest.shards), 5)
    self.assertEqual(read.call_count, 5)
    self.assertBetween(len(rows), 1, 5)

  def test_shards_are_drawn_in_proportion_to_their_records(self):
    takes = image_sample._takes(np.array([1, 0, 1000, 1, 1]), 2)  # pylint: disable=protected-access
    self.assertEqual((takes[1], takes[2], takes.sum()), (0, 1, 2))

  def test_sample_without_originals_is_refused(self):
    with mock.patch.object(type(self.data), "column", return_value=np.ones(1000)):  # copies
      with self.assertRaisesRegex(ValueError, "--sample=5: .* copies only; increase --sample"):
        read_sample(self.data, 5)

  def test_all_shards_contribute(self):
    _, rows = read_sample(self.data, 60)
    self.assertBetween(len(rows), 30, 60)
    splits = self.data.column("split")[rows]
    self.assertEqual(set(splits), {"train", "validation", "test"})
    shards = set(zip(splits, self.data.column("shard")[rows]))
    # Some shards begin with a rotated copy, which does not count.
    self.assertGreater(len(shards), 0.8 * len(self.data.manifest.shards))


if __name__ == "__main__":
  tf.test.main()
