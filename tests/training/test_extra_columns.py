"""Stages whose network takes extra columns: what they learn from, share, and refuse."""

import dataclasses
import os
import tempfile

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.data.augment import DIHEDRAL_ELEMENTS, dihedral
from pzbias_tf.data.extra_columns import ExtraColumns
from pzbias_tf.data.pipeline import ordered_batches
from pzbias_tf.metrics.point import sigma_mad
from pzbias_tf.models.network import network_inputs
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.training import features
from pzbias_tf.training.config import load_config
from pzbias_tf.training.one_stage import make_network
from tests import small_runs
from tests.small_data import SIZE, make_dataset
from tests.small_runs import request, small_config, weights
from tests.training import stopped_runs

NUM = 400


def make_data(folder):
  """Images that tell nothing of redshift, one column that does, and two that do not."""
  rng = np.random.default_rng(7)
  z_spec = rng.uniform(0.02, 0.38, NUM)
  return make_dataset(folder, num=NUM, columns={"z_spec": z_spec}, extra={
      "mag_J": 18.0 + 5.0 * z_spec + rng.normal(0.0, 0.02, NUM),
      "mag_H": rng.uniform(17.0, 21.0, NUM), "survey_depth": np.full(NUM, 24.5)})


class StagesTest(tf.test.TestCase, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    cls.data_dir = os.path.join(cls.folder, "data")
    cls.data = make_data(cls.data_dir)

  def train(self, number, names=("mag_J", "mag_H"), *, data_dir="", predict=False, **settings):
    """Trains a stage; returns its folder."""
    return small_runs.train(request(
        number, data_dir or self.data_dir, os.path.join(self.folder, "runs"),
        extra_columns=None if names is None else list(names), **settings), predict=predict)

  def sigma(self, stage):
    test = Predictions.load(os.path.join(stage, "predictions_test.hdf5"))
    return sigma_mad(test.z_spec, test.z_photo)

  def test_a_network_learns_from_an_informative_column(self):
    settings = dict(iterations=250, batch_size=32, learning_rate=2e-3, predict=True)
    with_column = self.sigma(self.train(1, ["mag_J"], **settings))
    without = self.sigma(self.train(1, [], **settings))
    self.assertLess(with_column, 0.5 * without)

  def test_standardised_over_the_stages_own_training_galaxies(self):
    stage = self.train(1, nsub=50, experiment="few")
    columns = load_config(stage)[0].extra_columns
    kept = self.data.extra(("mag_J", "mag_H"))[self.data.column("split") == "train"]
    self.assertEqual(columns.names, ("mag_J", "mag_H"))
    self.assertNotAllClose(columns.mean, kept.mean(0, np.float64), rtol=1e-6)
    whole = load_config(self.train(0, experiment="all"))[0].extra_columns
    self.assertAllClose(whole.mean, kept.mean(0, np.float64), rtol=1e-9)
    self.assertAllClose(whole.deviation, kept.astype(np.float64).std(0), rtol=1e-9)
    self.assertEqual(whole, load_config(self.train(1, experiment="all"))[0].extra_columns)

  def test_all_columns_are_the_default(self):
    with self.assertRaisesRegex(ValueError, "extra column survey_depth has the same value"):
      self.train(1, None, experiment="default")

  def test_later_stages_take_those_of_step_1(self):
    one = load_config(self.train(1, experiment="steps"))[0].extra_columns
    for stage in (self.train(2, None, experiment="steps", predict=True),
                  self.train(3, None, experiment="steps"),
                  self.train(2, None, experiment="steps_whole", cache_features=False,
                             init_from=os.path.join(self.folder, "runs", "steps", "step1"))):
      self.assertEqual(load_config(stage)[0].extra_columns, one)
    cached, whole = (weights(os.path.join(self.folder, "runs", run, "step2"))
                     for run in ("steps", "steps_whole"))
    for name, values in cached.items():
      self.assertAllClose(values, whole[name], atol=1e-5, msg=name)
    with self.assertRaisesRegex(ValueError, "steps/step1 was trained with --extra_columns=mag_J,"
                                "mag_H, not mag_J; leave the flag out"):
      self.train(2, ["mag_J"], experiment="steps")

  def test_other_columns_in_the_same_run_are_refused(self):
    self.train(0, experiment="same", predict=True)
    self.train(0, experiment="same", predict=True)  # the same ones are not
    for names in (["mag_J"], [], ["mag_H", "mag_J"]):
      with self.assertRaisesRegex(ValueError, r"(?s)other settings:.*extra_columns.names: "
                                  r"\['mag_J', 'mag_H'\] before.*--experiment"):
        self.train(0, names, experiment="same")
    with self.assertRaisesRegex(ValueError, "trained with --extra_columns=mag_J,mag_H, not mag_J"):
      self.train(0, ["mag_J"], experiment="same", testphase=True)
    self.train(0, None, experiment="same", predict=True, testphase=True)

  def test_columns_that_the_data_set_lacks(self):
    with self.assertRaisesRegex(ValueError, "no extra column mag_K; it has mag_J, mag_H, survey_d"):
      self.train(0, ["mag_K"])

  def test_runs_without_extra_columns_are_those_of_data_without(self):
    """The same weights, to the last bit."""
    plain = os.path.join(self.folder, "plain")
    make_dataset(plain, num=NUM, columns={"z_spec": self.z_spec()})
    one = weights(self.train(0, []))
    other = weights(self.train(0, None, data_dir=plain, experiment="plain"))
    self.assertCountEqual(one, other)
    for name, values in one.items():
      self.assertAllEqual(values, other[name])

  def z_spec(self):
    return np.random.default_rng(7).uniform(0.02, 0.38, NUM)

  def test_settings_of_runs_before_there_were_extra_columns(self):
    config = small_config()
    settings = config.settings()
    del settings["extra_columns"]
    self.assertEqual(type(config).from_settings(settings, origin="old"), config)


class ResumedTest(stopped_runs.StoppedRunsTest, parameterized.TestCase):

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = tempfile.mkdtemp()
    make_data(os.path.join(cls.folder, "data"))

  @parameterized.parameters(1, 2)
  def test_a_run_that_is_stopped_ends_with_the_same_weights(self, devices):
    settings = {"extra_columns": ["mag_J", "mag_H"], "iterations": 40, "num_devices": devices}
    whole = weights(self.train(f"whole{devices}", **settings))
    self.stop(f"cut{devices}", at=20, **settings)
    for name, values in weights(self.train(f"cut{devices}", **settings)).items():
      self.assertAllEqual(values, whole[name])


class FeaturesTest(tf.test.TestCase):

  def test_cached_features_are_those_of_each_galaxys_own_values(self):
    data = make_data(tempfile.mkdtemp())
    columns = ExtraColumns.fit(("mag_H", "mag_J"), data.extra(("mag_H", "mag_J")))
    representation = make_network(small_config(extra_columns=columns)).get_layer("representation")
    train = data.column("split") == "train"
    pairs = train[:, np.newaxis] & (np.random.default_rng(0).random([len(train), 8]) < 0.3)
    cached = features.cached_features(representation, data, "train", pairs,
                                      folder=self.create_tempdir().full_path, dtype="float32")
    (batch,) = ordered_batches(data, "train", keep=train, labels=None, batch_size=NUM,
                               image_size=SIZE, extra_columns=("mag_H", "mag_J"))
    for view in range(DIHEDRAL_ELEMENTS):
      image = dihedral(batch["image"], tf.fill([len(batch["row"])], view))
      expected = representation(network_inputs({**batch, "image": image})).numpy()
      wanted = pairs[batch["row"].numpy(), view]
      self.assertAllClose(cached[batch["row"].numpy()[wanted], view], expected[wanted],
                          rtol=1e-5, atol=1e-5)

  def test_the_digest_tells_columns_and_their_scale(self):
    columns = ExtraColumns(("a", "b"), (1.0, 2.0), (3.0, 4.0))
    plain = small_config(stage="step2")
    representation = make_network(plain).get_layer("representation")
    digests = {features.features_digest(dataclasses.replace(plain, extra_columns=other),
                                        representation) for other in (
        ExtraColumns(), columns, dataclasses.replace(columns, names=("b", "a")),
        dataclasses.replace(columns, mean=(1.0, 2.5)),
        dataclasses.replace(columns, deviation=(3.0, 5.0)))}
    self.assertLen(digests, 5)
    self.assertIn("297cd0d7e30f12ae", digests)


if __name__ == "__main__":
  tf.test.main()
