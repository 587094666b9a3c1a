"""Variables and optimizers: the one module that tells Keras 2 (TensorFlow 2.15) from Keras 3."""

from __future__ import annotations

from typing import Any, Sequence

import tensorflow as tf


def plain_variable(variable: Any) -> tf.Variable:
  """The tf.Variable of a weight, which Keras 3 wraps."""
  return variable if isinstance(variable, tf.Variable) else variable.value


def build_optimizer(optimizer: Any, variables: Sequence[Any]) -> None:
  """Creates the optimizer's state for each variable, before anything is traced."""
  if hasattr(optimizer, "build"):
    optimizer.build(variables)
  else:  # those of tensorflow-addons
    optimizer._create_all_weights(variables)


def optimizer_slots(optimizer: Any, variable: Any) -> tuple[tf.Variable, tf.Variable]:
  """Momentum and velocity that Keras' Adam keeps for one variable."""
  if hasattr(optimizer, "_get_variable_index"):
    index = optimizer._get_variable_index(variable)
  else:
    index = optimizer._index_dict[optimizer._var_key(variable)]
  return (plain_variable(optimizer._momentums[index]),
          plain_variable(optimizer._velocities[index]))


def optimizer_state(optimizer: Any, variables: Sequence[Any]) -> dict[str, Any]:
  """The state of an optimizer of the Adam family, under names that are the same in every Keras.

  Args:
    optimizer: built on `variables`.
    variables: what it trains.

  Returns:
    tf.Variables: "iterations", "momentums" and "velocities" (one of each per
    variable), and where the loss is scaled, "loss_scale".
  """
  if hasattr(optimizer, "inner_optimizer"):
    return {**optimizer_state(optimizer.inner_optimizer, variables),
            "loss_scale": _loss_scale_state(optimizer)}
  if hasattr(optimizer, "get_slot"):  # those of tensorflow-addons
    slots = [[optimizer.get_slot(variable, slot) for variable in variables] for slot in ("m", "v")]
  else:
    slots = [optimizer._momentums, optimizer._velocities]  # they have no public name
  momentums, velocities = ([plain_variable(slot) for slot in column] for column in slots)
  return {"iterations": plain_variable(optimizer.iterations),
          "momentums": momentums, "velocities": velocities}


def scale_loss(optimizer: Any, loss: tf.Tensor) -> tf.Tensor:
  """The loss to differentiate, scaled up if the optimizer is a `LossScaleOptimizer`."""
  scale = getattr(optimizer, "get_scaled_loss", None) or getattr(optimizer, "scale_loss", None)
  return scale(loss) if scale else loss


def unscale_gradients(optimizer: Any, gradients: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
  """Undoes `scale_loss`, unless the optimizer does so itself, as that of Keras 3 does."""
  unscale = getattr(optimizer, "get_unscaled_gradients", None)
  return unscale(gradients) if unscale else gradients


def _loss_scale_state(optimizer):
  """The scale of the loss, and the steps since it last changed."""
  if hasattr(optimizer, "dynamic_scale"):
    return [plain_variable(optimizer.dynamic_scale), plain_variable(optimizer.step_counter)]
  return [optimizer._loss_scale._current_loss_scale, optimizer._loss_scale._counter]
