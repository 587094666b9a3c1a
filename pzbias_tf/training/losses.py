"""Cross-entropies of the redshift outputs and of the magnitude output.

A label depends on (redshift bin, magnitude row) alone, and a galaxy belongs to
one output or two; the others have the flat label 1 / bins, whose cross-entropy
is logsumexp(z) - mean(z).  So the compiled step needs no labels from the host,
and no tensor of labels [batch, outputs, bins].  Everything is computed in float32.

Source: Lin et al. 2022, Sections 3.3 to 3.5.
"""

from __future__ import annotations

from typing import Callable

import numpy as np
import tensorflow as tf

from pzbias_tf.bias.channels import row_magnitude_targets, row_membership
from pzbias_tf.bias.soft_labels import MIN_SIGMA, LabelModel
from pzbias_tf.survey import Survey

# (z_logits [batch, outputs, bins], redshift_bin [batch], magnitude_row [batch]) -> loss [batch],
# summed over the outputs.
RedshiftLoss = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def single_output_loss(z_logits: tf.Tensor, bins: tf.Tensor,
                       magnitude_rows: tf.Tensor) -> tf.Tensor:
  """One-hot labels of the Baseline: a `RedshiftLoss`."""
  del magnitude_rows
  logits = tf.cast(z_logits[:, 0, :], tf.float32)
  return tf.nn.sparse_softmax_cross_entropy_with_logits(bins, logits)


def hard_label_loss(survey: Survey) -> RedshiftLoss:
  """One-hot labels for a galaxy's own outputs, flat ones for the others (Steps 1 and 2)."""
  own_outputs, weights = _own_outputs(survey)

  def loss(z_logits, bins, magnitude_rows):
    logits, outputs = tf.cast(z_logits, tf.float32), tf.gather(own_outputs, magnitude_rows)
    flat = tf.reshape(logits, [-1, logits.shape[1] * survey.bins])
    at_label = tf.gather(flat, outputs * survey.bins + bins[:, tf.newaxis], batch_dims=1)
    return _cross_entropy(logits, outputs, tf.gather(weights, magnitude_rows), at_label)

  return loss


def soft_label_loss(model: LabelModel, *, soften: bool, shift: bool) -> RedshiftLoss:
  """Softened and shifted labels on the extended grid (Step 3)."""
  own_outputs, weights = _own_outputs(model.survey)
  labels = own_labels(model, soften=soften, shift=shift)

  def loss(z_logits, bins, magnitude_rows):
    logits, outputs = tf.cast(z_logits, tf.float32), tf.gather(own_outputs, magnitude_rows)
    own_logits = tf.gather(logits, outputs, batch_dims=1)
    mean_logit = tf.reduce_sum(labels(bins, magnitude_rows) * own_logits, -1)
    return _cross_entropy(logits, outputs, tf.gather(weights, magnitude_rows), mean_logit)

  return loss


def own_labels(model: LabelModel, *, soften: bool,
               shift: bool) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
  """Step 3's labels of a galaxy's own outputs.

  Returns:
    A function of (redshift_bin [batch], magnitude_row [batch]) to
    [batch, 2, bins_extended] float32: the labels of the magnitude row's first and
    second output, which are the same for a row that belongs to only one.
  """
  survey = model.survey
  outputs = own_outputs_of_rows(survey)
  # [bins, rows, 2]: one gather finds the means of both outputs.
  table = model.shifted_means(shift=shift)[
      outputs, np.arange(survey.bins)[:, None, None], np.arange(survey.rows)[:, None]]
  means = tf.constant(table, tf.float32)
  # In double precision: a mean just below a whole number must not be rounded up.
  whole = tf.constant(np.clip(np.trunc(table), 0, survey.bins_extended - 1), tf.int32)
  sigma = tf.constant(np.maximum(model.sigma_disp, MIN_SIGMA)[outputs], tf.float32)
  hard = tf.constant(((model.sigma_disp < MIN_SIGMA) | (not soften))[outputs])
  grid = tf.range(survey.bins_extended, dtype=tf.float32)

  def labels(bins, magnitude_rows):
    cell = tf.stack([bins, magnitude_rows], -1)
    distance = grid - tf.gather_nd(means, cell)[:, :, tf.newaxis]
    # Normalised in log space: a mean far off the grid gives no 0/0.
    width = tf.gather(sigma, magnitude_rows)[:, :, tf.newaxis]
    soft = tf.nn.softmax(-0.5 * tf.square(distance / width))
    one_hot = tf.one_hot(tf.gather_nd(whole, cell), survey.bins_extended)
    return tf.where(tf.gather(hard, magnitude_rows)[:, :, tf.newaxis], one_hot, soft)

  return labels


def magnitude_loss(r_logits: tf.Tensor, magnitude_rows: tf.Tensor, survey: Survey) -> tf.Tensor:
  """Cross-entropy of the magnitude output.

  Args:
    r_logits: [batch, outputs].
    magnitude_rows: [batch] int, magnitude rows.
    survey: gives the membership of magnitude rows in outputs.

  Returns:
    [batch] float32.
  """
  own = tf.gather(tf.constant(row_magnitude_targets(survey), tf.float32), magnitude_rows)
  return tf.nn.softmax_cross_entropy_with_logits(own, tf.cast(r_logits, tf.float32))


def own_outputs_of_rows(survey: Survey) -> np.ndarray:
  """First and last output that each magnitude row belongs to, [rows, 2] int32."""
  member = row_membership(survey) > 0
  last = survey.outputs - 1 - np.argmax(member[:, ::-1], axis=1)
  return np.stack([np.argmax(member, axis=1), last], axis=1).astype(np.int32)


def _own_outputs(survey):
  """The outputs of each magnitude row [rows, 2], and their weights: 1, or 0 for a repeated one."""
  outputs = own_outputs_of_rows(survey)
  weights = np.stack([np.ones(survey.rows), outputs[:, 0] != outputs[:, 1]], axis=1)
  return tf.constant(outputs), tf.constant(weights, tf.float32)


def _cross_entropy(logits, outputs, weights, mean_logit):
  """Sum over the outputs of logsumexp(z) minus the mean of z under the label.

  Args:
    logits: [batch, outputs, bins].
    outputs: [batch, 2], a galaxy's own outputs.
    weights: [batch, 2], 0 for an output that is repeated.
    mean_logit: [batch, 2], means of z under the labels of its own outputs.
  """
  flat = tf.reduce_mean(logits, -1)
  loss = tf.reduce_sum(tf.reduce_logsumexp(logits, -1) - flat, -1)
  return loss + tf.reduce_sum(weights * (tf.gather(flat, outputs, batch_dims=1) - mean_logit), -1)
