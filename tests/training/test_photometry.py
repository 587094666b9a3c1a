"""Stages on photometry: what they learn, share and refuse, and that they resume bit by bit."""

import dataclasses
import os
import tempfile

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.bias.balance import balanced_subset, threshold_that_keeps
from pzbias_tf.metrics.point import sigma_mad
from pzbias_tf.predictions.domain import FLAGS, TrainingDomain
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import SDSS
from pzbias_tf.training.config import load_config
from pzbias_tf.training.stages import photometry_schedule
from tests import small_runs
from tests.small_data import make_dataset
from tests.small_photometry import make_photometry, make_table
from tests.small_runs import request, weights
from tests.training import stopped_runs

OF_PHOTOMETRY = {"net": None, "input_scaling": None}


class StagesTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    table = make_table(600)
    table["u"][::9] = -99.0
    cls.data = make_photometry(os.path.join(cls.folder, "data"), table, missing_magnitudes="limit",
                               extra_columns=("mag_J",))

  def train(self, number, *, data_dir="", predict=True, **settings):
    """Trains a stage; returns its folder."""
    return small_runs.train(request(
        number, data_dir or self.data.folder, os.path.join(self.folder, "runs"),
        **{**OF_PHOTOMETRY, **settings}), predict=predict)

  def test_the_whole_chain(self):
    settings = dict(experiment="chain", iterations=150, batch_size=64)
    stages = [self.train(number, **settings) for number in range(4)]
    one = load_config(stages[1])[0]
    self.assertEqual((one.net, one.image_size, one.augment), (6, 0, "none"))
    self.assertEqual(one.extra_columns.names, ("mag_J",))
    magnitudes, _ = self.data.photometry()
    train = self.data.column("split") == "train"
    self.assertAllClose(one.photometry.limits, np.nanmax(magnitudes[train], 0), rtol=1e-6)
    self.assertTrue(one.photometry.with_errors and one.photometry.with_missing)
    for stage in stages:
      self.assertEqual(load_config(stage)[0].photometry, one.photometry)
      test = Predictions.load(os.path.join(stage, "predictions_test.hdf5"))
      scatter = sigma_mad(test.z_spec, test.z_photo)
      self.assertLess(scatter, 0.5 * sigma_mad(test.z_spec, np.roll(test.z_spec, 1)), stage)
      self.assertLess(np.mean(test.ancil["flags"] > 0), 0.1)
    frozen, trained, extended = (weights(stage) for stage in stages[1:])
    for name, values in frozen.items():
      if name.startswith("representation"):
        self.assertAllEqual(values, trained[name])
        self.assertAllEqual(values, extended[name])
    (features,) = (os.path.join(root, "features.npy") for root, _, names in os.walk(stages[1])
                   if "features.npy" in names)
    self.assertEqual(np.load(features, mmap_mode="r").shape, (len(self.data.catalog), 1, 512))

  def test_cached_features_train_as_the_whole_network_does(self):
    self.train(1, experiment="cached", predict=False)
    one = os.path.join(self.folder, "runs", "cached", "step1")
    cached = weights(self.train(2, experiment="cached", predict=False))
    whole = weights(self.train(2, experiment="whole", init_from=one, cache_features=False,
                               predict=False))
    for name, values in cached.items():
      self.assertAllClose(values, whole[name], atol=1e-5, msg=name)

  def test_ranges_of_magnitude_and_colour(self):
    stage = self.train(0, experiment="domain")
    domain = TrainingDomain.load(os.path.join(stage, "domain.json"))
    train = self.data.column("split") == "train"
    colours = -np.diff(self.data.photometry()[0][train], axis=1)
    for ends, colour in zip(domain.colours, colours.T):
      colour = colour[np.isfinite(colour)]
      self.assertAllClose(ends, np.quantile(colour, [0.0005, 0.9995]), atol=1e-5)
    pdf, typical = np.full((4, 180), 1 / 180), np.nanmedian(self.data.photometry()[0], axis=0)
    magnitudes = np.stack([typical] * 4)
    magnitudes[1, 1] += 3.0
    magnitudes[2, 0] = np.nan
    r_mag = np.array([16.0, 16.0, 16.0, 25.0])
    flags = domain.flags(r_mag, {"magnitudes": magnitudes}, pdf)
    self.assertAllEqual(flags & ~FLAGS["other input"], [0, 2, 0, 1])
    self.assertTrue(flags[3] & FLAGS["other input"])  # r is far from the magnitude in its band
    self.assertCountEqual(domain.input, ["magnitudes", "errors", "depth", "r_offset", "ebv"])

  @parameterized.parameters(
      (dict(net=5), r"--net=5 \(Net_Q\) takes images, and this is photometry; leave --net out"),
      (dict(augment="rotate"), "--augment=rotate: for images"),
      (dict(image_size=32), "--image_size=32: for images"),
      (dict(input_scaling="sqrt_whitened"), "--input_scaling=sqrt_whitened: for images"),
      (dict(data_service="grpc://x:1"), "--data_service=grpc://x:1: for images"))
  def test_flags_of_images_are_refused(self, settings, message):
    with self.assertRaisesRegex(ValueError, message):
      self.train(0, experiment="refused", **settings)

  def test_net_c_on_images_is_refused(self):
    images = make_dataset(os.path.join(self.folder, "images"), num=20)
    with self.assertRaisesRegex(ValueError, r"--net=6 \(Net_C\) takes photometry, and these are "
                                "images; .*--magnitude_columns"):
      self.train(0, data_dir=images.folder, net=6)

  def test_the_default_schedule_follows_from_the_number_of_galaxies(self):
    config = load_config(self.train(1, experiment="defaults", iterations=5, batch_size=None,
                                    learning_rate=None, predict=False))[0]
    wanted = photometry_schedule(self.data.manifest.records("train"))["step1"]
    self.assertEqual((config.batch_size, config.learning_rate, list(config.lr_drops)),
                     (wanted["batch_size"], wanted["learning_rate"], wanted["lr_drops"]))
    few, many = (photometry_schedule(number)["step1"]["iterations"] for number in (1e4, 3e5))
    self.assertLess(few, many)

  def test_the_default_threshold_keeps_a_share(self):
    rng = np.random.default_rng(0)
    z_spec, r_mag = rng.beta(2, 6, 5000) * 0.4, 18.0 - rng.exponential(1.0, 5000).clip(0, 5)
    threshold = threshold_that_keeps(z_spec, r_mag, SDSS, share=0.6)
    kept = [len(balanced_subset(z_spec, r_mag, SDSS, threshold=t, experiment=1, seed=0)) / 5000
            for t in (threshold - 1, threshold)]
    self.assertLess(kept[0], 0.6)
    self.assertGreaterEqual(kept[1], 0.6)
    few = dataclasses.replace(SDSS, balance_threshold=2)
    self.assertEqual(threshold_that_keeps(z_spec, r_mag, few, share=0.99), 2)


class ResumedTest(stopped_runs.StoppedRunsTest, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    make_photometry(os.path.join(cls.folder, "data"))

  @parameterized.parameters(1, 2)
  def test_a_run_that_is_stopped_ends_with_the_same_weights(self, devices):
    settings = {**OF_PHOTOMETRY, "iterations": 40, "num_devices": devices}
    whole = weights(self.train(f"whole{devices}", **settings))
    self.stop(f"cut{devices}", at=20, **settings)
    for name, values in weights(self.train(f"cut{devices}", **settings)).items():
      self.assertAllEqual(values, whole[name])


if __name__ == "__main__":
  tf.test.main()
