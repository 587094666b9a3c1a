"""Net_P with all channels padded to multiples of 8, as the products of some GPUs like them.

The channels that are added start as zeros on both sides, so that they stay zero and have no
gradient: the padded network is the same function, and it remains so while it trains.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf

from benchmarks.steps import Case
from pzbias_tf.models import layers, representation

MULTIPLE = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class PaddedCase(Case):
  """A case whose network has the weights of the same case without padding."""

  @classmethod
  def of(cls, case: Case) -> PaddedCase:
    """The padded twin of a case."""
    return cls(**{field.name: getattr(case, field.name) for field in dataclasses.fields(Case)})

  @functools.cached_property
  def network(self) -> tf.keras.Model:
    """The padded network, built once."""
    plain, twin = (Case(**{field.name: getattr(self, field.name)
                           for field in dataclasses.fields(Case)}) for _ in range(2))
    with mock.patch.object(representation, "conv", _padded_conv):
      padded = twin.network
    copy_network(plain.network, padded)
    return padded


def copy_network(plain: tf.keras.Model, padded: tf.keras.Model) -> None:
  """Gives a padded network the weights of the same network without padding."""
  _copy_representation(plain.get_layer("representation"), padded.get_layer("representation"))
  padded.get_layer("output_module").set_weights(plain.get_layer("output_module").get_weights())


class PadChannels(tf.keras.layers.Layer):
  """Adds channels of zeros."""

  def call(self, x):
    """[..., channels] to a multiple of channels."""
    return tf.pad(x, [[0, 0]] * 3 + [[0, -x.shape[-1] % MULTIPLE]])


def _padded_conv(x, filters, size, name, activation, **settings):
  if x.shape[-1] % MULTIPLE:
    x = PadChannels(name=f"{name}_padding")(x)
  return layers.conv(x, filters + -filters % MULTIPLE, size, name, activation, **settings)


def _copy_representation(plain, padded):
  """Copies weights to where the padded network has the same channels; the others become zero."""
  places: dict[int, np.ndarray] = {}  # of a tensor's channels among those of the padded one
  widths: dict[int, int] = {}  # number of the latter
  for layer in plain.layers:
    is_input = isinstance(layer, tf.keras.layers.InputLayer)
    inputs = [] if is_input else layer.input if isinstance(layer.input, list) else [layer.input]
    before = [places[id(tensor)] for tensor in inputs]
    if is_input:
      place, width = np.arange(layer.output.shape[-1] if len(layer.output.shape) > 1 else 1), None
    elif isinstance(layer, tf.keras.layers.Concatenate):
      starts = np.cumsum([0, *(widths[id(tensor)] for tensor in inputs)])
      place, width = np.concatenate([p + s for p, s in zip(before, starts)]), int(starts[-1])
    elif isinstance(layer, tf.keras.layers.Flatten):
      pixels, channels = int(np.prod(inputs[0].shape[1:3])), widths[id(inputs[0])]
      place = (np.arange(pixels)[:, None] * channels + before[0]).ravel()
      width = pixels * channels
    elif isinstance(layer, (tf.keras.layers.Conv2D, tf.keras.layers.Dense)):
      place, width = np.arange(layer.output.shape[-1]), None
    else:
      place, width = before[0], widths[id(inputs[0])]
    twin = padded.get_layer(layer.name)
    places[id(layer.output)] = place
    widths[id(layer.output)] = width or twin.output.shape[-1] or 1
    twin.set_weights([_placed(value, target, before[0] if before else None, place)
                      for value, target in zip(layer.get_weights(), twin.get_weights())])


def _placed(value, target, inputs: np.ndarray | None, outputs: np.ndarray) -> Any:
  """Zeros like `target` with the values of a kernel, a bias or slopes at their places."""
  result = np.zeros_like(target)
  if value.ndim >= 2 and inputs is not None and value.shape[-2] == len(inputs):
    result[..., inputs[:, None], outputs] = value  # a kernel
  else:
    result[..., outputs] = value
  return result
