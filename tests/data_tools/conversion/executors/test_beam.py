"""Conversion with Apache Beam's local runner; clusters run the same pipeline."""

import builtins
import dataclasses
import glob
import os
import subprocess
import sys
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools import make_tfrecords, readers
from data_tools.conversion import resume, shard_writer
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.conversion.convert import convert
from data_tools.conversion.executors import beam, choose, pipelines
from data_tools.conversion.image_rules import ImageRules
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_surveys
from tests.data_tools.conversion.executors import real_clusters
from tests.data_tools.sample_conversions import files_of

NUM = 60
BEAM = ConversionSettings(shard_size_mb=0.004, augment_copies=2, runner="DirectRunner")
LOCAL = dataclasses.replace(BEAM, runner="")


class _FailingImages:
  """Images by row; one of them cannot be read."""

  def __init__(self, images, row):
    self._images, self._row = images, row

  def __call__(self, row):
    if row == self._row:
      raise OSError("the disk is gone")
    return self._images(row)


class BeamTest(tf.test.TestCase, parameterized.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.output = os.path.join(self.folder, "out")
    self.images = sample_surveys.cube(NUM)
    self.images[7, 0, 0, 0] = np.nan

  def source(self):
    return readers.read(sample_surveys.write_public(
        os.path.join(self.folder, "in"), self.images, sample_surveys.columns(NUM)), SDSS)

  def assert_as_local(self, settings):
    """The pipeline and a local process write the same bytes."""
    local = os.path.join(self.folder, "local")
    convert(self.source(), SDSS, local, settings=LOCAL)
    with mock.patch.object(beam, "run_pipeline", wraps=beam.run_pipeline) as run_pipeline:
      convert(self.source(), SDSS, self.output, settings=settings)
    run_pipeline.assert_called()
    files = files_of(self.output)
    self.assertGreater(len(files), 20)
    self.assertEqual(files, files_of(local))

  def test_one_worker(self):
    # Two galaxies have the same image: the pipeline writes their shards again, too.
    self.images[41] = self.images[20]
    self.assert_as_local(BEAM)

  def test_several_workers(self):
    self.assert_as_local(dataclasses.replace(BEAM, num_workers=2))

  def test_workers_in_another_folder_find_relative_paths(self):
    here, run_pipeline = os.getcwd(), beam.run_pipeline
    self.addCleanup(os.chdir, here)
    sample_surveys.write_research(os.path.join(self.folder, "files"), sample_surveys.cube(NUM),
                                  sample_surveys.columns(NUM))
    os.chdir(self.folder)

    def elsewhere(*args):
      os.chdir(self.create_tempdir().full_path)
      try:
        run_pipeline(*args)
      finally:
        os.chdir(self.folder)

    with mock.patch.object(beam, "run_pipeline", elsewhere):
      manifest = make_tfrecords.run(make_tfrecords.ConversionConfig(
          input="files", output="out", settings=BEAM))
    self.assertEqual(manifest.galaxies["written"], NUM)

  def test_failed_conversion_continues(self):
    source = self.source()
    failing = dataclasses.replace(source, images=_FailingImages(source.images, 50))
    with self.assertRaisesRegex(OSError, "the disk is gone"):
      convert(failing, SDSS, self.output, settings=BEAM)
    self.assertEmpty(glob.glob(os.path.join(self.output, "*")))
    finished = glob.glob(os.path.join(self.output, resume.UNFINISHED, "*", "*.tfrecord"))
    self.assertNotEmpty(finished)
    self.assert_as_local(BEAM)


class OptionsTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters((1, "in_memory"), (3, "multi_processing"))
  def test_options_of_the_pipeline(self, num_workers, mode):
    with mock.patch.object(beam, "run_pipeline") as run_pipeline:
      with choose.shard_map(num_workers, "DirectRunner", ("job_name=mine",)) as mapper:
        self.assertEmpty(list(mapper(resume.write_unless_finished, [])))
    options = run_pipeline.call_args.args[-1].get_all_options()
    self.assertEqual((options["runner"], options["direct_running_mode"],
                      options["direct_num_workers"], options["job_name"]),
                     ("DirectRunner", mode, num_workers, "mine"))

  @parameterized.parameters(
      (dict(runner="FlinkRunner", num_workers=2), "--num_workers=2: FlinkRunner"),
      (dict(runner_options=("a=b",)), "--runner_option=a=b needs a --runner"),
      # Misspelt, too, they would start workers on this machine.
      (dict(runner="DaskRunner"), "--runner=DaskRunner needs .* --runner_option=dask_client_addr"),
      (dict(runner="DaskRunner", runner_options=("dask_client_adress=tcp://host:8786",)),
       "--runner=DaskRunner needs the address of its cluster"),
      (dict(runner="PortableRunner", runner_options=("environment_type=LOOPBACK",)),
       "--runner=PortableRunner needs the address of its cluster: --runner_option=job_endpoint"))
  def test_settings_that_do_not_fit(self, fields, message):
    with self.assertRaisesRegex(ValueError, message):
      ConversionSettings(**fields)

  def test_the_import_of_beam_says_nothing(self):
    said = subprocess.run([sys.executable, "-c", f"import {pipelines.__name__}"],
                          cwd=real_clusters.ROOT, capture_output=True, text=True, check=True)
    self.assertEqual((said.stdout, said.stderr), ("", ""))

  def test_without_beam(self):
    original = builtins.__import__

    def without(name, *args, **kwargs):
      if name.startswith("apache_beam"):
        raise ImportError(name)
      return original(name, *args, **kwargs)

    with open(pipelines.__file__, encoding="utf-8") as file:
      code = compile(file.read(), "pipelines", "exec")
    with mock.patch.object(builtins, "__import__", without):
      with self.assertRaisesRegex(ValueError, r"--runner needs Apache Beam: pip install"):
        exec(code, {"__name__": "pipelines"})  # pylint: disable=exec-used


class TaskFilesTest(tf.test.TestCase):

  def test_round_trip(self):
    folder = self.create_tempdir().full_path
    task = shard_writer.ShardTask(
        folder=folder, split="train", name="train-00000-of-00001.tfrecord", first_number=10**10,
        images=abs, rules=ImageRules(shape=(4, 4, 2), bands=("g", "r")), rows=np.arange(3),
        elements=np.array([0, 7, 1]), ids=np.array(["a", "bc", "d"]),
        z_spec=np.array([0.1, np.nan, 0.2]), r_mag=np.full(3, 16.0), ebv=np.zeros(3),
        dtype="float32", divisor=1.0, compression="gzip", left_out=(2,))
    shared = {name: getattr(task, name) for name in beam.SHARED_FIELDS}
    loaded = beam.load_task(beam.save_task(task), shared)
    for field in dataclasses.fields(task):
      expected, value = getattr(task, field.name), getattr(loaded, field.name)
      self.assertEqual(type(value), type(expected), field.name)
      self.assertAllEqual(value, expected)


if __name__ == "__main__":
  tf.test.main()
