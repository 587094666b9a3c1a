"""Keras 2 (TensorFlow 2.15) and Keras 3: the one place that tells them apart."""

from __future__ import annotations

from typing import Any, Sequence

import tensorflow as tf


def plain_variable(variable: Any) -> tf.Variable:
  """The tf.Variable of a weight: Keras 3 wraps it."""
  return variable if isinstance(variable, tf.Variable) else variable.value


def build_optimizer(optimizer: Any, variables: Sequence[Any]) -> None:
  """Makes what an optimizer remembers of each variable, before anything is traced."""
  if hasattr(optimizer, "build"):
    optimizer.build(variables)
  else:  # those of tensorflow-addons
    optimizer._create_all_weights(variables)


def optimizer_slots(optimizer: Any, variable: Any) -> tuple[tf.Variable, tf.Variable]:
  """Momentum and velocity that Keras' Adam keeps of one variable."""
  if hasattr(optimizer, "_get_variable_index"):
    index = optimizer._get_variable_index(variable)
  else:
    index = optimizer._index_dict[optimizer._var_key(variable)]
  return (plain_variable(optimizer._momentums[index]),
          plain_variable(optimizer._velocities[index]))


def optimizer_state(optimizer: Any, variables: Sequence[Any]) -> dict[str, Any]:
  """What an optimizer of the Adam family remembers, under names that no Keras changes.

  Args:
    optimizer: built on `variables`.
    variables: what it trains.

  Returns:
    "iterations", for each variable "momentums" and "velocities", and where the
    loss is scaled, "loss_scale": tf.Variables.
  """
  if hasattr(optimizer, "inner_optimizer"):
    return {**optimizer_state(optimizer.inner_optimizer, variables),
            "loss_scale": _loss_scale_state(optimizer)}
  if hasattr(optimizer, "get_slot"):  # those of tensorflow-addons
    slots = [[optimizer.get_slot(variable, slot) for variable in variables] for slot in ("m", "v")]
  else:
    slots = [optimizer._momentums, optimizer._velocities]  # no public name for them
  momentums, velocities = ([plain_variable(slot) for slot in column] for column in slots)
  return {"iterations": plain_variable(optimizer.iterations),
          "momentums": momentums, "velocities": velocities}


def scale_loss(optimizer: Any, loss: tf.Tensor) -> tf.Tensor:
  """The loss to take gradients of: a `LossScaleOptimizer` wants it larger."""
  scale = getattr(optimizer, "get_scaled_loss", None) or getattr(optimizer, "scale_loss", None)
  return scale(loss) if scale else loss


def unscale_gradients(optimizer: Any, gradients: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
  """Undoes `scale_loss` where the optimizer does not do so itself, as Keras 3's does."""
  unscale = getattr(optimizer, "get_unscaled_gradients", None)
  return unscale(gradients) if unscale else gradients


def _loss_scale_state(optimizer):
  """The scale of the loss, and the steps since it last changed."""
  if hasattr(optimizer, "dynamic_scale"):
    return [plain_variable(optimizer.dynamic_scale), plain_variable(optimizer.step_counter)]
  return [optimizer._loss_scale._current_loss_scale, optimizer._loss_scale._counter]
