"""Never half a data set: kills, full disks, two at once."""

import contextlib
import dataclasses
import errno
import glob
import itertools
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from unittest import mock

from absl.testing import parameterized
import numpy as np
import pytest
import tensorflow as tf

from data_tools import readers
from data_tools.conversion import convert as convert_lib
from data_tools.conversion import resume, shard_writer
from data_tools.conversion import shard_tasks as shards
from data_tools.conversion.convert import convert
from data_tools.readers.parts.cutout_source import REASON_NO_IMAGE, ImageError
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.files import exclusive_folder
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_conversions, sample_surveys
from tests.data_tools.conversion import killed_conversion
from tests.data_tools.sample_conversions import files_of

NUM = 60


def visible(folder):
  return [name for name in os.listdir(folder) if not name.startswith(".")]


class _UnfinishedTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.input, self.output = (os.path.join(self.folder, name) for name in ("in", "out"))
    # Some of everything: an image that is rejected, and two galaxies with one image.
    images = sample_surveys.cube(NUM)
    images[7, 0, 0, 0] = np.nan
    images[41] = images[20]
    sample_surveys.write_public(self.input, images, sample_surveys.columns(NUM))

  def convert(self, output=None, workers=1, **changes):
    settings = dataclasses.replace(killed_conversion.settings(workers), **changes)
    return convert(readers.read(self.input, SDSS), SDSS, output or self.output,
                   settings=settings)

  def undisturbed(self):
    output = os.path.join(self.folder, f"undisturbed{len(os.listdir(self.folder))}")
    manifest = self.convert(output)
    self.assertEqual(manifest.source["rejected"], {
        "image of another galaxy": 1, "image with pixels that are not finite": 1})
    return files_of(output)


class KilledTest(_UnfinishedTest, parameterized.TestCase):

  def count_events(self, workers):
    """Events of the starting process; with workers, until the last shard is there."""
    with killed_conversion.counted_events(lambda number: None) as numbers:
      manifest = self.convert(os.path.join(self.folder, "counted"))
    return next(numbers) - 1 if workers == 1 else 2 * len(manifest.shards)

  def kill(self, workers, event):
    """A conversion that is killed; returns once its workers have ended, too."""
    with open(os.path.join(self.folder, "pids"), "w+", encoding="utf-8") as printed:
      done = subprocess.run(
          [sys.executable, "-m", "tests.data_tools.conversion.killed_conversion", self.input,
           self.output, str(workers), str(event)], stdout=printed, check=False)
      printed.seek(0)
      pids = printed.read().split()
    self.assertEqual(done.returncode, -signal.SIGKILL)
    self.assertLen(pids, workers if workers > 1 else 0)
    deadline = time.monotonic() + 60
    while any(os.path.exists(f"/proc/{pid}") for pid in pids):
      self.assertLess(time.monotonic(), deadline, "a worker outlives the process it works for")
      time.sleep(0.05)

  def check(self, seed, workers):
    event = np.random.default_rng(seed).integers(1, self.count_events(workers))
    self.check_event(event, workers, 1 + seed % 2)

  def check_event(self, event, workers, workers_then):
    self.kill(workers, event)
    if manifest_lib.MANIFEST_NAME not in os.listdir(self.output):
      with self.assertRaisesRegex(FileNotFoundError, "not a complete data set"):
        Dataset.open(self.output)
    self.convert(workers=workers_then)
    self.assertEqual(files_of(self.output), self.undisturbed())

  @parameterized.parameters((0, 1), (1, 2), (2, 1))
  def test_a_rerun_gives_the_same_bytes(self, seed, workers):
    self.check(seed, workers)

  @parameterized.parameters(7, 13)  # while the manifest or the catalogue is being written
  def test_killed_shortly_before_the_end(self, before_end):
    self.check_event(self.count_events(1) - before_end, 1, 1)

  @parameterized.parameters(*((seed, 1 + seed % 2) for seed in range(100, 120)))
  @pytest.mark.slow
  def test_a_rerun_gives_the_same_bytes_twenty_times(self, seed, workers):
    self.check(seed, workers)

  def test_a_killed_worker_is_told_of(self):
    source = readers.read(self.input, SDSS)
    source = dataclasses.replace(source, images=killed_conversion.KillingImages(source.images, 30))
    with self.assertRaisesRegex(OSError, "a worker process was killed.*the same command"):
      convert(source, SDSS, self.output, settings=killed_conversion.settings(2))
    self.assertEmpty(visible(self.output))
    self.convert()
    self.assertEqual(files_of(self.output), self.undisturbed())


class GoesOnTest(_UnfinishedTest):

  def cut_off(self, reads=60, **changes):
    """A conversion that fails after some images; returns the shards that it finished."""
    source, calls = readers.read(self.input, SDSS), []

    def images(row):
      calls.append(row)
      if len(calls) > reads:
        raise OSError("cut off")
      return source.images(row)

    with self.assertRaisesRegex(OSError, "cut off"):
      convert(dataclasses.replace(source, images=images), SDSS, self.output,
              settings=dataclasses.replace(killed_conversion.settings(1), **changes))
    return glob.glob(os.path.join(self.output, resume.FOLDER, "*", "*.tfrecord"))

  def written(self, **changes):
    """Names of the shards that are written by a conversion."""
    with mock.patch.object(resume, "write_shard", wraps=shard_writer.write_shard) as write:
      self.convert(**changes)
    return [call.args[0].name for call in write.call_args_list]

  def test_finished_shards_are_kept(self):
    finished = {os.path.basename(path) for path in self.cut_off()}
    self.assertGreater(len(finished), 3)
    self.assertEmpty(visible(self.output))
    written = self.written()
    # The shards with the image that stands twice are written once more.
    self.assertLessEqual(len(finished & set(written)), 4)
    self.assertEqual(files_of(self.output), self.undisturbed())

  def test_those_without_some_image_file_are_not(self):
    source, calls = readers.read(self.input, SDSS), []

    def images(row):
      calls.append(row)
      if len(calls) > 120:
        raise OSError("cut off")
      if row == 2:  # not among the images that tell sources apart
        raise ImageError(REASON_NO_IMAGE)
      return source.images(row)

    with self.assertRaisesRegex(OSError, "cut off"):
      convert(dataclasses.replace(source, images=images), SDSS, self.output,
              settings=killed_conversion.settings(1))
    self.assertIn(2, calls)
    self.convert()
    self.assertEqual(files_of(self.output), self.undisturbed())

  def test_none_are_kept_of_images_that_changed(self):
    with mock.patch.object(convert_lib, "WrittenCatalog", sample_conversions.Miscounted):
      with self.assertRaisesRegex(OSError, "images changed .* give the same command again"):
        self.convert()
    self.assertEmpty(files_of(self.output))

  def test_those_of_another_size_are_not_published(self):
    publish = resume.publish

    def late_writer(folder, output, shards, others):
      with open(os.path.join(folder, shards[-1].name), "ab") as file:
        file.write(b"x")
      publish(folder, output, shards, others)

    with mock.patch.object(resume, "publish", late_writer):
      with self.assertRaisesRegex(OSError, "another process has written to it"):
        self.convert()
    self.assertEmpty(visible(self.output))
    self.convert()
    self.assertEqual(files_of(self.output), self.undisturbed())

  def test_progress_counts_them_from_the_start(self):
    there = {os.path.basename(path) for path in self.cut_off()}
    with mock.patch.object(shards, "Progress") as progress:
      self.convert()
    shown = progress.return_value.__enter__.return_value.advance.call_args_list
    total, done = progress.call_args.args[0], progress.call_args.kwargs["done"]
    self.assertNotEmpty(there)
    self.assertGreaterEqual(done, len(there))
    self.assertEqual(done + sum(call.args[0] for call in shown), total)

  def test_an_output_within_the_input_does_not_count_as_input(self):
    self.output = os.path.join(self.input, "out")
    finished = {os.path.basename(path) for path in self.cut_off()}
    self.assertLessEqual(len(finished & set(self.written())), 4)

  def test_damaged_ones_are_not(self):
    first = sorted(self.cut_off())[0]
    with open(first, "r+b") as file:
      file.seek(100)
      byte = file.read(1)[0]
      file.seek(100)
      file.write(bytes([byte ^ 1]))
    self.assertIn(os.path.basename(first), self.written())
    self.assertEqual(files_of(self.output), self.undisturbed())

  def test_those_of_other_settings_or_images_are_not(self):
    self.assertNotEmpty(self.cut_off())
    total = len(self.undisturbed()) - 3  # manifest, catalogue and rejects
    self.assertGreaterEqual(len(self.written(seed=1)), total - 3)
    shutil.rmtree(self.output)
    self.assertNotEmpty(self.cut_off())
    images = np.load(os.path.join(self.input, "cube.npy"))
    images[2, 0, 0, 0] += 1  # not among the images that tell sources apart
    np.save(os.path.join(self.input, "cube.npy"), images)
    self.assertGreaterEqual(len(self.written()), total)
    self.assertEqual(files_of(self.output), self.undisturbed())

  def test_each_image_is_read_once(self):
    sample_surveys.write_public(self.input, sample_surveys.cube(NUM), sample_surveys.columns(NUM))
    source, calls = readers.read(self.input, SDSS), []

    def images(row):
      calls.append(row)
      return source.images(row)

    convert(dataclasses.replace(source, images=images), SDSS, self.output)
    counts = np.bincount(calls, minlength=NUM)
    counts[np.linspace(0, NUM - 1, 32).astype(int)] -= 1  # the fingerprint's sample
    self.assertAllEqual(counts, np.ones(NUM))


class FullDiskTest(_UnfinishedTest, parameterized.TestCase):

  def assert_full(self, **changes):
    with self.assertRaisesRegex(OSError, "out: the disk is full.*give the same command again"):
      self.convert(**changes)
    self.assertEmpty(visible(self.output))
    self.assertEmpty(glob.glob(os.path.join(self.output, resume.FOLDER, "*", ".*")))

  @contextlib.contextmanager
  def limited(self, size):
    """Files of at most `size` bytes, as on a disk with no more room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
      yield
    finally:
      resource.setrlimit(resource.RLIMIT_FSIZE, before)

  @parameterized.parameters("none", "gzip")
  def test_in_the_middle_of_a_shard(self, compression):
    with self.limited(50_000):
      self.assert_full(shard_size_mb=1, compression=compression)

  def test_a_worker_passes_it_on(self):
    with self.limited(50_000):
      self.assert_full(shard_size_mb=1, workers=2)

  @parameterized.parameters(1, 30)
  def test_told_when_the_disk_is_flushed(self, calls):
    fsync, counted = os.fsync, itertools.count(1)

    def failing(descriptor):
      if next(counted) == calls:  # once: later calls for the same file say that all is well
        raise OSError(errno.ENOSPC, "No space left")
      fsync(descriptor)

    with mock.patch.object(os, "fsync", failing), mock.patch.object(
        shard_writer.shard_file, "_FOLLOW_BYTES", 3000):
      self.assert_full()

  def test_once_there_is_room_it_goes_on(self):
    with mock.patch.object(shard_writer.shard_file.ShardFile, "finish", autospec=True,
                           side_effect=[(1, "x"), OSError(errno.ENOSPC, "No space left")]):
      self.assert_full()
    self.convert()
    self.assertEqual(files_of(self.output), self.undisturbed())

  def test_found_before_the_start(self):
    usage = shutil.disk_usage(self.folder)._replace(free=100_000)
    with mock.patch.object(shutil, "disk_usage", return_value=usage):
      with self.assertRaisesRegex(OSError, r"takes 0\.\d+ GB more, 0.0001 GB.*another --output"):
        self.convert()
    self.assertEmpty(files_of(self.output))


class TwoAtOnceTest(_UnfinishedTest):

  def test_the_second_is_refused(self):
    with exclusive_folder(self.output):
      with self.assertRaisesRegex(OSError, "another process is at work in .*out"):
        self.convert()
    self.assertEmpty(files_of(self.output))
    self.convert()


if __name__ == "__main__":
  tf.test.main()
