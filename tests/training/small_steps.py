"""Some compiled steps of a small network on random images."""

import numpy as np
import tensorflow as tf

from pzbias_tf.compat import addons
from pzbias_tf.compat.keras import build_optimizer
from pzbias_tf.models import build_network
from pzbias_tf.survey import SDSS
from pzbias_tf.training import losses
from pzbias_tf.training.optimizers import Adam
from pzbias_tf.training.step import make_train_steps

BATCH, STEPS = 8, 20
CALLS = (1, 12, 7)  # steps a compiled call


def random_batches():
  rng = np.random.default_rng(1)
  n = BATCH * STEPS
  return tf.data.Dataset.from_tensor_slices({
      "image": rng.normal(size=(n, 8, 8, 5)).astype(np.float32),
      "ebv": rng.uniform(size=n).astype(np.float32),
      "redshift_bin": rng.integers(0, 180, n).astype(np.int32),
      "magnitude_row": rng.integers(0, 11, n).astype(np.int32)}).batch(BATCH, drop_remainder=True)


def train(strategy, *, xla, precision="float32", optimizer="sgd"):
  """Weights, mean loss of each call and number of traces after STEPS steps."""
  tf.keras.utils.set_random_seed(0)
  redshift_loss = losses.hard_label_loss(SDSS)
  with strategy.scope():
    network = build_network(4, SDSS, multi_output=True, image_size=8,
                            precision=precision)
    optimizer = {"sgd": lambda: tf.keras.optimizers.SGD(0.01), "adam": lambda: Adam(1e-3),
                 "lamb": lambda: addons.lamb(1e-3, epsilon=1e-8)}[optimizer]()
    if precision == "mixed_float16":
      optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
    build_optimizer(optimizer, network.trainable_variables)

  def loss_fn(batch):
    logits = network({"image": batch["image"], "ebv": batch["ebv"]})
    return [redshift_loss(logits["z_logits"], batch["redshift_bin"], batch["magnitude_row"])]

  steps = make_train_steps(strategy=strategy, variables=network.trainable_variables,
                           optimizer=optimizer, loss_fn=loss_fn, global_batch=BATCH, xla=xla)
  batches = iter(strategy.experimental_distribute_dataset(random_batches()))
  curve = [float(steps(batches, tf.constant(number)).loss) for number in CALLS]
  return ([v.numpy() for v in network.trainable_variables], curve,
          steps.experimental_get_tracing_count())
