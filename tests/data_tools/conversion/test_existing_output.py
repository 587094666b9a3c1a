"""Existing contents of the output: reused, refused or replaced, but never lost."""

import contextlib
import dataclasses
import os
from unittest import mock

from absl.testing import parameterized
import tensorflow as tf

from data_tools import make_tfrecords
from data_tools.conversion import identity, resume
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.conversion.convert import convert
from data_tools.readers.parts.cutout_source import CutoutSource
from pzbias_tf import storage
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_conversions, sample_surveys


class ExistingOutputTest(sample_conversions.ConversionTest, parameterized.TestCase):

  def test_same_data_set_is_reused(self):
    source = self.public(20)
    first = convert(source, SDSS, self.output)
    before = os.stat(os.path.join(self.output, manifest_lib.MANIFEST_NAME)).st_mtime_ns
    again = convert(source, SDSS, self.output, settings=ConversionSettings(num_workers=2))
    self.assertEqual(first, again)
    self.assertEqual(
        os.stat(os.path.join(self.output, manifest_lib.MANIFEST_NAME)).st_mtime_ns, before)

  def test_local_conversion_looks_for_a_manifest_once(self):
    self.public(20)
    config = make_tfrecords.ConversionConfig(
        input=os.path.join(self.folder, "in"), output=self.output)
    for _ in range(2):  # without an existing data set, and with one
      with mock.patch.object(storage, "is_file", wraps=storage.is_file) as is_file:
        make_tfrecords.run(config)
      looks = [call for call in is_file.call_args_list
               if os.path.basename(call.args[0]) == manifest_lib.MANIFEST_NAME]
      self.assertLen(looks, 1)

  def test_real_data_stop_a_simulation_before_it_starts(self):
    convert(self.public(20), SDSS, self.output)
    with self.assertRaisesRegex(FileExistsError, "holds another data set, and no --input"):
      make_tfrecords.run(make_tfrecords.ConversionConfig(output=self.output, num=10))
    parent, name = os.path.split(os.path.normpath(self.output))
    self.assertFalse(os.path.exists(os.path.join(parent, f"simulated_{name}")))

  def test_only_a_simulation_is_checked_beforehand(self):
    self.public(20)
    with mock.patch.object(identity, "check_before_simulation") as check:
      make_tfrecords.run(make_tfrecords.ConversionConfig(
          input=os.path.join(self.folder, "in"), output=self.output))
    check.assert_not_called()

  def test_data_set_is_not_written_into_its_input(self):
    os.makedirs(self.output)
    with self.assertRaisesRegex(ValueError, "--input and --output are both .*; name another"):
      make_tfrecords.run(make_tfrecords.ConversionConfig(
          input=os.path.join(self.output, "."), output=self.output))
    self.assertEmpty(os.listdir(self.output))

  def test_other_settings_or_source_are_refused(self):
    convert(self.public(20), SDSS, self.output)
    with self.assertRaisesRegex(FileExistsError, "other settings.*another --output, or delete"):
      convert(self.public(20), SDSS, self.output, settings=ConversionSettings(seed=1))
    with self.assertRaisesRegex(FileExistsError, "other fingerprint"):
      convert(self.public(20, images=sample_surveys.cube(20, seed=1)), SDSS, self.output)
    with self.assertRaisesRegex(FileExistsError, "other preset"):
      convert(self.public(20), SDSS, self.output, preset={"net": 5})

  def test_unfinished_files_are_removed_and_nothing_else(self):
    os.makedirs(os.path.join(self.output, resume.UNFINISHED))
    names = ("train-00000-of-00009.tfrecord", ".test-00001-of-00002.tfrecord.77.tmp",
             ".catalog.fits.1f.tmp", ".rejected.csv.7.tmp", ".manifest.json.1f.tmp",
             "catalog-00001-of-00003.fits", "train-100000-of-100001.tfrecord",
             "notes.txt", "mytrain-00000-of-00009.tfrecord", "train.tfrecord")
    for name in names:
      with open(os.path.join(self.output, name), "w") as file:
        file.write("x")
    convert(self.public(20), SDSS, self.output)
    left = set(os.listdir(self.output))
    self.assertNoCommonElements(left, names[:7])
    self.assertContainsSubset(names[7:], left)

  @parameterized.parameters(
      "catalog.fits", "rejected.csv", "train-00000-of-00001.tfrecord", "galaxies.tfrecord",
      os.path.join("notes", "diary.txt"), os.path.join(resume.UNFINISHED, "notes.txt"))
  def test_files_of_others_are_kept(self, name):
    path = os.path.join(self.output, name)
    os.makedirs(os.path.dirname(path))
    with open(path, "w", encoding="utf-8") as file:
      file.write("precious")
    with self.assertRaisesRegex(FileExistsError, "out.* holds files of others, .*--output"):
      convert(self.public(20), SDSS, self.output)
    self.assertEqual(sample_conversions.files_of(self.output), {name: b"precious"})

  @parameterized.parameters(resume.UNFINISHED, os.path.join(resume.UNFINISHED, "KEY"))
  def test_links_in_the_place_of_own_folders(self, name):
    source, target = self.public(20), os.path.join(self.folder, "target")
    if name.endswith("KEY"):  # the folder of this very conversion
      with mock.patch.object(resume.storage, "make_folders", side_effect=KeyError) as make:
        with self.assertRaises(KeyError):
          convert(source, SDSS, self.output)
      name = os.path.join(resume.UNFINISHED, os.path.basename(make.call_args.args[0]))
    os.makedirs(target)
    for file in ("0123456789abcdef", "a.tmp", "train-00000-of-00001.tfrecord.json"):
      with open(os.path.join(target, file), "w", encoding="utf-8") as opened:
        opened.write("precious")
    before = sample_conversions.files_of(target)
    os.makedirs(os.path.dirname(os.path.join(self.output, name)), exist_ok=True)
    os.symlink(target, os.path.join(self.output, name))
    self.addCleanup(os.remove, os.path.join(self.output, name))
    with self.assertRaisesRegex(OSError, f"{os.path.basename(name)} is a link, .*remove the link"):
      convert(source, SDSS, self.output)
    self.assertEqual(sample_conversions.files_of(target), before)

  @parameterized.parameters("rejected.csv", "catalog.fits", "manifest.json", ".lock",
                            "train-00000-of-00001.tfrecord")
  def test_targets_of_links_are_kept(self, name):
    target = os.path.join(self.folder, "target")
    os.makedirs(os.path.join(self.output, resume.UNFINISHED))
    with open(target, "w", encoding="utf-8") as file:
      file.write("precious")
    os.symlink(target, os.path.join(self.output, name))
    with contextlib.suppress(OSError):
      convert(self.public(20), SDSS, self.output)
    with open(target, encoding="utf-8") as file:
      self.assertEqual(file.read(), "precious")

  def test_output_may_be_a_link_to_an_empty_folder(self):
    target = os.path.join(self.folder, "large disk")
    os.makedirs(target)
    os.symlink(target, self.output)
    self.addCleanup(os.remove, self.output)  # TensorFlow cannot remove links to folders
    convert(self.public(20), SDSS, self.output)
    self.assertIn("manifest.json", os.listdir(target))

  def test_output_is_a_link_to_files_of_others(self):
    target = os.path.join(self.folder, "target")
    os.makedirs(target)
    with open(os.path.join(target, "catalog.fits"), "w", encoding="utf-8") as file:
      file.write("precious")
    os.symlink(target, self.output)
    self.addCleanup(os.remove, self.output)  # TensorFlow cannot remove links to folders
    with self.assertRaisesRegex(FileExistsError, "holds files of others, catalog.fits for one"):
      convert(self.public(20), SDSS, self.output)
    self.assertEqual(sample_conversions.files_of(target), {"catalog.fits": b"precious"})

  def test_data_set_of_another_version(self):
    manifest = convert(self.public(20), SDSS, self.output)
    dataclasses.replace(manifest, schema_version=1).save(self.output)
    with self.assertRaisesRegex(FileExistsError, "schema version 1, .*delete .*out first"):
      convert(self.public(20), SDSS, self.output)

  def test_damaged_shard_is_noticed(self):
    source = self.public(20)
    manifest = convert(source, SDSS, self.output)
    with open(os.path.join(self.output, manifest.shards[0].name), "r+b") as file:
      file.truncate(100)
    with self.assertRaisesRegex(FileExistsError, "of another size than its manifest says"):
      convert(source, SDSS, self.output)

  @parameterized.parameters("catalog.fits", "rejected.csv")
  def test_missing_table_is_noticed(self, name):
    source = self.public(20)
    convert(source, SDSS, self.output)
    os.remove(os.path.join(self.output, name))
    with self.assertRaisesRegex(FileExistsError, f"{name} is missing(?s:.*)is damaged; delete"):
      convert(source, SDSS, self.output)

  @parameterized.parameters(("quick", False), ("full", True))
  def test_flipped_bit_of_a_shard(self, verify, noticed):
    source = self.public(20)
    manifest = convert(source, SDSS, self.output)
    with open(os.path.join(self.output, manifest.shards[0].name), "r+b") as file:
      file.seek(100)
      byte = file.read(1)[0]
      file.seek(100)
      file.write(bytes([byte ^ 16]))
    if not noticed:  # a check of all bytes takes as long as reading them
      self.assertEqual(convert(source, SDSS, self.output, verify=verify), manifest)
      return
    with self.assertRaisesRegex(FileExistsError, "has another SHA-256 than its manifest says"):
      convert(source, SDSS, self.output, verify=verify)

  def test_flipped_bit_of_the_catalogue(self):
    source = self.public(20)
    convert(source, SDSS, self.output)
    with open(os.path.join(self.output, "catalog.fits"), "r+b") as file:
      file.seek(-2880, os.SEEK_END)
      byte = file.read(1)[0]
      file.seek(-2880, os.SEEK_END)
      file.write(bytes([byte ^ 1]))
    with self.assertRaisesRegex(FileExistsError, "catalog.fits has changed since it was written"):
      convert(source, SDSS, self.output)

  def test_failure_leaves_no_manifest_and_no_partial_shard(self):
    source = self.public(20)
    reads = []

    def fail(row):
      reads.append(row)
      if len(reads) > 30:  # after the fingerprint, which reads 20 images
        raise OSError("the disk is gone")
      return source.images(row)

    failing = CutoutSource(catalog=source.catalog, images=fail, image_shape=source.image_shape)
    with self.assertRaisesRegex(OSError, "the disk is gone"):
      convert(failing, SDSS, self.output, settings=ConversionSettings(shard_size_mb=0.003))
    self.assertEmpty([name for name in os.listdir(self.output) if not name.startswith(".")])


if __name__ == "__main__":
  tf.test.main()
