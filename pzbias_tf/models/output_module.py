"""The output module: from features to redshift and magnitude logits."""

from __future__ import annotations

import tensorflow as tf

from pzbias_tf.models.layers import linear
from pzbias_tf.survey import Survey

REDSHIFT_LAYER = "redshift"
MAGNITUDE_LAYER = "magnitude"


def build_output_module(features: int, survey: Survey, *, multi_output: bool,
                        extended: bool = False) -> tf.keras.Model:
  """Builds the linear layers that follow a representation.

  Args:
    features: length of the feature vector.
    survey: gives the number of bins and of outputs.
    multi_output: False: one redshift output (Baseline); True: one for each
      magnitude range, and the magnitude output (from Step 1 on).
    extended: whether the redshift grid is the extended one (Step 3).

  Returns:
    A model of features [batch, features] to "z_logits" [batch, outputs, bins]
    and, with multi_output, "r_logits" [batch, outputs].
  """
  outputs = survey.outputs if multi_output else 1
  bins = survey.bins_extended if extended else survey.bins
  inputs = tf.keras.Input([features], name="features")
  z_logits = linear(inputs, bins, REDSHIFT_LAYER, blocks=outputs)
  # Logits stay float32: a mixed precision policy would have the reshape cast them.
  by_output = tf.keras.layers.Reshape([outputs, bins], dtype="float32", name="by_output")
  logits = {"z_logits": by_output(z_logits)}
  if multi_output:
    logits["r_logits"] = linear(inputs, outputs, MAGNITUDE_LAYER)
  return tf.keras.Model(inputs, logits, name="output_module")
