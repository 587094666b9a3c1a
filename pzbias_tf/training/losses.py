"""Labels on the device, and the loss.

A label depends on (redshift bin, magnitude row) alone, so that the compiled
step looks it up instead of receiving [batch, outputs, bins] from the host.
All of it is float32.

Source: Lin et al. 2022, Sections 3.3 to 3.5.
"""

from __future__ import annotations

from typing import Callable

import numpy as np
import tensorflow as tf

from pzbias_tf.bias.channels import row_magnitude_targets, row_membership
from pzbias_tf.bias.soft_labels import MIN_SIGMA, LabelModel
from pzbias_tf.survey import Survey

# (redshift_bin [batch], magnitude_row [batch]) -> targets [batch, outputs, bins].
TargetFunction = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def single_output_targets(survey: Survey) -> TargetFunction:
  """One-hot labels of the Baseline."""
  return lambda bins, rows: tf.one_hot(bins, survey.bins)[:, tf.newaxis, :]


def hard_targets(survey: Survey) -> TargetFunction:
  """One-hot labels for a galaxy's own outputs, flat ones for the others."""
  membership = _membership(survey)

  def targets(bins, rows):
    own = tf.gather(membership, rows)[:, :, tf.newaxis]
    return _with_flat(own, tf.one_hot(bins, survey.bins)[:, tf.newaxis, :], survey.bins)

  return targets


def soft_targets(model: LabelModel, *, soften: bool, shift: bool) -> TargetFunction:
  """Softened and shifted labels on the extended grid (Step 3)."""
  survey = model.survey
  membership = _membership(survey)
  # [bins, rows, outputs]: one gather finds the means of all outputs.
  table = np.transpose(model.shifted_means(shift=shift), [1, 2, 0])
  means = tf.constant(table, tf.float32)
  # In double precision: a mean just below a whole number must not be rounded up.
  whole = tf.constant(np.clip(np.trunc(table), 0, survey.bins_extended - 1), tf.int32)
  sigma = tf.constant(model.sigma_disp, tf.float32)
  hard = tf.constant((model.sigma_disp < MIN_SIGMA) | (not soften))
  grid = tf.range(survey.bins_extended, dtype=tf.float32)

  def targets(bins, rows):
    cell = tf.stack([bins, rows], -1)
    mean = tf.gather_nd(means, cell)
    # Normalised in log space: a mean far off the grid gives no 0/0.
    soft = tf.nn.softmax(-0.5 * tf.square(
        (grid - mean[:, :, tf.newaxis]) / tf.maximum(sigma, MIN_SIGMA)[:, tf.newaxis]))
    one_hot = tf.one_hot(tf.gather_nd(whole, cell), survey.bins_extended)
    labels = tf.where(hard[:, tf.newaxis], one_hot, soft)
    return _with_flat(tf.gather(membership, rows)[:, :, tf.newaxis], labels, survey.bins_extended)

  return targets


def redshift_loss(z_logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
  """Cross-entropy summed over the redshift outputs.

  Args:
    z_logits: [batch, outputs, bins].
    targets: [batch, outputs, bins], each normalised over the bins.

  Returns:
    [batch] float32.
  """
  logits = tf.cast(z_logits, tf.float32)
  return tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(targets, logits), -1)


def magnitude_loss(r_logits: tf.Tensor, rows: tf.Tensor, survey: Survey) -> tf.Tensor:
  """Cross-entropy of the magnitude output.

  Args:
    r_logits: [batch, outputs].
    rows: [batch] int, magnitude rows.
    survey: gives the membership of rows in outputs.

  Returns:
    [batch] float32.
  """
  own = tf.gather(tf.constant(row_magnitude_targets(survey), tf.float32), rows)
  return tf.nn.softmax_cross_entropy_with_logits(own, tf.cast(r_logits, tf.float32))


def _membership(survey):
  return tf.constant(row_membership(survey), tf.float32)


def _with_flat(own, labels, bins):
  return own * labels + (1.0 - own) / bins
