"""Images of single galaxies, by row."""

from unittest import mock

import numpy as np
import tensorflow as tf

from eval.evaluation import worst_outliers
from pzbias_tf.data.pipeline import ordered_batches
from tests.small_data import make_dataset


class LookupTest(tf.test.TestCase):

  def test_images_come_in_the_order_asked_from_their_shards_alone(self):
    data = make_dataset(self.create_tempdir().full_path, num=200, shard_size_mb=0.2)
    self.assertGreater(len(data.manifest.shards), 4)
    keep = data.column("split") == "test"
    (batch,) = ordered_batches(data, "test", keep=keep, labels=None, batch_size=200,
                               image_size=16).as_numpy_iterator()
    wanted = np.array([11, 3, len(batch["row"]) - 1])
    with mock.patch.object(worst_outliers, "ordered_batches", side_effect=ordered_batches) as read:
      images = worst_outliers.read_images(data, batch["row"][wanted])
    self.assertAllEqual(images, batch["image"][wanted])
    self.assertLess(read.call_count, 4)


if __name__ == "__main__":
  tf.test.main()
