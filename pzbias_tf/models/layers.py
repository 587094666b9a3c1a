"""The layers that the networks are made of, with the initial values of Lin et al. 2022."""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf

from pzbias_tf.data.extra_columns import ExtraColumns
from pzbias_tf.data.flux import InputScaling
from pzbias_tf.data.magnitudes import PhotometryInput

INITIAL_BIAS = 0.1


class FluxScaling(tf.keras.layers.Layer):
  """The input scaling as the first layer, so that a network takes flux.

  It computes in float32 even where the network does not: half precision ends at
  65,504.
  """

  def __init__(self, scaling: InputScaling, **kwargs):
    super().__init__(**{"dtype": "float32", **kwargs})
    self.scaling = scaling

  def call(self, flux):
    """[batch, height, width, band] flux to scaled flux, same shape."""
    return self.scaling(flux)

  def get_config(self):
    """Keras' way to rebuild a layer."""
    return {**super().get_config(), "scaling": self.scaling.to_json()}


class ExtraScaling(tf.keras.layers.Layer):
  """Standardises the extra columns, in float32 even where the network computes in less.

  Attributes:
    columns: their names, means and standard deviations.
  """

  def __init__(self, columns: ExtraColumns, **kwargs):
    super().__init__(**{"dtype": "float32", **kwargs})
    self.columns = columns

  def call(self, extra):
    """[batch, columns] as measured to standardised, same shape."""
    mean, deviation = (tf.constant(numbers, tf.float32)
                       for numbers in (self.columns.mean, self.columns.deviation))
    return (extra - mean) / deviation

  def get_config(self):
    """Keras' way to rebuild a layer."""
    return {**super().get_config(), "columns": self.columns.to_json()}


class PhotometryScaling(tf.keras.layers.Layer):
  """Makes a network's input of magnitudes, in float32 even where it computes in less.

  Attributes:
    photometry: what it makes of them.
  """

  def __init__(self, photometry: PhotometryInput, **kwargs):
    super().__init__(**{"dtype": "float32", **kwargs})
    self.photometry = photometry

  def call(self, inputs):
    """{"magnitudes", perhaps "errors": [batch, bands], "ebv": [batch]} to [batch, inputs]."""
    return self.photometry(inputs["magnitudes"], inputs.get("errors"), inputs["ebv"])

  def get_config(self):
    """Keras' way to rebuild a layer."""
    return {**super().get_config(), "photometry": dataclasses.asdict(self.photometry)}


def conv(x, filters: int, size: int, name: str, activation: str, *, padding: str = "same",
         strides: int = 1):
  """A convolution and its activation ("prelu", "relu" or "tanh")."""
  built_in = None if activation == "prelu" else activation
  x = tf.keras.layers.Conv2D(filters, size, strides=strides, padding=padding, activation=built_in,
                          bias_initializer=tf.keras.initializers.Constant(INITIAL_BIAS),
                          name=name)(x)
  if activation == "prelu":  # one slope per channel, starting at 0
    x = tf.keras.layers.PReLU(shared_axes=[1, 2], name=f"{name}_prelu")(x)
  return x


def avg_pool(x, name: str, *, strides: int = 2):
  """2 x 2 average pooling with "same" padding."""
  return tf.keras.layers.AveragePooling2D(2, strides=strides, padding="same", name=name)(x)


def dense(x, units: int, name: str):
  """A dense layer with ReLU."""
  return tf.keras.layers.Dense(units, activation="relu",
                            bias_initializer=tf.keras.initializers.Constant(INITIAL_BIAS),
                            name=name)(x)


def linear(x, units: int, name: str, *, blocks: int = 1):
  """`blocks` linear layers of `units` each, computed as one matrix product.

  The range of Glorot's initial values counts the units of one block, so that they
  are those of separate layers.
  """
  limit = math.sqrt(6.0 / (x.shape[-1] + units))
  return tf.keras.layers.Dense(
      blocks * units, kernel_initializer=tf.keras.initializers.RandomUniform(-limit, limit),
      bias_initializer=tf.keras.initializers.Constant(INITIAL_BIAS), dtype="float32", name=name)(x)
