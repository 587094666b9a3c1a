"""Conversion on a Dask cluster: a scheduler and two workers, each a process of its own."""

import dataclasses
import glob
import importlib.util
import os
import unittest
from unittest import mock

import tensorflow as tf

from data_tools import readers
from data_tools.conversion import resume
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.conversion.convert import convert
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_surveys
from tests.data_tools.conversion.executors import real_clusters
from tests.data_tools.sample_conversions import files_of

if importlib.util.find_spec("distributed"):
  from data_tools.conversion.executors import dask_cluster

NUM = 60
LOCAL = ConversionSettings(shard_size_mb=0.02, augment_copies=2)


@unittest.skipUnless(importlib.util.find_spec("distributed"), "needs the extra dask")
class DaskTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.output = os.path.join(self.folder, "out")
    images = sample_surveys.cube(NUM)
    images[41] = images[20]  # their shards are written again
    self.source = readers.read(sample_surveys.write_public(
        os.path.join(self.folder, "in"), images, sample_surveys.columns(NUM)), SDSS)
    self.marker = os.path.join(self.folder, "killed")

  def start(self, name, workers=2):
    cluster = real_clusters.DaskCluster(os.path.join(self.folder, name), workers)
    self.addCleanup(cluster.kill)
    return cluster

  def convert(self, cluster, pids=None, images=None):
    """Converts; with `pids`, images kill these processes and their worker."""
    if pids is not None:
      images = real_clusters.KillingImages(self.source.images, self.output, self.marker, pids)
    source = dataclasses.replace(self.source, images=images or self.source.images)
    settings = dataclasses.replace(LOCAL, runner="DaskRunner", runner_options=(cluster.option,))
    convert(source, SDSS, self.output, settings=settings)

  def assert_as_local(self):
    local = os.path.join(self.folder, "local")
    convert(self.source, SDSS, local, settings=LOCAL)
    files = files_of(self.output)
    self.assertGreater(len(files), 8)
    self.assertEqual(files, files_of(local))

  def finished(self):
    return glob.glob(os.path.join(self.output, resume.UNFINISHED, "*", "*.tfrecord"))

  def test_a_full_disk_and_a_worker_that_is_killed_in_the_middle(self):
    cluster = self.start("cluster")
    with self.assertRaisesRegex(OSError, "disk is full.*DaskRunner.*make room and give the same"):
      self.convert(cluster, images=real_clusters.FullDisk(self.source.images, self.output))
    self.assertNotEmpty(self.finished())
    self.convert(cluster, ())
    self.assertTrue(os.path.exists(self.marker))
    codes = [process.poll() for process in cluster.running]
    self.assertCountEqual(codes, [None, None, -9])
    self.assert_as_local()

  def test_without_workers_it_waits_for_the_next(self):
    cluster = self.start("cluster", workers=1)
    with mock.patch.object(dask_cluster, "_LOOK_AFTER_S", 2.0), mock.patch.object(
        dask_cluster.logging, "warning",
        side_effect=lambda *words: cluster.add_worker(from_nothing=True)) as warning:
      self.convert(cluster, ())
    warning.assert_called()
    self.assertIn("no workers; the pipeline waits for one", warning.call_args.args[0])
    self.assert_as_local()

  def test_all_are_killed_and_the_same_command_goes_on(self):
    cluster = self.start("cluster")
    with self.assertNoLogs("distributed", "ERROR"), self.assertRaisesRegex(
        OSError, "DaskRunner: .*the same command keeps what is finished: the scheduler went"):
      self.convert(cluster, tuple(process.pid for process in cluster.running))
    self.assertEmpty(glob.glob(os.path.join(self.output, "*")))
    self.assertGreater(len(self.finished()), 2)
    self.convert(self.start("another", workers=1))
    self.assert_as_local()


if __name__ == "__main__":
  tf.test.main()
