"""Shards are read by one pipeline, and no batch holds galaxies of two."""

import os

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.data.pipeline import ordered_batches
from pzbias_tf.data.shard_batches import shard_batches
from pzbias_tf.survey import CFHTLS_WIDE
from tests.small_data import SIZE, make_dataset


class ShardBatchesTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.data = make_dataset(self.folder, num=90, split=(0, 0, 1), shard_size_mb=0.15)
    self.parts = [self.data.shard(number) for number in range(len(self.data.manifest.shards))]

  def read(self, parts, keep=None, batch_size=16, image_size=SIZE):
    keep = keep or [None] * len(parts)
    return list(shard_batches(parts, keep, batch_size=batch_size,
                              image_size=image_size).as_numpy_iterator())

  @parameterized.product(chosen=((0,), (2, 0, 1)), batch_size=(1, 16, 1000))
  def test_the_batches_of_each_shard_by_itself(self, chosen, batch_size):
    self.assertGreater(len(self.parts), 2)
    found = iter(self.read([self.parts[number] for number in chosen], batch_size=batch_size))
    for part in (self.parts[number] for number in chosen):
      every = np.ones(len(part.catalog), bool)
      for own in ordered_batches(part, "test", keep=every, labels=None, batch_size=batch_size,
                                 image_size=SIZE).as_numpy_iterator():
        batch = next(found)
        self.assertAllEqual(batch["number"], part.column("number")[own["row"]])
        self.assertAllEqual(batch["image"], own["image"])
        self.assertAllEqual(batch["ebv"], own["ebv"])
    self.assertIsNone(next(found, None))

  @parameterized.parameters(((0, 1),), ((1,),), ((0, 1, 2),))
  def test_some_records_of_some_shards(self, chosen):
    keep = [np.arange(len(part.catalog)) % 3 == 1 if number in chosen else None
            for number, part in enumerate(self.parts)]
    found = np.concatenate([batch["number"] for batch in self.read(self.parts, keep)])
    expected = [part.column("number")[slice(None) if own is None else own]
                for part, own in zip(self.parts, keep)]
    self.assertAllEqual(found, np.concatenate(expected))

  @parameterized.parameters((SIZE,), (SIZE - 4,), (6,))
  def test_flux_divisor_and_crop(self, size):
    data = make_dataset(self.create_tempdir().full_path, num=30, survey=CFHTLS_WIDE,
                        columns={"field": np.full(30, "W"), "sample": np.full(30, "HQ")})
    part = data.shard(0)
    (own,) = ordered_batches(part, "train", keep=np.ones(len(part.catalog), bool), labels=None,
                             batch_size=100, image_size=size)
    (batch,) = self.read([part], batch_size=100, image_size=size)
    self.assertAllEqual(batch["image"], own["image"])

  @parameterized.parameters(0, 1, 2)
  def test_a_shard_that_has_lost_records(self, number):
    path = os.path.join(self.folder, self.data.manifest.shards[number].name)
    records = [record.numpy() for record in tf.data.TFRecordDataset(path)][:-1]
    with tf.io.TFRecordWriter(path) as writer:
      for record in records:
        writer.write(record)
    with self.assertRaises(tf.errors.OpError):
      self.read(self.parts)


if __name__ == "__main__":
  tf.test.main()
