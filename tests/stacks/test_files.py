"""Keras 3 reads the files of Keras 2 and vice versa: files of both are in this folder."""

import os

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.bias.soft_labels import LabelModel
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.pipeline import ordered_batches
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.training.checkpoints import load_weights, named_weights
from tests.small_data import make_dataset
from tests.stacks import example
from tests.stacks.write_files import FOLDER

WRITERS = ("keras2", "keras3")


@parameterized.parameters(*WRITERS)
class FilesTest(tf.test.TestCase, parameterized.TestCase):

  def test_weights(self, writer):
    expected = example.Training()
    expected.train(example.STEPS)
    net = example.network()
    load_weights(net, os.path.join(FOLDER, writer, "weights.h5"))
    for (name, loaded), (_, wanted) in zip(named_weights(net), named_weights(expected.network)):
      self.assertAllClose(loaded, wanted, rtol=1e-5, atol=1e-6, msg=name)

  def test_training_goes_on(self, writer):
    """With weights, step and optimizer state restored, the next steps are the same."""
    expected, resumed = example.Training(), example.Training()
    expected.train(example.STEPS + 4)
    path = tf.train.latest_checkpoint(os.path.join(FOLDER, writer, "checkpoints"))
    resumed.state.restore(path).assert_consumed()
    self.assertEqual(int(resumed.step), example.STEPS)
    resumed.train(4)
    for (name, loaded), (_, wanted) in zip(named_weights(resumed.network),
                                           named_weights(expected.network)):
      self.assertAllClose(loaded, wanted, rtol=1e-5, atol=1e-6, msg=name)

  def test_label_model(self, writer):
    model = LabelModel.load(os.path.join(FOLDER, writer, "label_model.npz"), example.SURVEY)
    z_spec, _, r_mag = example.catalog()
    self.assertAllClose(model.targets(z_spec, r_mag), example.label_model().targets(z_spec, r_mag))

  def test_calibration(self, writer):
    calibration = Calibration.load(os.path.join(FOLDER, writer, "calibration.json"), example.SURVEY)
    _, z_photo, r_mag = example.catalog()
    self.assertAllClose(calibration.apply(z_photo, r_mag),
                        example.calibration().apply(z_photo, r_mag))

  def test_predictions(self, writer):
    loaded = Predictions.load(os.path.join(FOLDER, writer, "predictions.hdf5"))
    expected = example.predictions()
    self.assertAllClose(loaded.pdf, expected.pdf)
    self.assertContainsSubset({"id", "redshift", "r_mag", "zmode", "zmean", "zmedian"},
                              loaded.ancil)
    for name, column in loaded.ancil.items():  # later versions write more columns
      if column.dtype.kind == "U":
        self.assertAllEqual(expected.ancil[name], column)
      else:
        self.assertAllClose(expected.ancil[name], column)

  def test_data_set(self, writer):
    data = Dataset.open(os.path.join(FOLDER, writer, "data"))
    own = make_dataset(os.path.join(self.create_tempdir().full_path, "data"), num=8)
    self.assertEqual([(shard.name, shard.sha256) for shard in data.manifest.shards],
                     [(shard.name, shard.sha256) for shard in own.manifest.shards])
    keep = data.column("split") == "train"
    batch = next(iter(ordered_batches(data, "train", keep=keep, labels=None, batch_size=8,
                                      image_size=16)))
    self.assertAllEqual(batch["row"], np.flatnonzero(keep))


if __name__ == "__main__":
  tf.test.main()
