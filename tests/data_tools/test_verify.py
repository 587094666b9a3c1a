import contextlib
import dataclasses
import hashlib
import io
import json
import os
import shutil
import tempfile
from unittest import mock

from absl import app
from absl import flags
from absl.testing import parameterized
from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools import arguments
from data_tools import same_images
from data_tools import verify as verify_lib
from data_tools.convert import ConversionSettings, convert
from data_tools.readers.base import CutoutSource, with_split
from data_tools.verification import run
from pzbias_tf import storage
from pzbias_tf.data.catalog import load_catalog, object_table
from pzbias_tf.data.manifest import Manifest
from pzbias_tf.survey import SDSS
from tests.data_tools import sample_surveys
from tests.small_data import make_dataset


def write_bytes(path, change):
  with open(path, "rb") as file:
    content = bytearray(file.read())
  content = change(content)
  with open(path, "wb") as file:
    file.write(content)


class VerifyTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.sound = os.path.join(flags.FLAGS.test_tmpdir, "sound")
    make_dataset(cls.sound, num=120, shard_size_mb=0.05)

  def setUp(self):
    super().setUp()
    self.folder = os.path.join(tempfile.mkdtemp(), "set")
    shutil.copytree(self.sound, self.folder)
    self.manifest = Manifest.load(self.folder)
    self.shard = self.manifest.shards[1]
    self.path = os.path.join(self.folder, self.shard.name)

  def problems(self, **options):
    return list(run.verify(self.folder, **options).problems)

  def assert_one(self, *words, **options):
    """One problem is found, and these words stand in its line."""
    found = self.problems(**options)
    self.assertLen(found, 1, found)
    self.assertNotIn("\n", found[0])
    for word in (self.folder, *words):
      self.assertIn(word, found[0])

  def assert_changed(self, name, *words):
    """A file is found to be changed, and at most one line more says in which way."""
    found = self.problems()
    self.assertStartsWith(found[0], f"{os.path.join(self.folder, name)}: not the file that")
    self.assertLessEqual(len(found), 2, found)
    for word in (self.folder, *words):
      self.assertIn(word, found[-1])

  def change_catalog(self, change):
    path = os.path.join(self.folder, "catalog.fits")
    table = Table.read(path, mask_invalid=False)
    table = change(table) or table
    table.write(path, overwrite=True)

  def change_manifest(self, **changes):
    dataclasses.replace(self.manifest, **changes).save(self.folder)

  def change_shards(self, *shards):
    self.change_manifest(shards=(*shards, *self.manifest.shards[len(shards):]))

  def test_a_sound_data_set(self):
    self.assertGreater(len(self.manifest.shards), 8)
    self.assertEmpty(self.problems())

  def test_progress_counts_all_bytes(self):
    seen = []
    run.verify(self.folder, progress=seen.append)
    self.assertEqual(seen, [shard.bytes for shard in self.manifest.shards])

  # Shards.

  @parameterized.parameters(3, 200, 3000, -1)
  def test_a_flipped_bit(self, place):
    def flip(content):
      content[place] ^= 4
      return content
    write_bytes(self.path, flip)
    record = self.shard.records if place < 0 else 1
    self.assert_one(self.shard.name, f"damaged in record {record} of {self.shard.records}")

  def test_a_shard_cut_inside_a_record(self):
    write_bytes(self.path, lambda content: content[:-100])
    self.assert_one(self.shard.name,
                    f"cut off inside record {self.shard.records} of {self.shard.records}",
                    f"{self.shard.bytes - 100} of {self.shard.bytes} bytes")

  def test_a_shard_cut_between_two_records(self):
    record = self.shard.bytes // self.shard.records  # the ids are equally long
    self.assertEqual(record * self.shard.records, self.shard.bytes)
    write_bytes(self.path, lambda content: content[:3 * record])
    self.assert_one(self.shard.name, "cut off between two records, before record 4 of")

  def test_an_empty_shard(self):
    write_bytes(self.path, lambda content: b"")
    self.assert_one(self.shard.name, "before record 1 of", f"0 of {self.shard.bytes} bytes")

  def test_a_missing_shard(self):
    os.remove(self.path)
    self.assert_one(self.shard.name, "missing", "copy the shard")

  @parameterized.parameters("train-00000-of-00099.tfrecord", ".test-00000-of-00001.tfrecord.7.tmp",
                            "catalog-00000-of-00002.fits")
  def test_a_surplus_shard(self, name):
    shutil.copy(self.path, os.path.join(self.folder, name))
    self.assert_one(name, "surplus", "delete it")

  def test_other_files_are_nobodys_business(self):
    with open(os.path.join(self.folder, "notes.txt"), "w", encoding="utf-8") as file:
      file.write("mine")
    self.assertEmpty(self.problems())

  def test_two_shards_exchanged(self):
    other = next(shard for shard in self.manifest.shards[2:] if shard.bytes == self.shard.bytes)
    theirs = os.path.join(self.folder, other.name)
    os.rename(theirs, f"{theirs}.aside")
    os.rename(self.path, theirs)
    os.rename(f"{theirs}.aside", self.path)
    found = self.problems(num_workers=2)
    self.assertLen(found, 2)
    for line, here, there in zip(found, (self.shard, other), (other, self.shard)):
      self.assertIn(f"{here.name}: holds what belongs into {there.name}", line)
      self.assertIn(f"rename it to {there.name}", line)

  def rewrite(self, change):
    """Changes the first record of a shard as a faulty converter would, sums and all."""
    examples = [tf.train.Example.FromString(record)
                for record in tf.data.TFRecordDataset(self.path).as_numpy_iterator()]
    change(examples[0].features.feature)
    with tf.io.TFRecordWriter(self.path) as writer:
      for example in examples:
        writer.write(example.SerializeToString())
    with open(self.path, "rb") as file:
      sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    self.change_shards(self.manifest.shards[0], dataclasses.replace(
        self.shard, bytes=os.path.getsize(self.path), sha256=sha256))

  def test_pixels_that_are_not_finite(self):
    def change(feature):
      pixels = np.frombuffer(feature["image"].bytes_list.value[0], "<f4").copy()
      pixels[7] = np.nan
      feature["image"].bytes_list.value[0] = pixels.tobytes()
    self.rewrite(change)
    self.assert_one(f"{self.shard.name}: pixels are not finite: 1 records, the first in",
                    f"row {self.manifest.shards[0].records}")

  def test_an_image_of_another_size(self):
    def change(feature):
      feature["image"].bytes_list.value[0] = feature["image"].bytes_list.value[0][:-2]
    self.rewrite(change)
    self.assert_one("manifest.json: image_shape or dtype is not that of the images: 1 records")

  def test_records_of_something_else(self):
    self.rewrite(lambda feature: feature.pop("ebv"))
    self.assert_one(self.shard.name, "damaged in record 1 of", "no record of a galaxy")

  def test_whole_records_of_another_data_set(self):
    other = os.path.join(self.folder, "other")
    shards = make_dataset(other, num=120, shard_size_mb=0.05, seed=1).manifest.shards
    shard = next(shard for shard in shards if shard.records == self.shard.records)
    shutil.copy(os.path.join(other, shard.name), self.path)
    self.assert_one(self.shard.name, "not the file that the manifest describes")

  # The manifest.

  @parameterized.parameters(
      (lambda content: content[:200], "damaged"), (lambda content: b"", "damaged"),
      (lambda content: b"\xff" + content, "damaged"), (lambda content: b"[]", "damaged"),
      (lambda content: content.replace(b'"records": ', b'"records": "x", "was": '), "damaged"),
      (lambda content: content.replace(b'"schema_version": 2', b'"schema_version": 9'),
       "schema version 9"))
  def test_a_damaged_manifest(self, change, words):
    write_bytes(os.path.join(self.folder, "manifest.json"), change)
    self.assert_one("manifest.json", words)

  @parameterized.parameters(
      (b'"flux_divisor": 1.0', b'"flux_divisor": 9.0'), (b'"u"', b'"w"'),
      (b'"seed": 0', b'"seed": 4'), (b'"path": "memory"', b'"path": "elsewhere"'))
  def test_a_manifest_with_another_value(self, old, new):
    write_bytes(os.path.join(self.folder, "manifest.json"),
                lambda content: content.replace(old, new, 1))
    self.assert_one("manifest.json", "changed after it was written")

  def test_any_value_gone_from_the_manifest(self):
    path = os.path.join(self.folder, "manifest.json")
    with open(path, encoding="utf-8") as file:
      fields = json.load(file)
    for name in fields:
      with open(path, "w", encoding="utf-8") as file:
        json.dump({**fields, name: None}, file)
      self.assertNotEmpty(self.problems(), name)

  def test_the_manifest_is_read_once(self):
    with mock.patch.object(storage, "read_bytes", wraps=storage.read_bytes) as read:
      self.assertEmpty(self.problems())
    names = [os.path.basename(call.args[0]) for call in read.call_args_list]
    self.assertEqual(names.count("manifest.json"), 1)

  def test_a_missing_manifest(self):
    os.remove(os.path.join(self.folder, "manifest.json"))
    self.assert_one("manifest.json is missing", "make_tfrecords")

  @parameterized.parameters(
      ({"image_shape": (16, 5)}, "image_shape is [16, 5]"),
      ({"image_shape": (16, 16, 4)}, "has 4 bands, 5 are named"),
      ({"dtype": "int8"}, "dtype is 'int8'"), ({"compression": "zip"}, "compression is 'zip'"),
      ({"catalogs": ()}, "the catalogue's files are called nothing"),
      ({"catalog_sha256": ()}, "the catalogue's files have the SHA-256 of none"),
      ({"catalogs": ("../catalog.fits",)}, "the catalogue's files are called ../catalog.fits"),
      ({"flux_divisor": "1"}, "flux_divisor is '1'"), ({"flux_divisor": 0}, "flux_divisor is 0"),
      ({"source": None}, "source is no table"), ({"galaxies": []}, "galaxies is no table"),
      ({"compression": []}, "compression is []"),
      ({"galaxies": {"read": 120, "written": "120", "rejected": 0}}, "three whole numbers"),
      ({"galaxies": {}}, "three whole numbers"),
      ({"galaxies": {"read": 121, "written": 120, "rejected": 0}},
       "121 galaxies read are not 120 written and 0 rejected"))
  def test_a_manifest_that_cannot_be(self, changes, words):
    self.change_manifest(**changes)
    self.assert_one("manifest.json", words)

  @parameterized.parameters(
      ({"name": "../train-00000-of-00002.tfrecord"}, "is called '../train"),
      ({"split": "nonsense"}, "of the split 'nonsense'"), ({"records": None}, "None records"),
      ({"bytes": -1}, "-1 bytes"), ({"sha256": "ab"}, "SHA-256 'ab'"))
  def test_a_manifest_with_a_shard_that_cannot_be(self, changes, words):
    self.change_shards(dataclasses.replace(self.manifest.shards[0], **changes))
    self.assert_one("manifest.json", words)

  def test_a_shard_listed_twice(self):
    self.change_shards(self.manifest.shards[1])
    self.assert_one("manifest.json", f"{self.shard.name} is listed 2 times")

  def test_a_manifest_of_other_images(self):
    self.change_manifest(image_shape=(16, 8, 5))
    self.assert_one("manifest.json", "image_shape or dtype", "120 records")

  def test_a_manifest_in_another_order(self):
    one, two = self.manifest.shards[:2]
    self.change_shards(two, one)
    found = "\n".join(self.problems())
    self.assertIn(f"number is not that of the records: {one.records + two.records} records, "
                  f"the first in {two.name}, row 0", found)
    self.assertIn("catalog.fits: shard is 0 in row 0, the manifest's shards say 1", found)

  def test_another_sum(self):
    shard = self.shard
    self.change_shards(self.manifest.shards[0], dataclasses.replace(shard, sha256="ab" * 32))
    self.assert_one(shard.name, "not the file that the manifest describes")

  # The catalogue and the list of rejects.

  @parameterized.parameters("id", "z_spec", "r_mag", "ebv")
  def test_a_changed_catalog(self, column):
    def change(table):
      table[column][7] = table[column][8]
    self.change_catalog(change)
    found = self.problems()
    self.assertIn(f"catalog.fits: {column} is not that of the records: 1 records, the first in "
                  f"{self.manifest.shards[0].name}, row 7", found[-1])
    self.assertIn("catalog.fits: not the file that the manifest describes", found[0])
    # An id written over is also an object that is gone.
    self.assertLen(found, 3 if column == "id" else 2)

  @parameterized.parameters("ra", "i_err", "z_photo_ref")
  def test_a_change_that_records_do_not_show(self, column):
    def change(table):
      table[column][7] = 1.5
    self.change_catalog(change)
    self.assertLen(self.problems(), 1)
    self.assert_changed("catalog.fits")

  def test_a_changed_catalog_sorted_by_id(self):
    self.change_catalog(lambda table: table.sort("id"))
    found = "\n".join(self.problems())
    for column in ("id", "z_spec", "r_mag", "ebv"):
      self.assertIn(f"catalog.fits: {column} is not that of the records", found)
    self.assertIn("catalog.fits: position is ", found)

  def test_a_short_catalog(self):
    self.change_catalog(lambda table: table[:-1])
    self.assert_changed("catalog.fits", "has 119 rows, the manifest counts 120 records")

  def test_a_catalog_without_a_column(self):
    self.change_catalog(lambda table: table.remove_column("ebv"))
    self.assert_changed("catalog.fits", "catalog.fits: no column ebv")

  @parameterized.parameters(0, 100, 4000)
  def test_a_cut_catalog(self, size):
    write_bytes(os.path.join(self.folder, "catalog.fits"), lambda content: content[:size])
    self.assert_changed("catalog.fits", "catalog.fits: unreadable")

  def test_a_missing_catalog(self):
    os.remove(os.path.join(self.folder, "catalog.fits"))
    self.assert_one("catalog.fits: missing")

  def test_a_training_galaxy_without_z(self):
    def change(table):
      table["z_spec"][3] = np.nan
    self.change_catalog(change)
    self.assertIn("1 galaxies outside of the target set have no z_spec", self.problems()[1])

  def test_rejects(self):
    path = os.path.join(self.folder, "rejected.csv")
    write_bytes(path, lambda content: content + b"g1,gone\n")
    self.assert_one("rejected.csv", "lists 1 objects, the manifest counts 0")
    os.remove(path)
    self.assert_one("rejected.csv", "missing")


class OtherSetsTest(tf.test.TestCase, parameterized.TestCase):

  def convert(self, ids, images, *, copies=1, **settings):
    """Converts galaxies, the first half of which trains and the second tests."""
    num = len(ids)
    catalog = object_table(num, id=np.array(ids), z_spec=np.linspace(0.1, 0.2, num),
                           r_mag=np.full(num, 16.0), ebv=np.zeros(num))
    source = CutoutSource(
        catalog=with_split(catalog, np.repeat(["train", "test"], num // 2).astype("U10")),
        images=images.__getitem__, image_shape=images.shape[1:])
    folder = os.path.join(tempfile.mkdtemp(), "set")
    convert(source, SDSS, folder, settings=ConversionSettings(
        augment_copies=copies, **settings))
    return folder

  def test_the_same_image(self):
    images = sample_surveys.cube(8)
    images[6] = images[1]
    with mock.patch.object(same_images, "find", return_value={}):  # as if nobody looked
      folder = self.convert([f"g{number}" for number in range(8)], images, copies=2)
    ids = list(load_catalog(folder)["id"])
    found = run.verify(folder).problems
    self.assertLen(found, 1)
    self.assertIn("test-00000-of-00001.tfrecord: 1 images stand in two splits, e.g. row "
                  f"{ids.index('g6')} here and row", found[0])

  def test_the_same_galaxy(self):
    folder = self.convert([f"g{number}" for number in range(8)], sample_surveys.cube(8))
    table = load_catalog(folder)
    row, other = list(table["id"]).index("g1"), list(table["id"]).index("g6")
    table["id"][other] = "g1"
    table.write(os.path.join(folder, "catalog.fits"), overwrite=True)
    words = f"1 galaxies stand in two splits, e.g. g1 in test (row {other}) and train (row {row})"
    self.assertIn(words, "\n".join(run.verify(folder).problems))

  @parameterized.parameters(
      {"compression": "gzip"}, {"dtype": "float16"}, {"compression": "gzip", "dtype": "float16"})
  def test_sound_sets_of_other_kinds(self, **settings):
    images = sample_surveys.cube(8)
    images[2, 0, 0, 0] = np.nan  # its record leaves a gap
    folder = self.convert([f"g{number}" for number in range(8)], images, **settings)
    self.assertEqual(Manifest.load(folder).galaxies["written"], 7)
    self.assertEmpty(run.verify(folder).problems)

  def test_damaged_gzip(self):
    folder = self.convert([f"g{number}" for number in range(8)], sample_surveys.cube(8),
                          compression="gzip")
    name = Manifest.load(folder).shards[0].name
    write_bytes(os.path.join(folder, name), lambda content: content[:-100])
    found = run.verify(folder).problems
    self.assertLen(found, 1)
    self.assertIn(f"{name}: cut off inside record", found[0])

  def test_copies_in_one_split_are_none(self):
    folder = self.convert([f"g{number}" for number in range(8)], sample_surveys.cube(8), copies=8)
    self.assertEmpty(run.verify(folder).problems)


class CommandTest(tf.test.TestCase):

  def run_command(self, folder):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
      status = verify_lib.verify(folder)
    return status, printed.getvalue()

  def test_status_and_words(self):
    folder = os.path.join(self.get_temp_dir(), "set")
    make_dataset(folder, num=40)
    status, printed = self.run_command(folder)
    self.assertEqual(status, 0)
    self.assertRegex(printed, rf"^{folder}: OK: 3 shards, 40 records, 0\.2 MB, 40 galaxies.*\n$")
    os.remove(os.path.join(folder, Manifest.load(folder).shards[0].name))
    os.remove(os.path.join(folder, "rejected.csv"))
    status, printed = self.run_command(folder)
    self.assertEqual(status, 1)
    self.assertLen(printed.splitlines(), 2)

  def test_a_folder_that_is_not_there(self):
    status, printed = self.run_command("/nonexistent/set")
    self.assertEqual(status, 1)
    self.assertIn("/nonexistent/set/manifest.json is missing", printed)

  def test_an_unknown_file_system(self):
    with self.assertRaisesRegex(OSError, "nosuch://set.*: TensorFlow knows no such file system"):
      run.verify("nosuch://set")

  def test_the_folder_is_named_once(self):
    self.assertEqual(arguments.data_folder(["verify", "a"], ""), "a")
    self.assertEqual(arguments.data_folder(["verify"], "a"), "a")
    for argv, data in ((["verify"], ""), (["verify", "a"], "b"), (["verify", "a", "b"], "")):
      with self.assertRaisesRegex(app.UsageError, "name one folder"):
        arguments.data_folder(argv, data)


if __name__ == "__main__":
  tf.test.main()
