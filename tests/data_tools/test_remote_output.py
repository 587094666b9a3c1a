"""Data sets written to a file system that Python's `open` does not know."""

import dataclasses
import glob
import itertools
import json
import os
import tempfile
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from data_tools import beam_workers
from data_tools import make_tfrecords
from data_tools import ownership
from data_tools import readers
from data_tools import unfinished
from data_tools.convert import convert, ConversionSettings
from data_tools.verification import run as verification
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_conversions
from tests.data_tools import sample_surveys
from tests.data_tools.test_unfinished import files_of

NUM = 60
SAMPLED = 32  # images that tell sources apart
SETTINGS = ConversionSettings(shard_size_mb=0.01, augment_copies=2)
_FOLDERS = (f"ram://bucket{number}/data/set" for number in itertools.count())


def remote_files(folder):
  """Contents of all files below a remote folder."""
  found = {}
  for parent, _, names in tf.io.gfile.walk(folder):
    for name in names:
      path = os.path.join(parent, name)
      with tf.io.gfile.GFile(path, "rb") as file:
        found[os.path.relpath(path, folder)] = file.read()
  return found


def write(path, data):
  """Writes a remote file in place of what is there, to which ram:// would append."""
  if tf.io.gfile.exists(path):
    tf.io.gfile.remove(path)
  with tf.io.gfile.GFile(path, "wb") as file:
    file.write(data)


class _RemoteTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.input, self.local = (os.path.join(self.folder, name) for name in ("in", "local"))
    self.output = next(_FOLDERS)
    self.scratch = os.path.join(self.folder, "scratch")
    os.makedirs(self.scratch)
    self.enter_context(mock.patch.object(tempfile, "tempdir", self.scratch))
    # Some of everything: an image that is rejected, and two galaxies with one image.
    images = sample_surveys.cube(NUM)
    images[7, 0, 0, 0] = np.nan
    images[41] = images[20]
    sample_surveys.write_public(self.input, images, sample_surveys.columns(NUM))

  def tearDown(self):
    self.assertEmpty(glob.glob(f"{self.scratch}/pzbias-*"))  # however a conversion ends
    self.assertEmpty(glob.glob("ram:*"))  # no local folder of that name
    super().tearDown()

  def convert(self, output=None, before_image=lambda count, row: None, **changes):
    """A conversion that calls `before_image` with the images' count before it reads one."""
    source, counts = readers.read(self.input, SDSS), itertools.count(1)

    def images(row):
      before_image(next(counts), row)
      return source.images(row)

    return convert(dataclasses.replace(source, images=images), SDSS, output or self.output,
                   settings=dataclasses.replace(SETTINGS, **changes))

  def expected(self, **changes):
    """The files of the same conversion to a local folder."""
    self.convert(self.local, **changes)
    return files_of(self.local)

  def shards_there(self):
    """{name: contents} of unfinished shards."""
    return {os.path.basename(name): data for name, data in remote_files(self.output).items()
            if name.endswith(".tfrecord") and name.startswith(unfinished.FOLDER)}


class WrittenTest(_RemoteTest):

  def test_the_files_are_those_of_a_local_data_set(self):
    self.convert()
    files = self.expected()
    self.assertGreater(len(files), 10)
    self.assertEqual(remote_files(self.output), files)
    self.assertNotIn(unfinished.FOLDER, tf.io.gfile.listdir(self.output))

  def test_compressed_halves_are_too(self):
    changes = dict(dtype="float16", compression="gzip", augment_copies=1)
    self.convert(**changes)
    self.assertEqual(remote_files(self.output), self.expected(**changes))

  def test_a_slash_at_the_end_of_the_folder(self):
    self.convert(self.output + "/")
    self.assertEqual(remote_files(self.output), self.expected())

  def test_it_is_read_and_verified(self):
    manifest = self.convert()
    self.assertEqual(Dataset.open(self.output).manifest, manifest)
    self.assertEmpty(verification.verify(self.output).problems)

  def test_damage_is_found(self):
    shards = [shard.name for shard in self.convert().shards]
    tf.io.gfile.remove(f"{self.output}/{shards[0]}")
    with tf.io.gfile.GFile(f"{self.output}/{shards[1]}", "ab") as file:
      file.write(b"x")
    write(f"{self.output}/train-00099-of-00100.tfrecord", b"x")
    write(f"{self.output}/rejected.csv", b"id,reason\n")
    self.assertSameElements(
        [os.path.basename(problem.split(":")[1]) for problem in
         verification.verify(self.output).problems],
        [*shards[:2], "train-00099-of-00100.tfrecord", "rejected.csv"])

  def test_by_several_processes(self):
    # They share no memory, as ram:// would need; file:// is remote as far as the code knows.
    shared = f"{self.folder}/shared"
    convert(readers.read(self.input, SDSS), SDSS, f"file://{shared}",
            settings=dataclasses.replace(SETTINGS, num_workers=2))
    self.assertEqual(remote_files(shared), self.expected())

  def test_by_beam(self):
    with mock.patch.object(beam_workers, "run", wraps=beam_workers.run) as run:
      self.convert(runner="DirectRunner")
    run.assert_called()
    self.assertEqual(remote_files(self.output), self.expected())

  def test_no_room_for_a_shard_in_the_temporary_folder(self):
    with mock.patch.object(os, "fsync", side_effect=OSError(28, "No space left on device")):
      with self.assertRaisesRegex(OSError, f"^{self.scratch}, where files of {self.output} are "
                                           "made: the disk is full"):
        self.convert()

  def test_room_on_the_local_disk_does_not_matter(self):
    with mock.patch.object(make_tfrecords.convert_lib.disk, "check_space") as check:
      self.convert()
      check.assert_not_called()
      self.expected()
      check.assert_called_once()


class AgainTest(_RemoteTest):

  def test_the_same_once_more_is_found(self):
    self.convert()
    before = remote_files(self.output)
    with self.assertLogs(level="INFO") as logs:
      self.convert(before_image=lambda count, row: self.assertLessEqual(count, SAMPLED))
    self.assertRegex("\n".join(logs.output), f"{self.output} already holds this data set; nothing")
    self.assertEqual(remote_files(self.output), before)

  def test_another_source_is_refused(self):
    self.convert()
    before = remote_files(self.output)
    with self.assertRaisesRegex(FileExistsError, f"{self.output} holds .* other settings"):
      self.convert(seed=1)
    sample_surveys.write_public(self.input, sample_surveys.cube(30), sample_surveys.columns(30))
    with self.assertRaisesRegex(FileExistsError, "other fingerprint.*name another --output"):
      self.convert()
    self.assertEqual(remote_files(self.output), before)

  def test_a_damaged_data_set_is_not_taken_for_the_same(self):
    shard = self.convert().shards[0]
    with tf.io.gfile.GFile(f"{self.output}/{shard.name}", "ab") as file:
      file.write(b"x")
    with self.assertRaisesRegex(FileExistsError, f"{self.output}/{shard.name} is missing or of "):
      self.convert()
    tf.io.gfile.remove(f"{self.output}/{shard.name}")
    with self.assertRaisesRegex(FileExistsError, f"{self.output}/{shard.name} is missing or of "):
      self.convert()


class CutOffTest(_RemoteTest):

  def cut_off(self, reads):
    """A conversion that fails after some images."""

    def fail(count, row):
      if count > reads:
        raise OSError("cut off")

    with self.assertRaisesRegex(OSError, "^cut off"):
      self.convert(before_image=fail)

  def read_again(self):
    """Rows that are read by a whole conversion, after those that tell sources apart."""
    rows = []
    self.convert(before_image=lambda count, row: count > SAMPLED and rows.append(row))
    return rows

  def test_it_goes_on_with_finished_shards(self):
    self.cut_off(SAMPLED + 60)
    there = remote_files(self.output)
    kept = sum(len(json.loads(data)["reasons"]) for name, data in there.items()
               if name.endswith(".json"))  # records
    self.assertGreater(kept, 40)
    self.assertNotIn("manifest.json", there)
    read, output = self.read_again(), self.output
    self.assertEqual(remote_files(output), self.expected())
    self.output = next(_FOLDERS)
    self.assertLen(self.read_again(), len(read) + kept)

  def test_damaged_shards_are_written_again(self):
    self.cut_off(SAMPLED + 60)
    for name, data in remote_files(self.output).items():
      if name.endswith(".tfrecord"):
        write(f"{self.output}/{name}", data[:100] + bytes([data[100] ^ 1]) + data[101:])
    self.convert()
    self.assertEqual(remote_files(self.output), self.expected())

  def test_cut_off_while_it_is_published(self):
    rename, calls = tf.io.gfile.rename, []

    def fail(path, target, overwrite=False):
      if unfinished.FOLDER not in target:
        calls.append(target)
        if len(calls) == 4:
          raise tf.errors.UnavailableError(None, None, "the network is gone")
      rename(path, target, overwrite=overwrite)

    with mock.patch.object(tf.io.gfile, "rename", fail):
      with self.assertRaisesRegex(OSError, f"{self.output}/.*tfrecord: the network is gone"):
        self.convert()
    self.assertLen([name for name in remote_files(self.output) if "/" not in name], 3)
    with self.assertRaisesRegex(FileNotFoundError, "no complete data set"):
      Dataset.open(self.output)
    self.assertLess(len(self.read_again()), 10)  # of the image that stands twice
    self.assertEqual(remote_files(self.output), self.expected())

  def test_what_was_being_written_is_removed(self):
    self.cut_off(SAMPLED + 60)
    key, = (name for name in tf.io.gfile.listdir(f"{self.output}/{unfinished.FOLDER}")
            if name != unfinished.OWNER)
    for name in (f"{unfinished.FOLDER}/{key}/.train-00000-of-00009.tfrecord.abc.tmp",
                 f"{unfinished.FOLDER}/other/train-00000-of-00009.tfrecord",
                 ".manifest.json.abc.tmp", "train-00000-of-00009.tfrecord"):
      tf.io.gfile.makedirs(os.path.dirname(f"{self.output}/{name}"))
      write(f"{self.output}/{name}", b"x")
    with self.assertLogs(level="WARNING") as logs:
      self.convert()
    self.assertRegex("\n".join(logs.output), "abc.tmp: what was being written .* it is removed")
    self.assertEqual(remote_files(self.output), self.expected())

  def test_a_failed_copy_leaves_nothing(self):
    copy = tf.io.gfile.copy

    def fail(path, target, overwrite=False):
      copy(path, target, overwrite=overwrite)
      if ".tfrecord." in target:
        raise tf.errors.UnavailableError(None, None, "the network is gone")

    with mock.patch.object(tf.io.gfile, "copy", fail):
      with self.assertRaisesRegex(OSError, f"{self.output}/.*tfrecord: the network is gone"):
        self.convert()
    self.assertEqual(list(remote_files(self.output)),
                     [os.path.join(unfinished.FOLDER, unfinished.OWNER)])


class TwoAtOnceTest(_RemoteTest, parameterized.TestCase):

  def overtaken(self, other):
    """A conversion during which another begins."""

    def begin_other(count, row):
      if count == SAMPLED + 60:
        other()

    with self.assertRaisesRegex(OSError, f"another conversion has begun in {self.output}; end "):
      self.convert(before_image=begin_other)

  def test_the_first_leaves_the_data_set_of_the_second_alone(self):
    self.overtaken(lambda: self.convert(seed=1))
    self.assertEqual(remote_files(self.output), self.expected(seed=1))

  def test_the_first_clears_away_what_it_wrote_after_the_second_had_ended(self):
    def convert_other():
      path = next(name for name in remote_files(self.output) if name.endswith(".tfrecord"))
      self.convert(seed=1)
      tf.io.gfile.makedirs(os.path.dirname(f"{self.output}/{path}"))  # others need no folder

    self.overtaken(convert_other)
    self.assertEqual(remote_files(self.output), self.expected(seed=1))

  def begin_and_stop(self, **changes):
    """A conversion that begins and is cut off."""

    def stop(count, row):
      if count > SAMPLED + 60:
        raise KeyError(row)

    with self.assertRaises(KeyError):
      self.convert(before_image=stop, **changes)

  @parameterized.parameters({"seed": 0}, {"seed": 1})
  def test_the_first_leaves_the_shards_of_the_second_alone(self, seed):
    self.overtaken(lambda: self.begin_and_stop(seed=seed))
    self.assertNotEmpty(self.shards_there())
    self.assertEqual(tf.io.gfile.listdir(self.output), [unfinished.FOLDER])
    reads = []
    self.convert(seed=seed, before_image=lambda count, row: reads.append(row))
    self.assertLess(len(reads), SAMPLED + 2 * NUM - 20)
    self.assertEqual(remote_files(self.output), self.expected(seed=seed))

  def test_an_equal_one_whose_files_the_other_removes(self):
    copy, others = tf.io.gfile.copy, []

    def copy_and_begin(path, target, overwrite=False):
      copy(path, target, overwrite=overwrite)
      if ".tfrecord." in target and not others:
        others.append(target)
        self.convert()

    with mock.patch.object(tf.io.gfile, "copy", copy_and_begin):
      with self.assertRaisesRegex(OSError, "another conversion has begun"):
        self.convert()
    self.assertNotEmpty(others)
    self.assertEqual(remote_files(self.output), self.expected())

  def test_one_that_ends_before_the_first_has_begun_to_write(self):
    select, others = make_tfrecords.convert_lib.select, []

    def select_and_convert_other(*arguments, **options):
      if not others:
        others.append(True)
        self.convert(seed=1)
      return select(*arguments, **options)

    with mock.patch.object(make_tfrecords.convert_lib, "select", select_and_convert_other):
      with self.assertRaisesRegex(FileExistsError, "holds a data set with other settings"):
        self.convert()
    self.assertEqual(remote_files(self.output), self.expected(seed=1))

  @parameterized.parameters("save_catalog", "publish", "save")
  def test_one_that_ends_while_the_first_publishes(self, function):
    place = {"save_catalog": catalog_lib, "publish": unfinished,
             "save": manifest_lib.Manifest}[function]
    real, others = getattr(place, function), []

    def convert_other_first(*arguments):
      if not others:
        others.append(True)
        self.convert(seed=1)
      return real(*arguments)

    with mock.patch.object(place, function, convert_other_first):
      with self.assertRaises(OSError):
        self.convert()
    if function != "save":  # whose data set lacks the manifest that the first one has taken back
      self.assertEqual(remote_files(self.output), self.expected(seed=1))

  def test_manifest_is_taken_back_where_another_begins_as_it_is_written(self):
    save, others = manifest_lib.Manifest.save, []

    def save_and_begin(manifest, folder):
      save(manifest, folder)
      if not others:
        others.append(True)
        ownership.Owner(folder).claim()

    with mock.patch.object(manifest_lib.Manifest, "save", save_and_begin):
      with self.assertRaisesRegex(OSError, "another conversion has begun"):
        self.convert()
    self.assertNotIn("manifest.json", tf.io.gfile.listdir(self.output))

  def test_one_that_begins_while_the_other_publishes(self):
    save = make_tfrecords.convert_lib.catalog_lib.save_catalog

    def save_and_begin(catalog, output):
      self.begin_and_stop(seed=1)
      return save(catalog, output)

    with mock.patch.object(make_tfrecords.convert_lib.catalog_lib, "save_catalog", save_and_begin):
      with self.assertRaisesRegex(OSError, "another conversion has begun"):
        self.convert()
    self.assertNotIn("manifest.json", tf.io.gfile.listdir(self.output))

  def test_images_that_changed_are_not_another_conversion(self):
    with mock.patch.object(make_tfrecords.convert_lib, "WrittenCatalog",
                           sample_conversions.Miscounted):
      with self.assertRaisesRegex(OSError, "images changed .* give the same command again"):
        self.convert()
    self.assertEmpty(remote_files(self.output))


class CommandTest(_RemoteTest):

  def run_command(self, **fields):
    """What the command prints, and its manifest."""
    with mock.patch("builtins.print") as printed:
      manifest = make_tfrecords.run(make_tfrecords.ConversionConfig(
          settings=SETTINGS, **fields))
    return "\n".join(" ".join(map(str, call.args)) for call in printed.call_args_list), manifest

  def test_the_hint_names_the_remote_folder(self):
    printed, manifest = self.run_command(input=self.input, output=self.output)
    self.assertEqual(Dataset.open(self.output).manifest, manifest)
    self.assertIn(f"Next: python -m train.main --tstep=1 --multir --data_dir={self.output}",
                  printed)

  def test_a_simulated_survey_is_local(self):
    here = os.getcwd()
    self.addCleanup(os.chdir, here)
    os.chdir(self.folder)
    simulation = make_tfrecords.simulation_options.SimulationOptions(image_size=16)
    for output in (self.output, "data/set"):
      printed, _ = self.run_command(num=20, output=output, simulation=simulation)
      self.assertIn("simulated into data/simulated_set.", printed)
    self.assertEqual(remote_files(self.output), files_of("data/set"))
    with self.assertRaisesRegex(FileExistsError, f"{self.output} holds another data set"):
      self.run_command(num=21, output=self.output, simulation=simulation)
    self.assertEqual(sorted(os.listdir("data")), ["set", "simulated_set"])

  def test_an_unknown_file_system_is_told_of_before_the_input_is_read(self):
    with mock.patch.object(readers, "read") as read:
      with self.assertRaisesRegex(OSError, "nosuch://x.*: TensorFlow knows no such file system.*"
                                           "plugin"):
        self.run_command(input=self.input, output="nosuch://x")
    read.assert_not_called()

  def test_remote_input_is_refused(self):
    with self.assertRaisesRegex(ValueError, f"--input={self.output}: .* local .* copy it"):
      self.run_command(input=self.output, output=self.local)

  def test_a_cluster_is_told_where_a_simulated_survey_lies(self):
    config = make_tfrecords.ConversionConfig(
        output=self.output, settings=dataclasses.replace(SETTINGS, runner="DirectRunner"))
    with mock.patch("data_tools.simulate.simulate"), mock.patch("builtins.print"):
      self.assertEqual(make_tfrecords.simulate(config, self.output),
                       os.path.abspath("data/simulated_set"))


if __name__ == "__main__":
  tf.test.main()
