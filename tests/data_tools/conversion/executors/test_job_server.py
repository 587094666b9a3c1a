"""Conversion by Beam's own job server in Python, as PortableRunner meets it."""

import dataclasses
import glob
import os
import sys

from absl.testing import parameterized
import pytest
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
LOOPBACK = ("environment_type=LOOPBACK",)
# What this server calls the environment of processes.
PROCESSES = ("environment_type=beam:env:harness_subprocess_python:v1",
             f"environment_config={sys.executable} -m apache_beam.runners.worker.sdk_worker_main")


class JobServerTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.output = os.path.join(self.folder, "out")
    self.source = readers.read(sample_surveys.write_public(
        os.path.join(self.folder, "in"), sample_surveys.cube(NUM),
        sample_surveys.columns(NUM)), SDSS)
    self.server = self.start("server")

  def start(self, name):
    server = real_clusters.JobServer(os.path.join(self.folder, name))
    self.addCleanup(server.kill)
    return server

  def convert(self, source, server, environment):
    convert(source, SDSS, self.output, settings=dataclasses.replace(
        LOCAL, runner="PortableRunner", runner_options=(server.option, *environment)))

  def assert_as_local(self):
    local = os.path.join(self.folder, "local")
    convert(self.source, SDSS, local, settings=LOCAL)
    files = files_of(self.output)
    self.assertGreater(len(files), 8)
    self.assertEqual(files, files_of(local))

  @parameterized.named_parameters(("loopback", LOOPBACK), ("processes", PROCESSES))
  def test_same_bytes(self, environment):
    self.convert(self.source, self.server, environment)
    self.assert_as_local()

  def test_environment_that_this_server_does_not_know(self):
    with self.assertRaisesRegex(OSError, "environment_type=beam:env:harness_subprocess_python:v1"):
      self.convert(self.source, self.server, (
          "environment_type=PROCESS", 'environment_config={"command": "python"}'))

  # Threads of Beam, which lose the server, end with errors of their own.
  @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
  def test_killed_server_and_the_same_command_goes_on(self):
    killing = dataclasses.replace(self.source, images=real_clusters.KillingImages(
        self.source.images, self.output, os.path.join(self.folder, "killed"),
        tuple(process.pid for process in self.server.running), own=False))
    with self.assertRaisesRegex(OSError, "PortableRunner: .*the same command keeps what is "):
      self.convert(killing, self.server, LOOPBACK)
    self.assertNotEmpty(glob.glob(
        os.path.join(self.output, resume.UNFINISHED, "*", "*.tfrecord")))
    self.convert(self.source, self.start("another"), LOOPBACK)
    self.assert_as_local()


if __name__ == "__main__":
  tf.test.main()
