"""A tf.data service on the loopback interface reads the images, with two workers."""

import os
import tempfile

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
    cls.dispatcher = service.DispatchServer()
    cls.workers = [service.WorkerServer(service.WorkerConfig(
        dispatcher_address=cls.dispatcher.target.split("://")[1])) for _ in range(2)]

  def test_each_record_once_a_pass_with_its_own_image_and_label(self):
    keep = self.data.column("split") == "train"
    num = int(keep.sum())
    self.assertGreater(len(self.data.manifest.split_shards("train")), 4)
    number = np.arange(len(keep), dtype=np.int32)
    labels = Labels(redshift_bin=number, magnitude_row=number)
    batches = training_batches(
        self.data, keep=keep, labels=labels, batch_size=BATCH, image_size=SIZE, seed=0,
        data_service=DataService(self.dispatcher.target))
    expected = next(iter(ordered_batches(self.data, "train", keep=keep, labels=labels,
                                         batch_size=num, image_size=SIZE)))
    first = int(expected["row"][0])
    seen = np.zeros(num, int)
    for batch in batches.take(num // BATCH):  # one pass
      rows = batch["row"].numpy()
      self.assertAllEqual(batch["redshift_bin"], rows)
      self.assertAllEqual(batch["image"], expected["image"].numpy()[rows - first])
      self.assertEqual(batch["view"].shape, [BATCH])
      seen += np.bincount(rows - first, minlength=num)
    # Workers do not wait for each other: one may begin the next pass before the other ends this
    # one.  If each worker read everything, half of the records would come twice or not at all.
    self.assertGreater(np.mean(seen == 1), 0.5, np.bincount(seen))

  def test_processes_that_share_a_job_share_the_records(self):
    """Two readers of one job, in turns, see each record of a pass once between them.

    There is one worker here, since one of two may begin the next pass early.
    """
    dispatcher = service.DispatchServer()
    worker = service.WorkerServer(service.WorkerConfig(
        dispatcher_address=dispatcher.target.split("://")[1]))
    self.addCleanup(lambda: (worker, dispatcher))  # they live until the end
    keep = self.data.column("split") == "train"
    number = np.arange(len(keep), dtype=np.int32)
    readers = [iter(training_batches(
        self.data, keep=keep, labels=Labels(redshift_bin=number, magnitude_row=number),
        batch_size=BATCH, image_size=SIZE, seed=0,
        data_service=DataService(dispatcher.target, "shared"))) for _ in range(2)]
    first, num = np.flatnonzero(keep)[0], int(keep.sum())
    seen = np.zeros(num, int)
    for turn in range(num // BATCH):
      rows = next(readers[turn % 2])["row"].numpy()
      seen += np.bincount(rows - first, minlength=num)
    # Separate jobs would deliver half of the records twice, in the same order.
    self.assertGreater(np.mean(seen == 1), 0.5, np.bincount(seen))

  def test_another_start_begins_with_other_shards(self):
    keep = self.data.column("split") == "train"
    number = np.arange(len(keep), dtype=np.int32)
    first = [next(iter(training_batches(
        self.data, keep=keep, labels=Labels(redshift_bin=number, magnitude_row=number),
        batch_size=64, image_size=SIZE, seed=0, start_step=step,
        data_service=DataService(self.dispatcher.target))))["row"].numpy() for step in (0, 1000)]
    self.assertLess(len(np.intersect1d(*first)), 48)

  def test_trains(self):
    stage = train_main.run(request(
        0, self.data_dir, os.path.join(self.folder, "runs"),
        data_service=self.dispatcher.target, iterations=30))
    self.assertTrue(os.path.exists(os.path.join(stage, "predictions_test.hdf5")))


if __name__ == "__main__":
  tf.test.main()
