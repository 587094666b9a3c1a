"""The compiled training step: gradients inside, their application outside.

XLA cannot compile the all-reduce between replicas, so that the jitted function
ends with loss and gradients; `apply_gradients` follows outside of it.
"""

from __future__ import annotations

from typing import Callable, Iterator, Sequence

import tensorflow as tf

from pzbias_tf.keras_compat import plain_variable

Batch = dict[str, tf.Tensor]


def make_train_steps(*, strategy: tf.distribute.Strategy, variables: Sequence[tf.Variable],
                     optimizer: tf.keras.optimizers.Optimizer,
                     loss_fn: Callable[[Batch], tf.Tensor], global_batch: int,
                     xla: bool) -> Callable[[Iterator[Batch], tf.Tensor], tf.Tensor]:
  """Makes a function that runs several training steps.

  Args:
    strategy: where they run.
    variables: what trains; nothing else moves.
    optimizer: built on those variables, in the strategy's scope.
    loss_fn: {name: [replica batch, ...]} to the loss of each galaxy [replica batch].
    global_batch: galaxies a step over all replicas.  Each replica's sum is
      divided by it, so that the sum over replicas is the batch's mean.
    xla: compile loss and gradients with XLA.

  Returns:
    A function of an iterator over (distributed) batches and a number of steps
    (int32 tensor), which gives the mean loss [] over those steps.
  """

  watched = [plain_variable(variable) for variable in variables]

  @tf.function(jit_compile=xla)
  def gradients(batch):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(watched)
      loss = tf.reduce_sum(loss_fn(batch)) / global_batch
    return loss, tape.gradient(loss, watched)

  def replica_step(batch):
    loss, grads = gradients(batch)
    optimizer.apply_gradients(zip(grads, variables))
    return loss

  @tf.function
  def train_steps(iterator, steps):
    total = tf.constant(0.0)
    for _ in tf.range(steps):
      loss = strategy.run(replica_step, (next(iterator),))
      total += strategy.reduce(tf.distribute.ReduceOp.SUM, loss, axis=None)
    return total / tf.cast(steps, tf.float32)

  return train_steps
