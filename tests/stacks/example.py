"""Small objects that are the same in every TensorFlow, Keras and numpy: no value is random."""

import dataclasses

import numpy as np
import tensorflow as tf

from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.bias.soft_labels import LabelModel
from pzbias_tf.data.flux import InputScaling
from pzbias_tf.models.layers import FluxScaling, conv, dense
from pzbias_tf.models.output_module import build_output_module
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import SDSS
from pzbias_tf.training.checkpoints import named_weights, training_state
from pzbias_tf.training.optimizers import make_optimizer
from tests.small_runs import small_config

SURVEY = dataclasses.replace(SDSS, name="small", bins=8, r_min=16.5)
STEPS = 3


def network() -> tf.keras.Model:
  """A network with every kind of layer that has weights; a few hundred, set by formula."""
  inputs = {"image": tf.keras.Input([4, 4, 5], name="image"),
            "ebv": tf.keras.Input([], name="ebv")}
  x = FluxScaling(InputScaling(), name="flux_scaling")(inputs["image"])
  x = conv(x, 3, 3, "conv1", "prelu", strides=2)
  x = tf.keras.layers.Flatten()(x)
  x = tf.keras.layers.Concatenate()([x, tf.keras.layers.Reshape([1])(inputs["ebv"])])
  representation = tf.keras.Model(inputs, dense(x, 4, "dense1"), name="representation")
  output_module = build_output_module(4, SURVEY, multi_output=True)
  model = tf.keras.Model(inputs, output_module(representation(inputs)))
  for number, (_, variable) in enumerate(named_weights(model)):
    values = np.cos(number + np.arange(np.prod(variable.shape)))
    variable.assign(0.5 * values.reshape(variable.shape))
  return model


class Training:
  """A network, Adam, and steps whose gradients are given by formula."""

  def __init__(self):
    self.network = network()
    variables = self.network.trainable_variables
    self._optimizer = make_optimizer(
        small_config(iterations=100, lr_drops=(0.5,)), variables)
    self.step = tf.Variable(0, dtype=tf.int64)
    self.state = training_state(self.network, self._optimizer, variables, step=self.step)

  def train(self, steps: int) -> None:
    """Trains for `steps` steps."""
    for _ in range(steps):
      step = int(self.step.assign_add(1))
      gradients = [tf.constant(np.sin(step + np.arange(np.prod(v.shape))).reshape(v.shape),
                               tf.float32) for v in self.network.trainable_variables]
      self._optimizer.apply_gradients(zip(gradients, self.network.trainable_variables))


def label_model() -> LabelModel:
  """A label model of Step 3."""
  waves = np.arange(SURVEY.bins * SURVEY.rows).reshape(SURVEY.bins, SURVEY.rows)
  density = 1.5 + np.sin(waves)
  scatter = 1.0 + np.cos(np.arange(SURVEY.outputs * SURVEY.bins)) ** 2
  return LabelModel(survey=SURVEY, sigma_disp=np.linspace(0.5, 1.5, SURVEY.outputs),
                    sigma_scatter=scatter.reshape(SURVEY.outputs, SURVEY.bins),
                    density=density / density.sum())


def catalog() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """z_spec, z_photo and r of some galaxies."""
  wave = np.arange(200)
  z_spec = 0.2 + 0.18 * np.sin(wave)
  return z_spec, z_spec + 0.01 * np.cos(3 * wave), 17.2 + 0.7 * np.cos(wave)


def calibration() -> Calibration:
  """A calibration of Step 4."""
  return Calibration.fit(*catalog(), SURVEY)


def predictions() -> Predictions:
  """p(z) of three galaxies."""
  pdf = np.abs(np.cos(np.arange(3.0 * SURVEY.bins))).reshape(3, -1).astype(np.float32)
  return Predictions.make(SURVEY.edges(), pdf / pdf.sum(-1, keepdims=True),
                          id=np.array(["a", "b", "ü"]), redshift=np.array([0.1, 0.2, np.nan]),
                          r_mag=np.array([15.0, 16.0, 17.0]))
