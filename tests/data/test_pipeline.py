"""Batches hold every galaxy once per epoch with its own label; resuming and damaged shards."""

import os
import tempfile

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.data import schema
from pzbias_tf.data.augment import dihedral, dihedral_numpy, dihedral_view, rotate_any_angle
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.pipeline import Labels, crop, ordered_batches, training_batches
from pzbias_tf.survey import CFHTLS_WIDE, SDSS
from tests.small_data import SIZE, make_dataset


def labels_of(data, survey=SDSS):
  return Labels(redshift_bin=survey.redshift_bin(data.column("z_spec")).astype(np.int32),
                magnitude_row=survey.magnitude_row(data.column("r_mag")).astype(np.int32))


def train_mask(data):
  return data.column("split") == "train"


class FromShardsTest(tf.test.TestCase, parameterized.TestCase):
  """Batches that are read from the shards in every epoch."""

  memory_bytes = 0

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.data = make_dataset(tempfile.mkdtemp(), num=300, shard_size_mb=0.2)

  def take(self, num, *, data=None, keep=None, batch_size=32, **options):
    data = data or self.data
    keep = train_mask(data) if keep is None else keep
    options = {"seed": 3, "image_size": SIZE, "memory_bytes": self.memory_bytes, **options}
    batches = training_batches(data, keep=keep, labels=labels_of(data), batch_size=batch_size,
                               **options)
    return [{k: v.numpy() for k, v in batch.items()} for batch in batches.take(num)]

  def test_several_shards(self):
    self.assertGreater(len(self.data.manifest.split_shards("train")), 2)

  def test_every_record_once_per_epoch_and_batches_straddle_epochs(self):
    num = int(train_mask(self.data).sum())
    self.assertNotEqual(num % 32, 0)
    rows = np.concatenate([b["row"] for b in self.take(3 * num // 32)])
    for epoch in range(2):
      self.assertAllEqual(np.sort(rows[epoch * num:(epoch + 1) * num]),
                          np.flatnonzero(train_mask(self.data)))
    self.assertNotAllEqual(rows[:num], rows[num:2 * num])

  def test_one_image_one_label(self):
    by_row = {}
    for split in ("train", "validation", "test"):
      keep = self.data.column("split") == split
      for batch in ordered_batches(self.data, split, keep=keep, labels=labels_of(self.data),
                                   batch_size=16, image_size=SIZE):
        for row, image in zip(batch["row"].numpy(), batch["image"].numpy()):
          by_row[row] = image
    z, r = self.data.column("z_spec"), self.data.column("r_mag")
    for batch in self.take(20):
      for i, row in enumerate(batch["row"]):
        self.assertAllEqual(batch["image"][i], by_row[row])
        self.assertEqual(batch["redshift_bin"][i], SDSS.redshift_bin(z[row]))
        self.assertEqual(batch["magnitude_row"][i], SDSS.magnitude_row(r[row]))
        self.assertAllClose(batch["ebv"][i], self.data.column("ebv")[row])

  @parameterized.parameters(1, 7, 11)
  def test_resumed_batches_are_the_same(self, start):
    whole, resumed = self.take(14), self.take(14 - start, start_step=start)
    for a, b in zip(whole[start:], resumed):
      self.assertAllEqual(a["row"], b["row"])
      self.assertAllEqual(a["view"], b["view"])
      self.assertAllEqual(a["image"], b["image"])

  def test_seed_changes_order_and_views(self):
    a, b = self.take(1)[0], self.take(1, seed=4)[0]
    self.assertNotAllEqual(a["row"], b["row"])
    self.assertNotAllEqual(a["view"], b["view"])

  def test_all_views_are_equally_likely(self):
    views = np.concatenate([b["view"] for b in self.take(200)])
    counts = np.bincount(views, minlength=8)
    self.assertAllClose(counts, np.full(8, 800), atol=5 * np.sqrt(800))
    self.assertAllEqual(self.take(1, dihedral=False)[0]["view"], np.zeros(32))

  def test_keeps_the_chosen_records_only(self):
    keep = train_mask(self.data) & (self.data.column("z_spec") < 0.15)
    rows = np.concatenate([b["row"] for b in self.take(10, keep=keep)])
    self.assertAllEqual(np.unique(rows), np.flatnonzero(keep))

  def test_refuses_records_of_another_split(self):
    with self.assertRaisesRegex(ValueError, "not in 'train'"):
      self.take(1, keep=np.ones(len(self.data.catalog), bool))

  @parameterized.parameters(1, 7, 64, 100, 1000)
  def test_ordered_batches_hold_the_records_of_the_shards(self, batch_size):
    rows, images = [], []
    for batch in ordered_batches(self.data, "train", keep=train_mask(self.data), labels=None,
                                 batch_size=batch_size, image_size=SIZE).as_numpy_iterator():
      rows.append(batch["row"])
      images.append(batch["image"])
    num = int(train_mask(self.data).sum())
    self.assertEqual([len(part) for part in rows],
                     [min(batch_size, num - start) for start in range(0, num, batch_size)])
    self.assertAllEqual(np.concatenate(rows), np.flatnonzero(train_mask(self.data)))
    paths = [os.path.join(self.data.folder, shard.name)
             for shard in self.data.manifest.split_shards("train")]
    stored = [schema.parse_record(record.numpy()).image
              for record in tf.data.TFRecordDataset(paths)]
    self.assertEqual([image.astype("<f4").tobytes() for image in np.concatenate(images)], stored)

  def test_flux_divisor_and_crop(self):
    data = make_dataset(self.create_tempdir().full_path, num=60, survey=CFHTLS_WIDE,
                        columns={"field": np.full(60, "W"), "sample": np.full(60, "HQ")})
    keep = train_mask(data)
    full = next(iter(ordered_batches(data, "train", keep=keep, labels=None, batch_size=8,
                                     image_size=SIZE)))["image"]
    self.assertBetween(float(tf.reduce_max(full)), 5.0, 60.0)  # stored values are 1000 times that
    small = next(iter(ordered_batches(data, "train", keep=keep, labels=None, batch_size=8,
                                      image_size=6)))["image"]
    self.assertAllEqual(small, full[:, 5:11, 5:11])
    with self.assertRaisesRegex(ValueError, "--image_size=17"):
      crop(full, 17)

  def test_rotation_by_any_angle_turns_the_whole_image(self):
    plain = {row: image for b in self.take(8, dihedral=False)
             for row, image in zip(b["row"], b["image"])}
    turned = self.take(2, augment=rotate_any_angle, dihedral=False)
    again = self.take(2, augment=rotate_any_angle, dihedral=False)
    self.assertAllEqual(turned[0]["image"], again[0]["image"])
    for row, image in zip(turned[0]["row"], turned[0]["image"]):
      self.assertNotAllClose(image, plain[row], atol=0.01)
      # A round source keeps its flux under rotation.
      self.assertAllClose(image.sum(), plain[row].sum(), rtol=0.1, atol=10.0)


class FromMemoryTest(FromShardsTest):
  """The same tests for images that are read once and kept in memory."""

  memory_bytes = 1 << 30


class DamagedDatasetTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.data = make_dataset(self.folder, num=200, shard_size_mb=0.2)

  def path(self, number):
    return os.path.join(self.folder, self.data.manifest.split_shards("train")[number].name)

  def read_all(self):
    keep = train_mask(self.data)
    return list(ordered_batches(self.data, "train", keep=keep, labels=None, batch_size=32,
                                image_size=SIZE))

  def test_cut_between_records_is_found(self):
    records = list(tf.data.TFRecordDataset(self.path(0)).as_numpy_iterator())
    with tf.io.TFRecordWriter(self.path(0)) as writer:
      for record in records[:-1]:
        writer.write(record)
    with self.assertRaisesRegex(ValueError, "the manifest says"):
      Dataset.open(self.folder)
    with self.assertRaises(tf.errors.OpError):  # the count alone shows it, too
      self.read_all()

  def test_swapped_shards_are_found(self):
    first, second = self.path(0), self.path(1)
    os.rename(first, first + ".x")
    os.rename(second, first)
    os.rename(first + ".x", second)
    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "not in the same order"):
      self.read_all()

  def test_flipped_bit_is_found(self):
    with open(self.path(0), "r+b") as file:
      file.seek(2000)
      byte = file.read(1)
      file.seek(2000)
      file.write(bytes([byte[0] ^ 1]))
    with self.assertRaises(tf.errors.DataLossError):
      self.read_all()

  def test_missing_shard_and_manifest(self):
    os.remove(self.path(1))
    with self.assertRaisesRegex(FileNotFoundError, "is missing; convert"):
      Dataset.open(self.folder)
    os.remove(os.path.join(self.folder, "manifest.json"))
    with self.assertRaisesRegex(FileNotFoundError, "make_tfrecords"):
      Dataset.open(self.folder)

  def test_wrong_survey(self):
    with self.assertRaisesRegex(ValueError, "cfhtls"):
      self.data.check_survey(CFHTLS_WIDE)


class DihedralTest(tf.test.TestCase, parameterized.TestCase):

  def test_agrees_with_numpy(self):
    images = np.random.default_rng(0).normal(size=(8, 5, 5, 2)).astype(np.float32)
    turned = tf.function(dihedral, jit_compile=True)(images, tf.range(8))
    for element in range(8):
      self.assertAllEqual(turned[element], dihedral_numpy(images[element], element))
      self.assertAllEqual(dihedral_view(images, element)[element], turned[element])

  def test_the_elements_are_the_group(self):
    """All 8 differ, and any two in succession give one of them."""
    image = np.arange(9.0).reshape(3, 3, 1)
    views = [dihedral_numpy(image, element).tobytes() for element in range(8)]
    self.assertLen(set(views), 8)
    for a in range(8):
      for b in range(8):
        self.assertIn(dihedral_numpy(dihedral_numpy(image, a), b).tobytes(), views)


if __name__ == "__main__":
  tf.test.main()
