"""Data sets written to a file system that Python's `open` does not know."""

import dataclasses
import json
import os
from unittest import mock

import tensorflow as tf

from data_tools import make_tfrecords, readers, simulate
from data_tools.conversion import convert as convert_lib
from data_tools.conversion import resume
from data_tools.conversion.convert import convert
from data_tools.conversion.executors import beam
from data_tools.simulation.options import SimulationOptions
from data_tools.verification import all_checks
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.survey import SDSS
from tests import programs
from tests.data_tools import sample_surveys
from tests.data_tools.conversion import remote_sets
from tests.data_tools.sample_conversions import files_of


class RemoteOutputTest(remote_sets.RemoteTest):

  def test_files_equal_those_of_a_local_data_set(self):
    self.convert()
    files = self.expected()
    self.assertGreater(len(files), 10)
    self.assertEqual(remote_sets.remote_files(self.output), files)
    self.assertNotIn(resume.UNFINISHED, tf.io.gfile.listdir(self.output))

  def test_compressed_float16_files_equal_local_ones(self):
    changes = dict(dtype="float16", compression="gzip", augment_copies=1)
    self.convert(**changes)
    self.assertEqual(remote_sets.remote_files(self.output), self.expected(**changes))

  def test_folder_with_a_slash_at_its_end(self):
    self.convert(self.output + "/")
    self.assertEqual(remote_sets.remote_files(self.output), self.expected())

  def test_data_set_is_read_and_verified(self):
    manifest = self.convert()
    self.assertEqual(Dataset.open(self.output).manifest, manifest)
    self.assertEmpty(all_checks.verify(self.output).problems)

  def test_damage_is_found(self):
    shards = [shard.name for shard in self.convert().shards]
    tf.io.gfile.remove(f"{self.output}/{shards[0]}")
    with tf.io.gfile.GFile(f"{self.output}/{shards[1]}", "ab") as file:
      file.write(b"x")
    remote_sets.write(f"{self.output}/train-00099-of-00100.tfrecord", b"x")
    remote_sets.write(f"{self.output}/rejected.csv", b"id,reason\n")
    self.assertSameElements(
        [os.path.basename(problem.split(":")[1]) for problem in
         all_checks.verify(self.output).problems],
        [*shards[:2], "train-00099-of-00100.tfrecord", "rejected.csv"])

  def test_several_processes(self):
    # They share no memory, which ram:// needs; the code takes file:// for remote, too.
    shared = f"{self.folder}/shared"
    with programs.forked_workers():
      convert(readers.read(self.input, SDSS), SDSS, f"file://{shared}",
              settings=dataclasses.replace(remote_sets.SETTINGS, num_workers=2))
    self.assertEqual(remote_sets.remote_files(shared), self.expected())

  def test_beam(self):
    with mock.patch.object(beam, "run_pipeline", wraps=beam.run_pipeline) as run:
      self.convert(runner="DirectRunner")
    run.assert_called()
    self.assertEqual(remote_sets.remote_files(self.output), self.expected())

  def test_full_temporary_folder(self):
    with mock.patch.object(os, "fsync", side_effect=OSError(28, "No space left on device")):
      with self.assertRaisesRegex(OSError, f"^{self.scratch}, where files of {self.output} are "
                                           "made: the disk is full"):
        self.convert()

  def test_space_on_the_local_disk_does_not_matter(self):
    with mock.patch.object(convert_lib.disk, "check_space") as check:
      self.convert()
      check.assert_not_called()
      self.expected()
      check.assert_called_once()


class ExistingRemoteOutputTest(remote_sets.RemoteTest):

  def test_same_data_set_is_found(self):
    self.convert()
    before = remote_sets.remote_files(self.output)
    with self.assertLogs("absl", "INFO") as logs:
      self.convert(before_image=lambda count, row: self.assertLessEqual(count, remote_sets.SAMPLED))
    self.assertRegex("\n".join(logs.output), f"{self.output} already holds this data set; nothing")
    self.assertEqual(remote_sets.remote_files(self.output), before)

  def test_other_settings_or_source_are_refused(self):
    self.convert()
    before = remote_sets.remote_files(self.output)
    with self.assertRaisesRegex(FileExistsError, f"{self.output} holds .* other settings"):
      self.convert(seed=1)
    sample_surveys.write_public(self.input, sample_surveys.cube(30), sample_surveys.columns(30))
    with self.assertRaisesRegex(FileExistsError, "other fingerprint.*name another --output"):
      self.convert()
    self.assertEqual(remote_sets.remote_files(self.output), before)

  def test_damaged_data_set_is_noticed(self):
    shard = self.convert().shards[0]
    with tf.io.gfile.GFile(f"{self.output}/{shard.name}", "ab") as file:
      file.write(b"x")
    with self.assertRaisesRegex(FileExistsError, f"{self.output}/{shard.name} is missing or of "):
      self.convert()
    tf.io.gfile.remove(f"{self.output}/{shard.name}")
    with self.assertRaisesRegex(FileExistsError, f"{self.output}/{shard.name} is missing or of "):
      self.convert()


class InterruptedTest(remote_sets.RemoteTest):

  def interrupt(self, reads):
    """A conversion that fails after some images."""

    def fail(count, row):
      if count > reads:
        raise OSError("interrupted")

    with self.assertRaisesRegex(OSError, "^interrupted"):
      self.convert(before_image=fail)

  def read_again(self):
    """Rows that a complete conversion reads, after those for the fingerprint."""
    rows = []
    self.convert(before_image=lambda count, row: count > remote_sets.SAMPLED and rows.append(row))
    return rows

  def test_finished_shards_are_kept(self):
    self.interrupt(remote_sets.SAMPLED + 60)
    there = remote_sets.remote_files(self.output)
    kept = sum(len(json.loads(data)["reasons"]) for name, data in there.items()
               if name.endswith(".json"))  # records
    self.assertGreater(kept, 40)
    self.assertNotIn("manifest.json", there)
    read, output = self.read_again(), self.output
    self.assertEqual(remote_sets.remote_files(output), self.expected())
    self.output = next(remote_sets.FOLDERS)
    self.assertLen(self.read_again(), len(read) + kept)

  def test_damaged_shards_are_written_again(self):
    self.interrupt(remote_sets.SAMPLED + 60)
    for name, data in remote_sets.remote_files(self.output).items():
      if name.endswith(".tfrecord"):
        remote_sets.write(f"{self.output}/{name}", data[:100] + bytes([data[100] ^ 1]) + data[101:])
    self.convert()
    self.assertEqual(remote_sets.remote_files(self.output), self.expected())

  def test_interrupted_while_it_is_published(self):
    rename, calls = tf.io.gfile.rename, []

    def fail(path, target, overwrite=False):
      if resume.UNFINISHED not in target:
        calls.append(target)
        if len(calls) == 4:
          raise tf.errors.UnavailableError(None, None, "the network is gone")
      rename(path, target, overwrite=overwrite)

    with mock.patch.object(tf.io.gfile, "rename", fail):
      with self.assertRaisesRegex(OSError, f"{self.output}/.*tfrecord: the network is gone"):
        self.convert()
    self.assertLen([name for name in remote_sets.remote_files(self.output) if "/" not in name], 3)
    with self.assertRaisesRegex(FileNotFoundError, "not a complete data set"):
      Dataset.open(self.output)
    self.assertLess(len(self.read_again()), 10)  # of the duplicate image
    self.assertEqual(remote_sets.remote_files(self.output), self.expected())

  def test_partial_files_are_removed(self):
    self.interrupt(remote_sets.SAMPLED + 60)
    key, = (name for name in tf.io.gfile.listdir(f"{self.output}/{resume.UNFINISHED}")
            if name != resume.OWNER_FILE)
    for name in (f"{resume.UNFINISHED}/{key}/.train-00000-of-00009.tfrecord.abc.tmp",
                 f"{resume.UNFINISHED}/0123456789abcdef/train-00000-of-00009.tfrecord",
                 ".manifest.json.abc.tmp", "train-00000-of-00009.tfrecord"):
      tf.io.gfile.makedirs(os.path.dirname(f"{self.output}/{name}"))
      remote_sets.write(f"{self.output}/{name}", b"x")
    with self.assertLogs("absl", "WARNING") as logs:
      self.convert()
    self.assertRegex("\n".join(logs.output), "abc.tmp: was being written .* it is removed")
    self.assertEqual(remote_sets.remote_files(self.output), self.expected())

  def test_failed_copy_leaves_nothing(self):
    copy = tf.io.gfile.copy

    def fail(path, target, overwrite=False):
      copy(path, target, overwrite=overwrite)
      if ".tfrecord." in target:
        raise tf.errors.UnavailableError(None, None, "the network is gone")

    with mock.patch.object(tf.io.gfile, "copy", fail):
      with self.assertRaisesRegex(OSError, f"{self.output}/.*tfrecord: the network is gone"):
        self.convert()
    self.assertEqual(list(remote_sets.remote_files(self.output)),
                     [os.path.join(resume.UNFINISHED, resume.OWNER_FILE)])


class CommandTest(remote_sets.RemoteTest):

  def run_command(self, **fields):
    """The text that the command prints, and the manifest."""
    with mock.patch("builtins.print") as printed:
      manifest = make_tfrecords.run(make_tfrecords.ConversionConfig(
          settings=remote_sets.SETTINGS, **fields))
    return "\n".join(" ".join(map(str, call.args)) for call in printed.call_args_list), manifest

  def test_next_command_names_the_remote_folder(self):
    printed, manifest = self.run_command(input=self.input, output=self.output)
    self.assertEqual(Dataset.open(self.output).manifest, manifest)
    self.assertIn(f"Next: python -m train.main --tstep=1 --multir --data_dir={self.output}",
                  printed)

  def test_simulated_survey_is_local(self):
    here = os.getcwd()
    self.addCleanup(os.chdir, here)
    os.chdir(self.folder)
    simulation = SimulationOptions(image_size=16)
    for output in (self.output, "data/set"):
      printed, _ = self.run_command(num=20, output=output, simulation=simulation)
      self.assertIn("simulated into data/simulated_set.", printed)
    self.assertEqual(remote_sets.remote_files(self.output), files_of("data/set"))
    with self.assertRaisesRegex(FileExistsError, f"{self.output} holds another data set"):
      self.run_command(num=21, output=self.output, simulation=simulation)
    self.assertEqual(sorted(os.listdir("data")), ["set", "simulated_set"])

  def test_unknown_file_system_is_reported_before_the_input_is_read(self):
    with mock.patch.object(readers, "read") as read:
      with self.assertRaisesRegex(OSError, "nosuch://x.*: TensorFlow knows no such file system.*"
                                           "plugin"):
        self.run_command(input=self.input, output="nosuch://x")
    read.assert_not_called()

  def test_remote_input_is_refused(self):
    with self.assertRaisesRegex(ValueError, f"--input={self.output}: .* local .* copy it"):
      self.run_command(input=self.output, output=self.local)

  def test_workers_on_other_machines_get_an_absolute_path_of_a_simulated_survey(self):
    config = make_tfrecords.ConversionConfig(
        output=self.output,
        settings=dataclasses.replace(remote_sets.SETTINGS, runner="DirectRunner"))
    with mock.patch.object(simulate, "simulate"), mock.patch("builtins.print"):
      self.assertEqual(make_tfrecords.simulate_input(config),
                       os.path.abspath("data/simulated_set"))


if __name__ == "__main__":
  tf.test.main()
