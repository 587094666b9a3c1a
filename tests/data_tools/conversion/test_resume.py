"""Never half a data set: kills, full disks, two conversions at once."""

import contextlib
import errno
import glob
import itertools
import os
import resource
import shutil
import signal
import time
from unittest import mock

from absl.testing import parameterized
import numpy as np
import pytest
import tensorflow as tf

from data_tools.conversion import convert as convert_lib
from data_tools.conversion import resume, shard_tasks, shard_writer
from data_tools.readers.parts.cutout_source import REASON_NO_IMAGE, ImageError
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.guards.locks import exclusive_folder
from tests import programs
from tests.data_tools import sample_conversions, sample_surveys
from tests.data_tools.conversion import interrupted_sets, killed_conversion
from tests.data_tools.conversion.interrupted_sets import NUM, visible
from tests.data_tools.sample_conversions import files_of


class KilledTest(interrupted_sets.InterruptedTest, parameterized.TestCase):

  def count_events(self, workers):
    """Events in the main process; with workers, those up to the last shard."""
    with killed_conversion.counted_events(lambda number: None) as numbers:
      manifest = self.convert(os.path.join(self.folder, "counted"))
    return next(numbers) - 1 if workers == 1 else 2 * len(manifest.shards)

  def kill(self, workers, event):
    """Runs a conversion that is killed, and waits until its workers have ended, too."""
    done = programs.run("-m", "tests.data_tools.conversion.killed_conversion", self.input,
                        self.output, str(workers), str(event))
    pids = done.stdout.split()
    self.assertEqual(done.returncode, -signal.SIGKILL)
    self.assertLen(pids, workers if workers > 1 else 0)
    deadline = time.monotonic() + 60
    while any(os.path.exists(f"/proc/{pid}") for pid in pids):
      self.assertLess(time.monotonic(), deadline, "a worker outlives the process that started it")
      time.sleep(0.05)

  def check_random_event(self, seed, workers):
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
  def test_rerun_gives_the_same_bytes(self, seed, workers):
    self.check_random_event(seed, workers)

  @parameterized.parameters(7, 13, 20, 30)  # in the manifest, descriptions, the catalogue
  def test_killed_shortly_before_the_end(self, before_end):
    self.check_event(self.count_events(1) - before_end, 1, 1)

  @parameterized.parameters(*((seed, 1 + seed % 2) for seed in range(100, 120)))
  @pytest.mark.slow
  def test_rerun_gives_the_same_bytes_twenty_times(self, seed, workers):
    self.check_random_event(seed, workers)

  def test_killed_worker_is_reported(self):
    source = self.source(lambda images: killed_conversion.KillingImages(images, 30))
    with programs.forked_workers(), self.assertRaisesRegex(
        OSError, "a worker process was killed.*the same command"):
      self.convert(workers=2, source=source)
    self.assertEmpty(visible(self.output))
    self.convert()
    self.assertEqual(files_of(self.output), self.undisturbed())


class ResumedTest(interrupted_sets.InterruptedTest):

  def interrupt(self, reads=60, missing=(), **changes):
    """A conversion that fails after some images; returns the shards that it finished."""
    calls = []

    def failing(images):
      def read(row):
        calls.append(row)
        if len(calls) > reads:
          raise OSError("interrupted")
        if row in missing:
          raise ImageError(REASON_NO_IMAGE)
        return images(row)
      return read

    with self.assertRaisesRegex(OSError, "interrupted"):
      self.convert(source=self.source(failing), **changes)
    self.assertContainsSubset(missing, calls)
    return glob.glob(os.path.join(self.output, resume.UNFINISHED, "*", "*.tfrecord"))

  def written(self, **changes):
    """Names of the shards that are written by a conversion."""
    with mock.patch.object(resume, "write_shard", wraps=shard_writer.write_shard) as write:
      self.convert(**changes)
    return [call.args[0].name for call in write.call_args_list]

  def test_finished_shards_are_kept(self):
    finished = {os.path.basename(path) for path in self.interrupt()}
    self.assertGreater(len(finished), 3)
    self.assertEmpty(visible(self.output))
    written = self.written()
    # The shards with the duplicate image are written again.
    self.assertLessEqual(len(finished & set(written)), 4)
    self.assertEqual(files_of(self.output), self.undisturbed())

  def test_shards_with_a_missing_image_are_not_kept(self):
    self.interrupt(reads=120, missing=(2,))  # which is not in the fingerprint
    self.convert()
    self.assertEqual(files_of(self.output), self.undisturbed())

  def test_no_shard_is_kept_if_images_changed(self):
    with mock.patch.object(convert_lib, "WrittenCatalog", sample_conversions.MiscountedCatalog):
      with self.assertRaisesRegex(OSError, "images changed .* give the same command again"):
        self.convert()
    self.assertEmpty(files_of(self.output))

  def test_shard_of_another_size_is_not_published(self):
    move = resume.move_to_output

    def write_and_move(folder, output, shards, others):
      with open(os.path.join(folder, shards[-1].name), "ab") as file:
        file.write(b"x")
      move(folder, output, shards, others)

    with mock.patch.object(resume, "move_to_output", write_and_move):
      with self.assertRaisesRegex(OSError, "another process has written to it"):
        self.convert()
    self.assertEmpty(visible(self.output))
    self.convert()
    self.assertEqual(files_of(self.output), self.undisturbed())

  def test_progress_counts_finished_shards_from_the_start(self):
    finished = {os.path.basename(path) for path in self.interrupt()}
    with mock.patch.object(shard_tasks, "Progress") as progress:
      self.convert()
    shown = progress.return_value.__enter__.return_value.advance.call_args_list
    total, done = progress.call_args.args[0], progress.call_args.kwargs["done"]
    self.assertNotEmpty(finished)
    self.assertGreaterEqual(done, len(finished))
    self.assertEqual(done + sum(call.args[0] for call in shown), total)

  def test_output_within_the_input_does_not_count_as_input(self):
    self.output = os.path.join(self.input, "out")
    finished = {os.path.basename(path) for path in self.interrupt()}
    self.assertLessEqual(len(finished & set(self.written())), 4)

  def test_damaged_shards_are_not_kept(self):
    first = sorted(self.interrupt())[0]
    with open(first, "r+b") as file:
      file.seek(100)
      byte = file.read(1)[0]
      file.seek(100)
      file.write(bytes([byte ^ 1]))
    self.assertIn(os.path.basename(first), self.written())
    self.assertEqual(files_of(self.output), self.undisturbed())

  def test_shards_of_other_settings_or_images_are_not_kept(self):
    self.assertNotEmpty(self.interrupt())
    total = len(self.undisturbed()) - 6  # manifest, catalogue, rejects and three descriptions
    self.assertGreaterEqual(len(self.written(seed=1)), total - 3)
    shutil.rmtree(self.output)
    self.assertNotEmpty(self.interrupt())
    images = np.load(os.path.join(self.input, "cube.npy"))
    images[2, 0, 0, 0] += 1  # which is not in the fingerprint
    np.save(os.path.join(self.input, "cube.npy"), images)
    self.assertGreaterEqual(len(self.written()), total)
    self.assertEqual(files_of(self.output), self.undisturbed())

  def test_each_image_is_read_once(self):
    sample_surveys.write_public(self.input, sample_surveys.cube(NUM), sample_surveys.columns(NUM))
    calls = []

    def counting(images):
      return lambda row: calls.append(row) or images(row)

    self.convert(source=self.source(counting), augment_copies=1)
    counts = np.bincount(calls, minlength=NUM)
    counts[np.linspace(0, NUM - 1, 32).astype(int)] -= 1  # the fingerprint's sample
    self.assertAllEqual(counts, np.ones(NUM))


class FullDiskTest(interrupted_sets.InterruptedTest, parameterized.TestCase):

  def assert_full(self, **changes):
    with self.assertRaisesRegex(OSError, "out: the disk is full.*give the same command again"):
      self.convert(**changes)
    self.assertEmpty(visible(self.output))
    self.assertEmpty(glob.glob(os.path.join(self.output, resume.UNFINISHED, "*", ".*")))

  @contextlib.contextmanager
  def limited(self, size):
    """Limits files to `size` bytes, like a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
      yield
    finally:
      resource.setrlimit(resource.RLIMIT_FSIZE, before)

  @parameterized.parameters("none", "gzip")
  def test_disk_fills_up_within_a_shard(self, compression):
    with self.limited(50_000):
      self.assert_full(shard_size_mb=1, compression=compression)

  def test_worker_reports_a_full_disk(self):
    with self.limited(50_000):
      self.assert_full(shard_size_mb=1, workers=2)

  @parameterized.parameters(1, 30)
  def test_error_at_a_flush(self, calls):
    fsync, counted = os.fsync, itertools.count(1)

    def failing(descriptor):
      if next(counted) == calls:  # once: later calls for the same file succeed
        raise OSError(errno.ENOSPC, "No space left")
      fsync(descriptor)

    with mock.patch.object(os, "fsync", failing), mock.patch.object(
        shard_writer.shard_file, "_FOLLOW_BYTES", 3000):
      self.assert_full()

  def test_conversion_continues_after_space_is_made(self):
    with mock.patch.object(shard_writer.shard_file.ShardFile, "finish", autospec=True,
                           side_effect=[(1, "x"), OSError(errno.ENOSPC, "No space left")]):
      self.assert_full()
    self.convert()
    self.assertEqual(files_of(self.output), self.undisturbed())

  def test_full_disk_is_found_before_the_start(self):
    usage = shutil.disk_usage(self.folder)._replace(free=100_000)
    with mock.patch.object(shutil, "disk_usage", return_value=usage):
      with self.assertRaisesRegex(OSError, r"takes 0\.\d+ GB more, 0.0001 GB.*another --output"):
        self.convert()
    self.assertEmpty(files_of(self.output))


class TwoConversionsTest(interrupted_sets.InterruptedTest):

  def test_second_is_refused(self):
    with exclusive_folder(self.output):
      with self.assertRaisesRegex(OSError, "another process is at work in .*out"):
        self.convert()
    self.assertEmpty(files_of(self.output))
    self.convert()


if __name__ == "__main__":
  tf.test.main()
