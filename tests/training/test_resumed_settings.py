"""A stage that is trained again with other settings is refused, and both values are told."""

import os
import shutil

from absl.testing import parameterized
import tensorflow as tf

from tests.eval.small_run import small_run
from tests.small_data import make_dataset
from tests.small_runs import SMALL_SDSS, request, train

OTHER = {
    "seed": 7, "batch_size": 8, "iterations": 20, "learning_rate": 1e-2, "fth": 3, "ne": 2,
    "errl": 0.01, "midreduce": True, "nsub": 20, "augment": "none", "optimizer": "sgd",
    "warmup": 3, "input_scaling": "sqrt", "image_size": 8, "net": 1,
    "survey": SMALL_SDSS.with_bins(90),
    "cache_features": False, "feature_dtype": "float16"}


class ResumedSettingsTest(tf.test.TestCase, parameterized.TestCase):

  def again(self, number, **changes):
    folder = self.create_tempdir().full_path
    run = os.path.join(folder, "mine")
    shutil.copytree(small_run().run, run)
    return train(request(number, small_run().data, folder, experiment="mine", **changes))

  def test_the_same_settings_change_nothing(self):
    stage = self.again(1)
    weights = os.path.join(stage, "checkpoints", "weights.h5")
    own = os.path.join(small_run().stage("step1"), "checkpoints", "weights.h5")
    with open(weights, "rb") as found, open(own, "rb") as expected:
      self.assertEqual(found.read(), expected.read())

  @parameterized.parameters(*OTHER)
  def test_other_settings_are_refused(self, name):
    number = 2 if name in ("fth", "cache_features", "feature_dtype") else 1
    with self.assertRaisesRegex(ValueError, "other settings:|made with|another grid|trained"):
      self.again(number, **{name: OTHER[name]})

  def test_another_data_set_is_refused(self):
    data = os.path.join(self.create_tempdir().full_path, "other")
    make_dataset(data, num=500, seed=9)
    folder = self.create_tempdir().full_path
    shutil.copytree(small_run().run, os.path.join(folder, "mine"))
    with self.assertRaisesRegex(ValueError, "other settings:\n.*data_digest: "):
      train(request(0, data, folder, experiment="mine"))


if __name__ == "__main__":
  tf.test.main()
