"""The training domain: measured on training galaxies, once, from as many shards as it takes."""

import os
from unittest import mock

import numpy as np
import tensorflow as tf

from pzbias_tf.predictions import training_domain as lib
from tests.small_data import make_dataset


class TrainingDomainTest(tf.test.TestCase):

  def test_as_many_galaxies_as_asked_from_the_first_shards(self):
    data = make_dataset(self.create_tempdir().full_path, num=200, shard_size_mb=0.2,
                        augment_copies=2)
    path = os.path.join(self.create_tempdir().full_path, "domain.json")
    with mock.patch.object(lib, "MEASURED", 40), mock.patch.object(
        lib, "shard_batches", side_effect=lib.shard_batches) as read:
      domain = lib.training_domain(data, 12, path)
    self.assertEqual(domain.galaxies, 40)
    (parts, keep), _ = read.call_args
    self.assertLess(len(parts), len(data.manifest.split_shards("train")))
    self.assertEqual(sum(map(np.count_nonzero, keep)), 40)
    train = data.column("split") == "train"
    r_mag = data.column("r_mag")[train & (data.column("copy") == 0)]
    self.assertAllClose(domain.r_mag, np.quantile(r_mag, [0.0005, 0.9995]))
    with mock.patch.object(lib, "shard_batches") as read:
      self.assertEqual(lib.training_domain(data, 12, path), domain)
    read.assert_not_called()


if __name__ == "__main__":
  tf.test.main()
