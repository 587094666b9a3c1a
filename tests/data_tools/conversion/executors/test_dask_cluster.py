"""Conversion on a Dask cluster: a scheduler and two workers, each a process of its own."""

import dataclasses
import glob
import importlib.util
import os
import unittest

import tensorflow as tf

from data_tools import readers
from data_tools.conversion import resume
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.conversion.convert import convert
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_surveys
from tests.data_tools.conversion.executors import real_clusters
from tests.data_tools.sample_conversions import files_of

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
    self.cluster = self.start("cluster")

  def start(self, name, workers=2):
    cluster = real_clusters.DaskCluster(os.path.join(self.folder, name), workers)
    self.addCleanup(cluster.kill)
    return cluster

  def convert(self, cluster, pids=None):
    """Converts; with `pids`, images kill these processes and their worker."""
    source = self.source if pids is None else dataclasses.replace(
        self.source, images=real_clusters.KillingImages(
            self.source.images, self.output, self.marker, pids))
    settings = dataclasses.replace(LOCAL, runner="DaskRunner", runner_options=(cluster.option,))
    convert(source, SDSS, self.output, settings=settings)

  def assert_as_local(self):
    local = os.path.join(self.folder, "local")
    convert(self.source, SDSS, local, settings=LOCAL)
    files = files_of(self.output)
    self.assertGreater(len(files), 8)
    self.assertEqual(files, files_of(local))

  def test_a_worker_is_killed_in_the_middle(self):
    self.convert(self.cluster, ())
    self.assertTrue(os.path.exists(self.marker))
    codes = [process.poll() for process in self.cluster.running]
    self.assertCountEqual(codes, [None, None, -9])
    self.assert_as_local()

  def test_all_are_killed_and_the_same_command_goes_on(self):
    with self.assertNoLogs("distributed", "ERROR"), self.assertRaisesRegex(
        OSError, "DaskRunner: .*the same command keeps what is finished: the scheduler went"):
      self.convert(self.cluster, tuple(process.pid for process in self.cluster.running))
    self.assertEmpty(glob.glob(os.path.join(self.output, "*")))
    finished = {path: os.stat(path).st_mtime_ns for path in glob.glob(
        os.path.join(self.output, resume.UNFINISHED, "*", "*.tfrecord"))}
    self.assertGreater(len(finished), 2)
    self.convert(self.start("another", workers=1))
    self.assert_as_local()


if __name__ == "__main__":
  tf.test.main()
