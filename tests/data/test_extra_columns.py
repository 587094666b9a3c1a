"""Extra columns: their mean and deviation, missing values, and each galaxy's own in its batch."""

import os
import tempfile

from absl.testing import parameterized
from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools.verification.accepted_edits import accept
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.extra_columns import ExtraColumns, is_missing
from pzbias_tf.data.manifest import Manifest
from pzbias_tf.data.pipeline import Labels, ordered_batches, training_batches
from tests.small_data import SIZE, make_dataset

NUM = 150
NAMES = ("mag_H", "mag_J")  # not the order of the data set


class ScalingTest(tf.test.TestCase, parameterized.TestCase):

  def test_mean_and_deviation(self):
    values = np.array([[1.0, 20.0], [3.0, 20.5], [5.0, 21.0]])
    columns = ExtraColumns.fit(("a", "b"), values)
    self.assertAllClose(columns.mean, values.mean(0))
    self.assertAllClose(columns.deviation, values.std(0))
    self.assertEqual(ExtraColumns.from_json(columns.to_json()), columns)
    self.assertEqual(ExtraColumns.from_json({}), ExtraColumns())

  def test_a_constant_column_is_refused(self):
    with self.assertRaisesRegex(ValueError, "extra column b has the same value.*--extra_columns"):
      ExtraColumns.fit(("a", "b"), np.array([[1.0, 20.0], [3.0, 20.0]]))
    with self.assertRaisesRegex(ValueError, "no training galaxy to standardise a"):
      ExtraColumns.fit(("a",), np.zeros([0, 1]))

  @parameterized.parameters(((1.0, 2.0), (1.0,)), ((1.0,), (0.0,)), ((np.nan,), (1.0,)))
  def test_numbers_that_do_not_fit_are_refused(self, mean, deviation):
    with self.assertRaises(ValueError):
      ExtraColumns(("a",), mean, deviation)

  def test_missing_values(self):
    missing = [np.nan, np.inf, -np.inf, 1e39, -90.0, -99.0, -999.0, -9999.0, 99.0, 99.9, 999.0,
               np.float32(99.99), 9999.0]
    self.assertTrue(is_missing(np.array(missing)).all())
    self.assertTrue(is_missing(np.ma.masked_array([1.0], [True])).all())
    self.assertFalse(is_missing(np.array([0.0, -5.0, 30.0, 98.9, 100.0, -89.0, 58000.0])).any())


class BatchesTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    rng = np.random.default_rng(5)
    extra = {"mag_J": rng.uniform(18, 22, NUM), "mag_H": rng.uniform(17, 21, NUM)}
    cls.data = make_dataset(tempfile.mkdtemp(), num=NUM, extra=extra, augment_copies=2,
                            shard_size_mb=0.2)
    cls.by_id = {f"g{row:05d}": [extra[name][row] for name in NAMES] for row in range(NUM)}

  def assert_own(self, batch):
    ids = self.data.column("id")[batch["row"].numpy()]
    expected = np.array([self.by_id[name] for name in ids], np.float32)
    self.assertAllEqual(batch["extra"], expected)

  def test_the_data_set_holds_them(self):
    self.assertEqual(self.data.manifest.extra_columns, ("mag_J", "mag_H"))
    self.assertEqual(self.data.column("mag_J").dtype, np.dtype(">f8"))
    for row, name in enumerate(self.data.column("id")):
      self.assertEqual(self.data.column("mag_H")[row], self.by_id[name][0])
    part = self.data.shard(1)
    self.assertAllEqual(part.extra(NAMES), self.data.extra(NAMES)[
        self.data.manifest.shards[0].records:][:len(part.catalog)])

  def test_a_shard_reads_its_own_rows_alone(self):
    whole = Dataset.open(self.data.folder)
    for number, shard in enumerate(whole.manifest.shards):
      part = whole.shard(number)
      start = sum(before.records for before in whole.manifest.shards[:number])
      self.assertAllEqual(part.column("id"), self.data.column("id")[start:start + shard.records])
      self.assertAllEqual(part.shard(0).column("ra"), part.column("ra"))
      part.forget()
      self.assertAllEqual(part.extra(NAMES), self.data.extra(NAMES)[start:start + shard.records])
    self.assertNotIn("catalog", vars(whole))

  @parameterized.parameters("train", "validation", "test")
  def test_in_record_order(self, split):
    keep = (self.data.column("split") == split) & (np.arange(len(self.data.catalog)) % 3 > 0)
    for batch in ordered_batches(self.data, split, keep=keep, labels=None, batch_size=16,
                                 image_size=SIZE, extra_columns=NAMES):
      self.assert_own(batch)

  @parameterized.parameters(0, 1 << 30)
  def test_shuffled_and_resumed(self, memory_bytes):
    none = np.zeros(len(self.data.catalog), np.int32)
    labels = Labels(redshift_bin=none, magnitude_row=none)
    settings = dict(keep=self.data.column("split") == "train", labels=labels, batch_size=32,
                    image_size=SIZE, seed=3, memory_bytes=memory_bytes)
    take = lambda number, **more: list(
        training_batches(self.data, **settings, **more).take(number))
    whole = take(9, extra_columns=NAMES)
    for batch in whole:
      self.assert_own(batch)
    for start in (2, 7):
      for one, other in zip(whole[start:], take(9 - start, extra_columns=NAMES, start_step=start)):
        self.assertAllEqual(one["extra"], other["extra"])
    for one, other in zip(whole, take(9)):  # the same galaxies as without
      self.assertAllEqual(one["row"], other["row"])
      self.assertAllEqual(one["image"], other["image"])
      self.assertNotIn("extra", other)

  def test_columns_that_are_not_there(self):
    with self.assertRaisesRegex(ValueError, "no extra column mag_K; it has mag_J, mag_H. Convert "
                                "it with --extra_columns=mag_J,mag_K"):
      self.data.extra(("mag_J", "mag_K"))
    with self.assertRaisesRegex(ValueError, "no extra column r_mag"):
      self.data.extra(("r_mag",))

  def test_values_that_are_no_measurements(self):
    folder = self.create_tempdir().full_path
    make_dataset(folder, num=20, extra={"mag_J": np.linspace(18, 20, 20)})
    path = os.path.join(folder, "catalog.fits")
    table = Table.read(path)
    table["mag_J"][7] = -99.0
    table.write(path, overwrite=True)
    accept(path)
    with self.assertRaisesRegex(ValueError, "mag_J is -99.0 in row 7 of the catalogue"):
      Dataset.open(folder).extra(("mag_J",))


class ManifestTest(tf.test.TestCase):

  def manifest(self, **settings):
    return Manifest(dataset="d", survey="s", bands=("g",), image_shape=(8, 8, 1), **settings)

  def test_digests_without_extra_columns_are_those_of_older_data_sets(self):
    self.assertNotIn("extra_columns", self.manifest().to_json())
    self.assertEqual(self.manifest().digest(),
                     "3cc573630741f5e2485ccc005fb81cd2399c33693753842fff335736a905c781")

  def test_extra_columns_are_kept(self):
    folder, manifest = self.create_tempdir().full_path, self.manifest(extra_columns=("a", "b"))
    manifest.save(folder)
    self.assertEqual(Manifest.load(folder), manifest)
    self.assertNotEqual(manifest.digest(), self.manifest().digest())


if __name__ == "__main__":
  tf.test.main()
