"""A predictor is compiled once for any number of galaxies, and TensorFlow does not complain."""

import contextlib
import io
import logging

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.models.network import build_network
from pzbias_tf.predictions.estimates import loss_table, point_estimates
from pzbias_tf.predictions.predictor import Predictor, default_batch_size
from tests.small_data import SIZE
from tests.small_runs import SMALL_SDSS


class CountingPredictor(Predictor):
  """Counts how often it is compiled, on each replica."""

  compiled = 0

  def _replica(self, batch):
    self.compiled += 1
    return super()._replica(batch)


def predict(predictor, num, batch_size):
  """p(z) of some images."""
  rng = np.random.default_rng(num)
  images = rng.normal(size=(num, SIZE, SIZE, 5))
  columns = {"id": np.arange(num), "ebv": np.full(num, 0.1)}
  batches = predictor.array_batches(images, columns, flux_divisor=1.0, batch_size=batch_size)
  return np.concatenate([pdf for pdf, _ in batches])


@contextlib.contextmanager
def complaints():
  """What TensorFlow's logger says."""
  said, logger = io.StringIO(), logging.getLogger("tensorflow")
  handler = logging.StreamHandler(said)
  logger.addHandler(handler)
  try:
    yield said
  finally:
    logger.removeHandler(handler)


class PredictorTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.product(replicas=(1, 2), tta=(False, True))
  def test_it_is_compiled_once_for_all_samples_and_lengths(self, replicas, tta):
    strategy = (tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]) if replicas == 2
                else tf.distribute.get_strategy())
    with strategy.scope():
      network = build_network(5, SMALL_SDSS, multi_output=True, image_size=SIZE)
    predictor = CountingPredictor([network], SMALL_SDSS.edges(), strategy=strategy, tta=tta)
    with complaints() as said:
      for num in (33, 16, 7, 1, 48, 5, 2):
        self.assertLen(predict(predictor, num, 16), num)
    self.assertEqual(predictor.compiled, replicas)
    self.assertEqual(said.getvalue(), "")

  @parameterized.product(replicas=(1, 2), tta=(False, True), combination=("", "mean", "harmonic"))
  def test_estimates_are_those_of_numpy(self, replicas, tta, combination):
    strategy = (tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]) if replicas == 2
                else tf.distribute.get_strategy())
    with strategy.scope():
      networks = [build_network(5, SMALL_SDSS, multi_output=True, extended=True, image_size=SIZE)
                  for _ in range(2 if combination else 1)]
    edges = SMALL_SDSS.edges(extended=True)
    predictor = Predictor(networks, edges, strategy=strategy, tta=tta,
                          combination=combination or "mean")
    images = 30 * np.random.default_rng(1).normal(size=(21, SIZE, SIZE, 5))
    columns = {"id": np.arange(21), "ebv": np.full(21, 0.1)}
    for pdf, found in predictor.array_batches(images, columns, flux_divisor=1.0, batch_size=8):
      own = point_estimates(edges, pdf)
      self.assertAllEqual(found["zmode"], own["zmode"])
      self.assertContainsSubset(own, found)
      risk = pdf.astype(np.float64) @ loss_table(edges)
      lowest = risk[np.arange(len(pdf)), np.searchsorted(edges, found["zbest"]) - 1]
      self.assertAllClose(lowest, risk.min(1), rtol=0, atol=1e-6)
      for name in set(own) - {"zmode", "zbest"}:
        self.assertAllClose(found[name], own[name], rtol=0, atol=1e-6, msg=name)

  def test_a_batch_holds_fewer_large_images(self):
    self.assertEqual([default_batch_size(size) for size in (0, 16, 32, 48, 64, 128)],
                     [512, 512, 512, 455, 256, 256])

  def test_many_predictors_are_not_taken_for_one_that_is_compiled_again(self):
    with complaints() as said:
      for _ in range(7):
        network = build_network(5, SMALL_SDSS, multi_output=True, image_size=SIZE)
        predict(Predictor([network], SMALL_SDSS.edges()), 3, 16)
    self.assertEqual(said.getvalue(), "")


if __name__ == "__main__":
  tf.test.main()
