"""The whole network, a representation and an output module, and p(z) from its logits."""

from __future__ import annotations

from typing import Mapping, Sequence

import tensorflow as tf

from pzbias_tf.choices import PRECISIONS
from pzbias_tf.data.extra_columns import ExtraColumns
from pzbias_tf.data.flux import InputScaling
from pzbias_tf.data.magnitudes import PhotometryInput
from pzbias_tf.models.layers import ExtraScaling
from pzbias_tf.models.output_module import REDSHIFT_LAYER, build_output_module
from pzbias_tf.models.representation import build_representation
from pzbias_tf.survey import Survey

INPUTS = ("image", "magnitudes", "errors", "ebv", "extra")
"""Names of what networks take: an image, or magnitudes and perhaps their errors; E(B-V); "extra"
only where there are extra columns."""


def build_network(net: int, survey: Survey, *, multi_output: bool, extended: bool = False,
                  image_size: int | None = None, input_scaling: InputScaling | None = None,
                  precision: str = "float32",
                  extra_columns: ExtraColumns | Sequence[str] = (),
                  photometry: PhotometryInput | None = None) -> tf.keras.Model:
  """Builds one of the networks.

  Args:
    net: 0 Net_P, 1 Net_T, 2 to 4 Net_S1 to Net_S3, 5 Net_Q, 6 Net_C.
    survey: gives bands, bins, outputs and the default image size.
    multi_output: False for the Baseline, True from Step 1 on.
    extended: True for Step 3, whose redshift outputs are extended.
    image_size: side of the input, pixels; None means the survey's.
    input_scaling: None means `InputScaling("sqrt")`.
    precision: "float32", "mixed_float16" or "mixed_bfloat16": type in which the
      representation computes.  Weights and logits are float32.
    extra_columns: columns that the network takes beside E(B-V), in this order;
      names alone are taken as they are, without standardisation.
    photometry: what Net_C makes of magnitudes; None for networks of images.

  Returns:
    A model of {"image": [batch, size, size, band] flux, "ebv": [batch]} and, with
    extra columns, {"extra": [batch, columns]}, of Net_C with "magnitudes" and perhaps
    "errors" [batch, bands] in place of the image, to
    {"z_logits": [batch, outputs, bins]} and, with multi_output,
    {"r_logits": [batch, outputs]}.  Its layers "representation" and
    "output_module" are models themselves.

  Raises:
    ValueError: there is no such network or precision, or the image is too small.
  """
  if precision not in PRECISIONS:
    raise ValueError(f"--precision={precision}; choose one of {', '.join(PRECISIONS)}")
  if not isinstance(extra_columns, ExtraColumns):
    extra_columns = ExtraColumns.unscaled(extra_columns)
  before = tf.keras.mixed_precision.global_policy()
  tf.keras.mixed_precision.set_global_policy(precision)
  try:
    return _build(net, survey, multi_output, extended, image_size or survey.image_size,
                  input_scaling or InputScaling(), extra_columns, photometry)
  finally:
    tf.keras.mixed_precision.set_global_policy(before)


def _build(net, survey, multi_output, extended, size, input_scaling, extra_columns, photometry):
  representation = build_representation(
      net, image_size=size, bands=len(survey.bands), input_scaling=input_scaling,
      extra_columns=extra_columns, photometry=photometry)
  output_module = build_output_module(
      representation.output_shape[-1], survey, multi_output=multi_output, extended=extended)
  inputs = {name: tf.keras.Input(tensor.shape[1:], name=name)
            for name, tensor in representation.input.items()}
  return tf.keras.Model(inputs, output_module(representation(inputs)), name="network")


def input_size(model: tf.keras.Model) -> int:
  """Side of the images that a network or a representation takes, in pixels; 0 of Net_C."""
  return next((tensor.shape[1] for tensor in model.inputs if len(tensor.shape) == 4), 0)


def input_columns(model: tf.keras.Model) -> tuple[str, ...]:
  """Names of the extra columns that a network or a representation takes, in its order."""
  for layer in model.layers:
    if isinstance(layer, ExtraScaling):
      return layer.columns.names
    if isinstance(layer, tf.keras.Model) and input_columns(layer):
      return input_columns(layer)
  return ()


def network_inputs(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
  """What a network takes of a batch: everything but rows, labels and views."""
  return {name: batch[name] for name in INPUTS if name in batch}


def redshift_variables(network: tf.keras.Model) -> list[tf.Variable]:
  """The weights of the redshift layer, the only ones that Steps 2 and 3 train."""
  return network.get_layer("output_module").get_layer(REDSHIFT_LAYER).trainable_variables


def redshift_pdf(logits: dict[str, tf.Tensor]) -> tf.Tensor:
  """p(z) = sum over outputs k of softmax(r)_k softmax(z_k).

  Args:
    logits: "z_logits" [batch, outputs, bins] and, with several outputs,
      "r_logits" [batch, outputs].

  Returns:
    Probability of each bin, [batch, bins] float32, summing to 1
    (Lin et al. 2022, Section 3.3).
  """
  by_output = tf.nn.softmax(tf.cast(logits["z_logits"], tf.float32))
  if "r_logits" not in logits:
    return by_output[:, 0, :]
  weights = tf.nn.softmax(tf.cast(logits["r_logits"], tf.float32))
  return tf.einsum("bk,bkl->bl", weights, by_output)
