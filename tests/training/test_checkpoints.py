"""Weights files: by name, strict, readable by h5py alone."""

import os

import h5py
import numpy as np
import tensorflow as tf

from pzbias_tf.models import build_network
from pzbias_tf.models.output_module import REDSHIFT_LAYER
from pzbias_tf.survey import SDSS
from pzbias_tf.training.checkpoints import load_weights, named_weights, save_weights


def network(extended=False, net=5, size=8):
  return build_network(net, SDSS, multi_output=True, extended=extended, image_size=size)


class CheckpointsTest(tf.test.TestCase):

  def setUp(self):
    super().setUp()
    self.path = os.path.join(self.create_tempdir().full_path, "weights.h5")

  def test_round_trip(self):
    one, two = network(), network()
    save_weights(one, self.path)
    load_weights(two, self.path)
    for (name, a), (other, b) in zip(named_weights(one), named_weights(two)):
      self.assertEqual(name, other)
      self.assertAllEqual(a, b)

  def test_every_weight_has_its_own_plain_name(self):
    net = network()
    names = [name for name, _ in named_weights(net)]
    self.assertLen(set(names), len(net.weights))
    self.assertIn("representation/conv1/kernel", names)
    self.assertIn("output_module/redshift/bias", names)
    save_weights(net, self.path)
    with h5py.File(self.path) as file:
      self.assertEqual(file["representation/conv1/kernel"].shape, (4, 4, 5, 32))

  def test_skipped_layers_keep_their_values(self):
    save_weights(network(), self.path)
    wide = network(extended=True)
    before = {name: v.numpy() for name, v in named_weights(wide)}
    load_weights(wide, self.path, skip=(REDSHIFT_LAYER,))
    for name, variable in named_weights(wide):
      same = np.array_equal(before[name], variable.numpy())
      # Biases and slopes start at the same constants in both networks.
      self.assertEqual(same, "/redshift/" in name or not name.endswith("kernel"), name)

  def test_mismatches_are_named(self):
    save_weights(network(), self.path)
    with self.assertRaisesRegex(ValueError, "redshift/kernel has shape.*--bins"):
      load_weights(network(extended=True), self.path)
    save_weights(network(net=2), self.path)
    with self.assertRaisesRegex(ValueError, "holds no weight representation/conv2.*--net"):
      load_weights(network(net=3), self.path)


if __name__ == "__main__":
  tf.test.main()
