"""A predictor is compiled once for any number of galaxies, and TensorFlow does not complain."""

import contextlib
import io
import logging

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.models.network import build_network
from pzbias_tf.predictions.predictor import Predictor
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

  def test_many_predictors_are_not_taken_for_one_that_is_compiled_again(self):
    with complaints() as said:
      for _ in range(7):
        network = build_network(5, SMALL_SDSS, multi_output=True, image_size=SIZE)
        predict(Predictor([network], SMALL_SDSS.edges()), 3, 16)
    self.assertEqual(said.getvalue(), "")


if __name__ == "__main__":
  tf.test.main()
