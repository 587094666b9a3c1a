"""Prediction by the workers of a cluster: the same numbers, shard by shard, whatever is killed."""

import functools
import glob
import importlib.util
import os
import re
import tempfile
import unittest
from unittest import mock

from absl.testing import parameterized
import h5py
import tensorflow as tf

from data_tools.conversion.executors import pipelines
from eval import predict as eval_predict
from eval.prediction import on_cluster
from eval.prediction.request import Request
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.predictions.parts.part_folder import read_part_columns
from pzbias_tf.predictions.point_catalog import can_write_parquet
from pzbias_tf.predictions.predictions_file import PdfFormat
from tests.data_tools.conversion.executors import real_clusters
from tests.eval.small_run import small_run
from tests.small_data import make_dataset


@functools.cache
def survey_data() -> str:
  """A data set of several shards, all of them to be predicted."""
  folder = os.path.join(tempfile.mkdtemp(), "data")
  make_dataset(folder, num=160, split=(0, 0, 1), shard_size_mb=0.1)
  return folder


@functools.cache
def made_here(**settings):
  """What this process predicts."""
  path = os.path.join(tempfile.mkdtemp(), "here.hdf5")
  eval_predict.run(Request(stage_dirs=(small_run().stage("step3"),), data=survey_data(),
                           output=path, **settings))
  return contents(path)


def contents(path):
  """{name: values} of a predictions file."""
  found = {}
  with h5py.File(path) as file:
    file.visititems(lambda name, item: found.update(
        {name: item[()]} if isinstance(item, h5py.Dataset) else {}))
  return found


class OnClusterTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.step3 = small_run().stage("step3")
    cls.shards = len(Dataset.open(survey_data()).manifest.shards)
    assert cls.shards > 5

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.marker = os.path.join(self.folder, "killed")

  def predict(self, name="cluster.hdf5", **settings):
    path = os.path.join(self.folder, name)
    text = eval_predict.run(Request(**{**dict(
        stage_dirs=(self.step3,), data=survey_data(), output=path), **settings}))
    return path, text

  def killing(self, pids=()):
    return mock.patch.object(on_cluster, "predict_job",
                             real_clusters.KillingJob(self.marker, pids))

  def predicted_again(self, **settings):
    """How many shards the same command predicts."""
    with mock.patch.object(pipelines, "run", wraps=pipelines.run) as run:
      self.predict(**settings)
    return len(run.call_args.args[1])

  def assert_as_here(self, path, **settings):
    found, expected = contents(path), made_here(**settings)
    self.assertCountEqual(found, expected)
    for name, values in expected.items():
      self.assertAllEqual(found[name], values, name)

  @parameterized.parameters(
      (dict(),), (dict(tta=True),), (dict(pdf_format=PdfFormat(kind="quantiles")),))
  def test_same_numbers(self, settings):
    path, text = self.predict(runner="DirectRunner", **settings)
    self.assertRegex(text, r"(?m)^160 galaxies predicted in [\d.]+ s, .* by the workers of Direct")
    self.assert_as_here(path, **settings)
    self.assertEmpty(glob.glob(os.path.join(self.folder, ".*unfinished")))

  def test_a_folder_of_parts(self):
    if not can_write_parquet():
      self.skipTest("pyarrow is not installed")
    for name, runner in (("here/", ""), ("cluster/", "DirectRunner")):
      self.predict(name, runner=runner)
    found, expected = (read_part_columns(os.path.join(self.folder, name))
                       for name in ("cluster", "here"))
    self.assertCountEqual(found, expected)
    for name, values in expected.items():
      self.assertAllEqual(found[name], values, name)

  def test_by_a_job_server(self):
    server = real_clusters.JobServer(os.path.join(self.folder, "server"))
    self.addCleanup(server.kill)
    path, text = self.predict(runner="PortableRunner", runner_options=(
        server.option, "environment_type=LOOPBACK"))
    self.assertIn("by the workers of PortableRunner", text)
    self.assert_as_here(path)

  @unittest.skipUnless(importlib.util.find_spec("distributed"), "needs the extra dask")
  def test_killed_workers_lose_no_more_than_their_shards(self):
    cluster = real_clusters.DaskCluster(os.path.join(self.folder, "dask"), workers=1)
    cluster.add_worker(from_nothing=True)
    self.addCleanup(cluster.kill)
    dask = dict(runner="DaskRunner", runner_options=(cluster.option,))
    with self.killing():  # one of two
      path, _ = self.predict("one.hdf5", **dask)
    self.assertCountEqual([process.poll() for process in cluster.running], [None, None, -9])
    self.assert_as_here(path)
    os.remove(self.marker)
    with self.killing([process.pid for process in cluster.running if process.poll() is None]):
      with self.assertRaisesRegex(OSError, "DaskRunner: .* the same command keeps what is finish"):
        self.predict(**dask)
    self.assertEqual(os.listdir(self.folder).count("cluster.hdf5"), 0)
    again = self.predicted_again(runner="DirectRunner")
    self.assertBetween(again, 1, self.shards - 2)
    self.assert_as_here(os.path.join(self.folder, "cluster.hdf5"))

  def test_a_failed_shard_and_the_same_command_goes_on(self):
    with mock.patch.object(on_cluster, "predict_job", FailingJob(3)):
      with self.assertRaisesRegex(OSError, "DirectRunner: .*no room"):
        self.predict(runner="DirectRunner")
    with self.subTest("another prediction"):  # removes what is of no use for it
      self.assertEqual(self.predicted_again(runner="DirectRunner", tta=True), self.shards)
    with mock.patch.object(on_cluster, "predict_job", FailingJob(3)):
      with self.assertRaisesRegex(OSError, "DirectRunner: .*no room"):
        self.predict("again.hdf5", runner="DirectRunner")
    self.assertEqual(self.predicted_again(name="again.hdf5", runner="DirectRunner"),
                     self.shards - 3)

  def test_files_of_another_prediction_are_not_taken(self):
    with mock.patch.object(on_cluster, "predict_job", FailingJob(1)):
      with self.assertRaises(OSError):
        self.predict(runner="DirectRunner")
    [own] = glob.glob(os.path.join(self.folder, ".cluster*", "*.hdf5"))
    with open(re.sub(r"[0-9a-f]{16}.hdf5$", "0123456789abcdef.hdf5", own), "wb") as file:
      file.write(b"of a worker that outlived its command")
    os.remove(own)
    self.assertEqual(self.predicted_again(runner="DirectRunner"), self.shards)
    self.assert_as_here(os.path.join(self.folder, "cluster.hdf5"))

  def test_weights_that_changed_in_the_meantime(self):
    original = on_cluster.WorkerSettings
    with mock.patch.object(on_cluster, "WorkerSettings", lambda **fields: original(
        **{**fields, "weights_digest": "others"})):
      with self.assertRaisesRegex(OSError, "has changed since the command began"):
        self.predict(runner="DirectRunner")

  @parameterized.parameters(
      (dict(runner_options=("a=b",)), "--runner_option=a=b needs a --runner"),
      (dict(runner="DaskRunner"), "--runner=DaskRunner needs the address of its cluster"),
      (dict(runner="DirectRunner", num_devices=2), "--num_devices=2 is for this process"))
  def test_settings_that_do_not_fit(self, settings, message):
    with self.assertRaisesRegex(ValueError, message):
      self.predict(**settings)


class FailingJob:
  """Predicts some shards, then fails."""

  def __init__(self, shards):
    self._shards, self._predict = shards, on_cluster.predict_job

  def __call__(self, settings, job):
    if len(glob.glob(os.path.join(os.path.dirname(job.path), "*.hdf5"))) >= self._shards:
      raise OSError("no room")
    self._predict(settings, job)


if __name__ == "__main__":
  tf.test.main()
