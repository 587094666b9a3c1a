"""Two conversions to one remote folder, which nothing locks."""

import os
from unittest import mock

from absl.testing import parameterized
import tensorflow as tf

from data_tools.conversion import convert as convert_lib
from data_tools.conversion import lock, resume
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import manifest as manifest_lib
from tests.data_tools import sample_conversions
from tests.data_tools.conversion import remote_sets


class TwoConversionsTest(remote_sets.RemoteTest, parameterized.TestCase):

  def run_overtaken(self, other):
    """A conversion during which `other` is called, and which must stop."""

    def begin_other(count, row):
      if count == remote_sets.SAMPLED + 60:
        other()

    with self.assertRaisesRegex(OSError, f"another conversion has begun in {self.output}; end "):
      self.convert(before_image=begin_other)

  def begin_and_stop(self, **changes):
    """A conversion that begins and is interrupted."""

    def stop(count, row):
      if count > remote_sets.SAMPLED + 60:
        raise KeyError(row)

    with self.assertRaises(KeyError):
      self.convert(before_image=stop, **changes)

  def test_first_does_not_touch_the_data_set_of_the_second(self):
    self.run_overtaken(lambda: self.convert(seed=1))
    self.assertEqual(remote_sets.remote_files(self.output), self.expected(seed=1))

  def test_first_removes_what_it_wrote_after_the_second_ended(self):
    def convert_other():
      path = next(name for name in remote_sets.remote_files(self.output)
                  if name.endswith(".tfrecord"))
      self.convert(seed=1)
      tf.io.gfile.makedirs(os.path.dirname(f"{self.output}/{path}"))  # others need no folder

    self.run_overtaken(convert_other)
    self.assertEqual(remote_sets.remote_files(self.output), self.expected(seed=1))

  @parameterized.parameters({"seed": 0}, {"seed": 1})
  def test_first_does_not_touch_the_shards_of_the_second(self, seed):
    self.run_overtaken(lambda: self.begin_and_stop(seed=seed))
    self.assertNotEmpty(self.unfinished_shards())
    self.assertEqual(tf.io.gfile.listdir(self.output), [resume.UNFINISHED])
    reads = []
    self.convert(seed=seed, before_image=lambda count, row: reads.append(row))
    self.assertLess(len(reads), remote_sets.SAMPLED + 2 * remote_sets.NUM - 20)
    self.assertEqual(remote_sets.remote_files(self.output), self.expected(seed=seed))

  def test_equal_conversion_whose_files_the_other_removes(self):
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
    self.assertEqual(remote_sets.remote_files(self.output), self.expected())

  def test_other_ends_before_the_first_begins_to_write(self):
    accept_galaxies, others = convert_lib.accept_galaxies, []

    def accept_and_convert_other(*arguments, **options):
      if not others:
        others.append(True)
        self.convert(seed=1)
      return accept_galaxies(*arguments, **options)

    with mock.patch.object(convert_lib, "accept_galaxies", accept_and_convert_other):
      with self.assertRaisesRegex(FileExistsError, "holds a data set with other settings"):
        self.convert()
    self.assertEqual(remote_sets.remote_files(self.output), self.expected(seed=1))

  @parameterized.parameters("save_catalog", "move_to_output", "save")
  def test_other_ends_while_the_first_publishes(self, function):
    place = {"save_catalog": catalog_lib, "move_to_output": resume,
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
    if function != "save":  # then the other's data set lacks the manifest, which the first removed
      self.assertEqual(remote_sets.remote_files(self.output), self.expected(seed=1))

  def test_manifest_is_removed_if_another_begins_while_it_is_written(self):
    save, others = manifest_lib.Manifest.save, []

    def save_and_begin(manifest, folder):
      save(manifest, folder)
      if not others:
        others.append(True)
        lock.Owner(folder).claim()

    with mock.patch.object(manifest_lib.Manifest, "save", save_and_begin):
      with self.assertRaisesRegex(OSError, "another conversion has begun"):
        self.convert()
    self.assertNotIn("manifest.json", tf.io.gfile.listdir(self.output))

  def test_other_begins_while_the_first_publishes(self):
    save = catalog_lib.save_catalog

    def save_and_begin(catalog, output):
      self.begin_and_stop(seed=1)
      return save(catalog, output)

    with mock.patch.object(catalog_lib, "save_catalog", save_and_begin):
      with self.assertRaisesRegex(OSError, "another conversion has begun"):
        self.convert()
    self.assertNotIn("manifest.json", tf.io.gfile.listdir(self.output))

  def test_changed_images_are_not_taken_for_another_conversion(self):
    with mock.patch.object(convert_lib, "WrittenCatalog", sample_conversions.MiscountedCatalog):
      with self.assertRaisesRegex(OSError, "images changed .* give the same command again"):
        self.convert()
    self.assertEmpty(remote_sets.remote_files(self.output))


if __name__ == "__main__":
  tf.test.main()
