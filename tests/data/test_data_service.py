"""A tf.data service on the loopback interface reads the images."""

import os
import tempfile
from unittest import mock

import numpy as np
import tensorflow as tf

from pzbias_tf.data.pipeline import DataService, Labels, ordered_batches, training_batches
from tests.small_data import SIZE, make_dataset
from tests.small_runs import request
from train import main as train_main

service = tf.data.experimental.service
BATCH = 8


class DataServiceTest(tf.test.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    cls.data_dir = os.path.join(cls.folder, "data")
    cls.data = make_dataset(cls.data_dir, num=400, shard_size_mb=0.1)
    cls.keep = cls.data.column("split") == "train"
    cls.first, cls.num = int(np.flatnonzero(cls.keep)[0]), int(cls.keep.sum())

  def serve(self, workers=1):
    """Address of a service.

    Of two workers, one may begin the next pass before the other ends this one: where a test counts
    records, there is one.
    """
    dispatcher = service.DispatchServer()
    servers = [service.WorkerServer(service.WorkerConfig(
        dispatcher_address=dispatcher.target.split("://")[1])) for _ in range(workers)]
    self.addCleanup(lambda: (servers, dispatcher))  # they live until the end
    return dispatcher.target

  def batches(self, data_service, batch_size=BATCH, start_step=0):
    number = np.arange(len(self.keep), dtype=np.int32)
    return training_batches(
        self.data, keep=self.keep, labels=Labels(redshift_bin=number, magnitude_row=number),
        batch_size=batch_size, image_size=SIZE, seed=0, start_step=start_step,
        data_service=data_service)

  def test_each_record_once_a_pass_with_its_own_image_and_label(self):
    self.assertGreater(len(self.data.manifest.split_shards("train")), 4)
    expected = next(iter(ordered_batches(self.data, "train", keep=self.keep, labels=None,
                                         batch_size=self.num, image_size=SIZE)))
    seen = np.zeros(self.num, int)
    for batch in self.batches(DataService(self.serve())).take(self.num // BATCH):
      rows = batch["row"].numpy()
      self.assertAllEqual(batch["redshift_bin"], rows)
      self.assertAllEqual(batch["image"], expected["image"].numpy()[rows - self.first])
      self.assertEqual(batch["view"].shape, [BATCH])
      seen += np.bincount(rows - self.first, minlength=self.num)
    self.assertAllEqual(np.bincount(seen), [self.num % BATCH, self.num // BATCH * BATCH])

  def test_workers_are_handed_shards_one_by_one(self):
    """Without this, each worker would read every record."""
    with mock.patch.object(service, "distribute", wraps=service.distribute) as distribute:
      self.batches(DataService(self.serve()))
    self.assertEqual(distribute.call_args.args[0], service.ShardingPolicy.DYNAMIC)

  def test_processes_that_share_a_job_share_the_records(self):
    """Two readers of one job, in turns; two jobs of their own would give the same records twice.

    Half of a pass, since each reader has some more batches in its buffers.
    """
    shared = DataService(self.serve(), "shared")
    readers = [iter(self.batches(shared)) for _ in range(2)]
    rows = np.concatenate([next(readers[turn % 2])["row"].numpy()
                           for turn in range(self.num // BATCH // 2)])
    self.assertLen(set(rows), len(rows))

  def test_another_start_begins_with_other_shards(self):
    address = self.serve()
    first = [next(iter(self.batches(DataService(address), 64, step)))["row"].numpy()
             for step in (0, 1000)]
    self.assertLess(len(np.intersect1d(*first)), 48)

  def test_trains(self):
    stage = train_main.run(request(
        0, self.data_dir, os.path.join(self.folder, "runs"),
        data_service=self.serve(workers=2), iterations=30))
    self.assertTrue(os.path.exists(os.path.join(stage, "predictions_test.hdf5")))


if __name__ == "__main__":
  tf.test.main()
