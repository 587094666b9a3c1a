"""The compiled step: replicas and XLA give the same weights; schedules; devices."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from pzbias_tf.models import build_network
from pzbias_tf.survey import SDSS
from pzbias_tf.training import losses
from pzbias_tf.training.devices import make_strategy, use_xla
from pzbias_tf.training.loop import Intervals, Loop
from pzbias_tf.training.step import make_train_steps
from tests.training.test_stages import small_config

BATCH, STEPS = 8, 20


def random_batches():
  rng = np.random.default_rng(1)
  n = BATCH * STEPS
  return tf.data.Dataset.from_tensor_slices({
      "image": rng.normal(size=(n, 8, 8, 5)).astype(np.float32),
      "ebv": rng.uniform(size=n).astype(np.float32),
      "redshift_bin": rng.integers(0, 180, n).astype(np.int32),
      "magnitude_row": rng.integers(0, 11, n).astype(np.int32)}).batch(BATCH, drop_remainder=True)


def train(strategy, *, xla):
  """Weights and mean loss after STEPS steps of SGD."""
  tf.keras.utils.set_random_seed(0)
  redshift_loss = losses.hard_label_loss(SDSS)
  with strategy.scope():
    network = build_network(4, SDSS, multi_output=True, image_size=8)
    optimizer = tf.keras.optimizers.SGD(0.01)
    optimizer.build(network.trainable_variables)

  def loss_fn(batch):
    logits = network({"image": batch["image"], "ebv": batch["ebv"]})
    return redshift_loss(logits["z_logits"], batch["redshift_bin"], batch["magnitude_row"])

  steps = make_train_steps(strategy=strategy, variables=network.trainable_variables,
                           optimizer=optimizer, loss_fn=loss_fn, global_batch=BATCH, xla=xla)
  batches = iter(strategy.experimental_distribute_dataset(random_batches()))
  loss = steps(batches, tf.constant(STEPS))
  return [v.numpy() for v in network.trainable_variables], float(loss)


class StepTest(tf.test.TestCase, parameterized.TestCase):

  @parameterized.parameters((2, False), (1, True), (2, True))
  def test_replicas_and_xla_agree_with_one_plain_device(self, devices, xla):
    weights, loss = train(tf.distribute.get_strategy(), xla=False)
    others, other_loss = train(make_strategy(devices), xla=xla)
    self.assertAllClose(loss, other_loss, rtol=1e-5)
    for a, b in zip(weights, others):
      self.assertAllClose(a, b, atol=1e-5)

  def test_uneven_batch_is_refused(self):
    with self.assertRaisesRegex(ValueError, "--batch_size=9.*2 devices"):
      Loop(None, small_config(batch_size=9), None, strategy=make_strategy(2), xla=False)

  def test_device_requests(self):
    self.assertEqual(make_strategy(1).num_replicas_in_sync, 1)
    self.assertEqual(make_strategy(2).num_replicas_in_sync, 2)
    with self.assertRaisesRegex(ValueError, "before TensorFlow is first used"):
      make_strategy(3)
    self.assertTrue(use_xla("on"))
    self.assertEqual(use_xla("auto"), bool(tf.config.list_physical_devices("GPU")))
    with self.assertRaisesRegex(ValueError, "--xla=maybe"):
      use_xla("maybe")

  def test_intervals_do_not_depend_on_where_a_run_goes_on(self):
    intervals = Intervals(log=100, validate=250, checkpoint=400)
    stops, step = [], 0
    while step < 1000:
      step = intervals.next_stop(step, 1000, (30,))
      stops.append(step)
    self.assertEqual(stops, [30, 100, 200, 250, 300, 400, 500, 600, 700, 750, 800, 900, 1000])
    self.assertEqual(intervals.next_stop(230, 1000, (30,)), 250)


if __name__ == "__main__":
  tf.test.main()
