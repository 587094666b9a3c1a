"""The optimizer of a stage, and its learning rate.

Source: Lin et al. 2022, Section 3.3 (Adam, a rate that falls by 5); You et al.
2019, arXiv:1904.00962 (LAMB, for batches of thousands).
"""

from __future__ import annotations

from typing import Any, Sequence

import tensorflow as tf

from pzbias_tf.choices import OPTIMIZERS
from pzbias_tf.compat.keras import build_optimizer, optimizer_slots
from pzbias_tf.training.config import TrainConfig
from pzbias_tf.training.stages import LR_DROP_FACTOR

_EPSILON = 1e-8


def make_optimizer(config: TrainConfig, variables: Sequence[Any]) -> Any:
  """The optimizer of a stage, with its slots created; call it in the strategy's scope.

  Args:
    config: names the optimizer and gives its learning rate.
    variables: what trains.

  Raises:
    ValueError: no such optimizer.
  """
  if config.optimizer not in OPTIMIZERS:
    raise ValueError(f"--optimizer={config.optimizer}; choose one of {', '.join(OPTIMIZERS)}")
  optimizer = _plain_optimizer(config)
  if config.precision == "mixed_float16":  # small gradients would vanish
    optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
  build_optimizer(optimizer, variables)
  return optimizer


def _plain_optimizer(config):
  rate = LearningRate(config)
  if config.optimizer == "lamb":
    from pzbias_tf.compat import addons  # slow to import, and rarely needed

    return addons.lamb(rate, epsilon=_EPSILON)
  optimizer = Adam(rate, epsilon=_EPSILON)
  optimizer.jit_compile = False  # whether XLA compiles is decided in step.py
  return optimizer


class LearningRate(tf.keras.optimizers.schedules.LearningRateSchedule):
  """The initial rate, reached linearly, divided by 5 after each of the fractions `lr_drops`."""

  def __init__(self, config: TrainConfig):
    self._warmup = config.warmup
    self._boundaries = [int(round(part * config.iterations)) for part in config.lr_drops]
    self._rates = [config.learning_rate / LR_DROP_FACTOR**drop
                   for drop in range(len(config.lr_drops) + 1)]

  def __call__(self, step: tf.Tensor) -> tf.Tensor:
    """The rate [] of the iteration after `step` others."""
    step = tf.cast(step, tf.int64)
    drops = tf.reduce_sum(tf.cast(step >= tf.constant(self._boundaries, tf.int64), tf.int32))
    rate = tf.gather(tf.constant(self._rates, tf.float32), drops)
    if not self._warmup:
      return rate
    return rate * tf.cast(tf.minimum(step + 1, self._warmup) / self._warmup, tf.float32)

  def get_config(self) -> dict[str, Any]:
    """The schedule as Keras shows it."""
    return {"warmup": self._warmup, "boundaries": self._boundaries, "rates": self._rates}


class Adam(tf.keras.optimizers.Adam):
  """Keras' Adam (Kingma & Ba 2015) with TensorFlow's fused update."""

  def update_step(self, gradient: tf.Tensor, variable: tf.Variable,
                  learning_rate: Any = None) -> None:
    """Updates one variable; Keras 3 hands the learning rate in, Keras 2 does not."""
    rate = self.learning_rate if learning_rate is None else learning_rate
    step = tf.cast(self.iterations, variable.dtype) + 1.0
    momentum, velocity = optimizer_slots(self, variable)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle, m=momentum.handle, v=velocity.handle, grad=gradient,
        beta1_power=tf.pow(self.beta_1, step), beta2_power=tf.pow(self.beta_2, step),
        lr=tf.cast(rate, variable.dtype), beta1=self.beta_1, beta2=self.beta_2,
        epsilon=self.epsilon)
