"""Adam in one pass over the weights.

Keras writes Adam as a dozen element-wise operations.  For the tens of millions
of weights of Net_P, or of 2,500 redshift bins, each of them is a walk through
memory; TensorFlow's own kernel takes one.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from pzbias_tf.compat.keras import optimizer_slots


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
