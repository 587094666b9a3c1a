"""Cached features: those of the network, computed once, shared, never stale, safe when killed."""

import dataclasses
import os
import tempfile
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.data.augment import DIHEDRAL_ELEMENTS, dihedral
from pzbias_tf.data.draw_order import drawn_pairs
from pzbias_tf.data.flux import InputScaling
from pzbias_tf.data.pipeline import ordered_batches
from pzbias_tf.models import build_network
from pzbias_tf.survey import SDSS
from pzbias_tf.training import features, training_sample
from pzbias_tf.training.checkpoints import file_digest
from pzbias_tf.training.feature_cache import FEATURES_NAME, FILLED_NAME, SUMS_NAME, FeatureCache
from tests import small_runs
from tests.small_data import SIZE, make_dataset
from tests.small_runs import request, small_config, weights


class Killed(Exception):
  """Stands for the end of the process."""


class CacheTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    tf.keras.utils.set_random_seed(1)
    cls.data = make_dataset(tempfile.mkdtemp(), num=200)
    cls.representation = build_network(
        5, SDSS, multi_output=True, image_size=SIZE).get_layer("representation")

  def setUp(self):
    super().setUp()
    self.enter_context(mock.patch.object(features, "CHUNK", 16))
    self.enter_context(mock.patch.object(features, "COMMIT_EVERY", 2))
    self.folder = self.create_tempdir().full_path
    train = self.data.column("split") == "train"
    chosen = np.random.default_rng(0).random([len(train), DIHEDRAL_ELEMENTS]) < 0.3
    self.pairs = chosen & train[:, np.newaxis]

  def cached(self, pairs=None, *, folder=None, dtype="float32"):
    return features.cached_features(
        self.representation, self.data, "train", self.pairs if pairs is None else pairs,
        folder=folder or self.folder, dtype=dtype)

  def computed(self):
    """Counts the pairs that are computed from here on."""
    self.count = 0
    put = FeatureCache.put

    def counting(cache, records, views, values):
      self.count += len(records)
      put(cache, records, views, values)

    self.enter_context(mock.patch.object(FeatureCache, "put", counting))

  @parameterized.parameters(("float32", 1e-5), ("float16", 1e-3))
  def test_they_are_those_of_the_network(self, dtype, tolerance):
    cached = self.cached(dtype=dtype)
    self.assertEqual(cached.dtype, dtype)
    keep = self.data.column("split") == "train"
    for batch in ordered_batches(self.data, "train", keep=keep, labels=None, batch_size=500,
                                 image_size=SIZE):
      rows = batch["row"].numpy()
      for view in range(DIHEDRAL_ELEMENTS):
        image = dihedral(batch["image"], tf.fill([len(rows)], view))
        expected = self.representation({"image": image, "ebv": batch["ebv"]}).numpy()
        wanted = self.pairs[rows, view]
        self.assertAllClose(cached[rows[wanted], view], expected[wanted], rtol=tolerance,
                            atol=tolerance)

  def test_existing_features_are_not_computed_again(self):
    self.computed()
    self.cached()
    self.assertEqual(self.count, self.pairs.sum())
    more = self.pairs | np.roll(self.pairs, 1, axis=1)
    self.cached(more)
    self.assertEqual(self.count, more.sum())
    self.cached()
    self.assertEqual(self.count, more.sum())

  def test_killed_while_filling(self):
    """What was flushed is kept, the rest is computed; the bits are those of an undisturbed fill."""
    put, calls = FeatureCache.put, iter(range(100))

    def dying(cache, *values):
      if next(calls) == 5:
        raise Killed
      put(cache, *values)

    with mock.patch.object(FeatureCache, "put", dying), self.assertRaises(Killed):
      self.cached()
    self.assertEqual(np.load(os.path.join(self.folder, FILLED_NAME)).sum(), 4 * 16)
    self.computed()
    resumed = self.cached()
    self.assertEqual(self.count, self.pairs.sum() - 4 * 16)
    undisturbed = self.cached(folder=self.create_tempdir().full_path)
    self.assertAllEqual(resumed[self.pairs], undisturbed[self.pairs])

  @parameterized.parameters((5, 16), (2, 16), (0, 128))
  def test_bytes_do_not_depend_on_what_was_filled_before(self, net, chunk):
    """A pair's batch then holds other pairs, at other places."""
    self.enter_context(mock.patch.object(features, "CHUNK", chunk))
    network = build_network(net, SDSS, multi_output=True, image_size=SIZE,
                            input_scaling=InputScaling("sqrt_whitened", np.eye(5).tolist()))
    self.representation = network.get_layer("representation")
    at_once = self.cached()
    other = self.create_tempdir().full_path
    for part in (np.roll(self.pairs, 3, axis=0) & self.pairs.any(axis=1)[:, np.newaxis],
                 self.pairs & (np.arange(len(self.pairs)) % 3 == 1)[:, np.newaxis]):
      self.assertBetween(np.sum(part & self.pairs), 1, self.pairs.sum() - 1)
      self.cached(part, folder=other)
    in_parts = self.cached(folder=other)
    self.assertEqual(at_once[self.pairs].tobytes(), in_parts[self.pairs].tobytes())

  @parameterized.parameters((0, 0), (100, 3), (1000, 7))
  def test_damaged_features_are_computed_again(self, place, bit):
    expected = np.array(self.cached())
    row, view = np.argwhere(self.pairs)[5]
    path = os.path.join(self.folder, FEATURES_NAME)
    features_on_disk = np.load(path, mmap_mode="r+")
    features_on_disk[row, view].view(np.uint8)[place] ^= 1 << bit
    features_on_disk.flush()
    self.computed()
    with self.assertLogs("absl", "WARNING") as logs:
      again = self.cached()
    self.assertIn("the features of 1 pairs of galaxy and view have changed on disk", logs.output[0])
    self.assertEqual(self.count, 1)
    self.assertEqual(again[self.pairs].tobytes(), expected[self.pairs].tobytes())

  def test_features_without_sums_are_kept(self):
    self.cached()
    os.remove(os.path.join(self.folder, SUMS_NAME))  # older versions wrote none
    self.computed()
    self.cached()
    self.assertEqual(self.count, 0)

  def test_marks_follow_the_features(self):
    cache = FeatureCache(self.folder, records=3, size=2, dtype="float32")
    cache.put(np.array([1]), np.array([4]), np.ones([1, 2]))
    self.assertFalse(cache.filled.any())
    with mock.patch.object(np.memmap, "flush", side_effect=Killed), self.assertRaises(Killed):
      cache.commit()
    self.assertFalse(cache.filled.any())
    cache.commit()
    self.assertAllEqual(np.argwhere(cache.filled), [[1, 4]])
    os.remove(os.path.join(self.folder, FEATURES_NAME))
    self.assertFalse(FeatureCache(self.folder, records=3, size=2, dtype="float32").filled.any())

  def test_files_that_do_not_fit_are_refused(self):
    FeatureCache(self.folder, records=3, size=2, dtype="float32")
    with self.assertRaisesRegex(ValueError, r"holds float32 \(3, 8, 2\) instead of"):
      FeatureCache(self.folder, records=4, size=2, dtype="float32")
    os.truncate(os.path.join(self.folder, FEATURES_NAME), 150)
    with self.assertRaisesRegex(ValueError, "is damaged.*delete its folder"):
      FeatureCache(self.folder, records=3, size=2, dtype="float32")

  def test_features_that_float16_cannot_hold(self):
    cache = FeatureCache(self.folder, records=3, size=1, dtype="float16")
    with self.assertRaisesRegex(ValueError, "70000.*--feature_dtype=float32"):
      cache.put(np.array([1]), np.array([4]), np.array([[70_000.0]]))

  def test_full_disk_is_foreseen(self):
    with mock.patch.object(features.shutil, "disk_usage") as usage:
      usage.return_value.free = 1000
      with self.assertRaisesRegex(OSError, "need 0.. GB.*--feature_dtype=float16"):
        self.cached()

  def test_digest_tells_what_decides_the_features(self):
    config = small_config(stage="step2", init_weights_digest="a", data_digest="b")
    digest = lambda **changes: features.features_digest(
        dataclasses.replace(config, **changes), self.representation)
    for same in ({"fth": 7}, {"stage": "step3"}, {"ne": 2}, {"batch_size": 3}):
      self.assertEqual(digest(**same), digest())
    matrix = InputScaling("sqrt_whitened", ((1.0,),))
    for other in ({"init_weights_digest": "c"}, {"data_digest": "c"}, {"image_size": 15},
                  {"feature_dtype": "float16"}, {"input_scaling": matrix}):
      self.assertNotEqual(digest(**other), digest())

  @parameterized.parameters((40, True), (40, False), (2, True))
  def test_drawn_pairs_are_those_of_the_batches(self, num, turned):
    order = {"batch_size": 16, "seed": 3, "dihedral": turned}
    rows = np.flatnonzero(self.data.column("split") == "train")[:num]
    # Features that tell their row and view.
    told = np.stack(np.broadcast_arrays(
        np.arange(len(self.pairs))[:, np.newaxis], np.arange(DIHEDRAL_ELEMENTS)), -1)
    labels = training_sample.make_labels(self.data, SDSS)
    batches = features.feature_batches(told.astype(np.float32), rows, labels, **order)
    seen = np.zeros_like(self.pairs)
    for batch in batches.take(9):
      row, view = batch["features"].numpy().astype(int).T
      seen[row, view] = True
      self.assertAllEqual(batch["redshift_bin"], labels.redshift_bin[row])
      self.assertAllEqual(batch["magnitude_row"], labels.magnitude_row[row])
    self.assertAllEqual(drawn_pairs(num, steps=9, **order), seen[rows])
    self.assertEqual(seen.sum(), drawn_pairs(num, steps=9, **order).sum())


class StagesOnFeaturesTest(tf.test.TestCase):
  """Steps 2 and 3 on the cache, against the whole network."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    cls.data = make_dataset(os.path.join(cls.folder, "data"), num=400)
    cls.step1 = cls.train(1)

  @classmethod
  def train(cls, number, **settings):
    """Trains a stage; Step 2 alone predicts, for the next one."""
    return small_runs.train(request(number, os.path.join(cls.folder, "data"),
                                    os.path.join(cls.folder, "runs"), **settings),
                            predict=number == 2)

  def test_as_the_whole_network_does(self):
    """And float16 features come close."""
    settings = {"iterations": 40, "init_from": self.step1}
    for number in (2, 3):
      whole, cached, half = (weights(self.train(number, experiment=name, **settings, **how))
                             for name, how in (("whole", {"cache_features": False}), ("cached", {}),
                                               ("half", {"feature_dtype": "float16"})))
      start = weights(self.step1)
      for name in (name for name in whole if "/redshift/" in name):
        self.assertAllClose(cached[name], whole[name], rtol=1e-4, atol=1e-4 * whole[name].std())
        if number == 2:  # the agreement means little unless the weights have moved
          self.assertNotAllClose(start[name], whole[name], atol=1e-2 * whole[name].std())
        self.assertAllClose(half[name], whole[name], atol=0.05 * whole[name].std())

  def test_variants_share_features_of_the_same_weights(self):
    step1 = self.train(1, experiment="shared")
    for number in (2, 3):
      self.train(number, experiment="shared")
    (cache,) = os.listdir(os.path.join(step1, "features"))
    filled = np.load(os.path.join(step1, "features", cache, FILLED_NAME), mmap_mode="r")
    before = filled.sum()
    with mock.patch.object(FeatureCache, "put", side_effect=Killed):  # nothing new is computed
      self.train(3, experiment="hard", init_from=step1, softlabel=False)
      self.train(2, experiment="fast", init_from=step1, learning_rate=2e-3)
    self.train(2, experiment="threshold", init_from=step1, fth=1)
    self.assertEqual(os.listdir(os.path.join(step1, "features")), [cache])
    self.assertGreater(filled.sum(), before)

  def test_other_weights_in_the_same_place(self):
    """Step 1 is trained again: its old features still exist, and are not used."""
    one = self.train(1, experiment="stale")
    digest = file_digest(os.path.join(one, "checkpoints", "weights.h5"))
    self.train(2, experiment="stale")
    tf.io.gfile.rename(os.path.join(one, "features"), os.path.join(self.folder, "features"))
    tf.io.gfile.rmtree(os.path.join(self.folder, "runs", "stale"))
    two = self.train(1, experiment="stale", iterations=15)
    tf.io.gfile.rename(os.path.join(self.folder, "features"), os.path.join(two, "features"))
    self.assertNotEqual(file_digest(os.path.join(two, "checkpoints", "weights.h5")), digest)
    with mock.patch.object(FeatureCache, "put", autospec=True, side_effect=FeatureCache.put) as put:
      self.train(2, experiment="stale")
    self.assertGreater(put.call_count, 0)
    self.assertLen(os.listdir(os.path.join(two, "features")), 2)


if __name__ == "__main__":
  tf.test.main()
