"""The compiled training step.

XLA compiles all of it on one device.  It cannot compile the all-reduce between
replicas: on several devices the jitted function ends with loss and gradients,
and `apply_gradients` follows outside of it.
"""

from __future__ import annotations

import functools
import operator
from typing import Callable, Iterator, NamedTuple, Sequence

import tensorflow as tf

from pzbias_tf.compat.keras import plain_variable, scale_loss, unscale_gradients
from pzbias_tf.training.devices import is_one_device

Batch = dict[str, tf.Tensor]


class Steps(NamedTuple):
  """What several training steps return.

  Attributes:
    parts: mean of each part of the loss over the steps, [parts] float32.
    first_bad: number of the first step, from 0, with a loss that is not finite; -1 for none;
      [] int64.
    waited_s: time that the steps waited for input, s, [] float64.
  """

  parts: tf.Tensor
  first_bad: tf.Tensor
  waited_s: tf.Tensor

  @property
  def loss(self) -> tf.Tensor:
    """Mean loss over the steps, [] float32."""
    return tf.reduce_sum(self.parts)


def make_train_steps(*, strategy: tf.distribute.Strategy, variables: Sequence[tf.Variable],
                     optimizer: tf.keras.optimizers.Optimizer,
                     loss_fn: Callable[[Batch], Sequence[tf.Tensor]], global_batch: int,
                     xla: bool, parts: int = 1) -> Callable[[Iterator[Batch], tf.Tensor], Steps]:
  """Makes a function that runs several training steps.

  Args:
    strategy: where they run.
    variables: what trains; nothing else changes.
    optimizer: built on those variables, in the strategy's scope.
    loss_fn: function of a batch {name: [replica batch, ...]} that returns the parts of each
      galaxy's loss, [replica batch] each; their sum is minimized.
    global_batch: galaxies per step, over all replicas.  Each replica's sum is
      divided by it, so that the sum over replicas is the batch's mean.
    xla: compile the step with XLA; on several devices, loss and gradients alone.
    parts: how many parts the loss has.

  Returns:
    A function of an iterator over (distributed) batches and a number of steps
    (int32 tensor).
  """

  watched = [plain_variable(variable) for variable in variables]
  whole_step_compiles = xla and is_one_device(strategy)

  @tf.function(jit_compile=xla and not whole_step_compiles)
  def gradients(batch):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(watched)
      galaxy_losses = loss_fn(batch)
      loss = tf.reduce_sum(functools.reduce(operator.add, galaxy_losses)) / global_batch
      scaled = scale_loss(optimizer, loss)
    losses = tf.stack([tf.reduce_sum(part) for part in galaxy_losses]) / global_batch
    return losses, tape.gradient(scaled, watched)

  def replica_step(batch):
    losses, grads = gradients(batch)
    optimizer.apply_gradients(zip(unscale_gradients(optimizer, grads), variables))
    return losses

  if whole_step_compiles:
    replica_step = tf.function(replica_step, jit_compile=True)

  @tf.function
  def train_steps(iterator, steps):
    # int64, which a GPU can hold, and no branch: the host need not inspect each loss.
    total, none = tf.zeros([parts]), tf.constant(-1, tf.int64)
    first_bad, waited_s = none, tf.constant(0.0, tf.float64)
    for step in tf.range(steps):
      # Without these dependencies both clocks would be read at once.
      with tf.control_dependencies([total]):
        start_s = tf.timestamp()
      with tf.control_dependencies([start_s]):
        batch = next(iterator)
      with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)):
        waited_s += tf.timestamp() - start_s
      per_replica = strategy.run(replica_step, (batch,))
      losses = strategy.reduce(tf.distribute.ReduceOp.SUM, per_replica, axis=None)
      bad = tf.where(tf.math.is_finite(tf.reduce_sum(losses)), none, tf.cast(step, tf.int64))
      first_bad = tf.where(first_bad < 0, bad, first_bad)
      total += losses
    return Steps(total / tf.cast(steps, tf.float32), first_bad, waited_s)

  return train_steps
