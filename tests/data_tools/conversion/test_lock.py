"""Two conversions to one remote folder, which nothing locks."""

import os
from unittest import mock

from absl.testing import parameterized
import tensorflow as tf

from data_tools import make_tfrecords
from data_tools.conversion import lock, resume
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import manifest as manifest_lib
from tests.data_tools import sample_conversions
from tests.data_tools.conversion import remote_sets


class TwoAtOnceTest(remote_sets.RemoteTest, parameterized.TestCase):

  def overtaken(self, other):
    """A conversion during which another begins."""

    def begin_other(count, row):
      if count == remote_sets.SAMPLED + 60:
        other()

    with self.assertRaisesRegex(OSError, f"another conversion has begun in {self.output}; end "):
      self.convert(before_image=begin_other)

  def test_the_first_leaves_the_data_set_of_the_second_alone(self):
    self.overtaken(lambda: self.convert(seed=1))
    self.assertEqual(remote_sets.remote_files(self.output), self.expected(seed=1))

  def test_the_first_clears_away_what_it_wrote_after_the_second_had_ended(self):
    def convert_other():
      path = next(name for name in remote_sets.remote_files(self.output)
                  if name.endswith(".tfrecord"))
      self.convert(seed=1)
      tf.io.gfile.makedirs(os.path.dirname(f"{self.output}/{path}"))  # others need no folder

    self.overtaken(convert_other)
    self.assertEqual(remote_sets.remote_files(self.output), self.expected(seed=1))

  def begin_and_stop(self, **changes):
    """A conversion that begins and is cut off."""

    def stop(count, row):
      if count > remote_sets.SAMPLED + 60:
        raise KeyError(row)

    with self.assertRaises(KeyError):
      self.convert(before_image=stop, **changes)

  @parameterized.parameters({"seed": 0}, {"seed": 1})
  def test_the_first_leaves_the_shards_of_the_second_alone(self, seed):
    self.overtaken(lambda: self.begin_and_stop(seed=seed))
    self.assertNotEmpty(self.shards_there())
    self.assertEqual(tf.io.gfile.listdir(self.output), [resume.FOLDER])
    reads = []
    self.convert(seed=seed, before_image=lambda count, row: reads.append(row))
    self.assertLess(len(reads), remote_sets.SAMPLED + 2 * remote_sets.NUM - 20)
    self.assertEqual(remote_sets.remote_files(self.output), self.expected(seed=seed))

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
    self.assertEqual(remote_sets.remote_files(self.output), self.expected())

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
    self.assertEqual(remote_sets.remote_files(self.output), self.expected(seed=1))

  @parameterized.parameters("save_catalog", "publish", "save")
  def test_one_that_ends_while_the_first_publishes(self, function):
    place = {"save_catalog": catalog_lib, "publish": resume,
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
      self.assertEqual(remote_sets.remote_files(self.output), self.expected(seed=1))

  def test_manifest_is_taken_back_where_another_begins_as_it_is_written(self):
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
    self.assertEmpty(remote_sets.remote_files(self.output))


if __name__ == "__main__":
  tf.test.main()
