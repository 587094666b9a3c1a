"""A stage as a training problem: what trains, its loss, its batches, its validation."""

from __future__ import annotations

import dataclasses
import os
from typing import Callable

import numpy as np
import tensorflow as tf

from pzbias_tf.bias.soft_labels import LabelModel
from pzbias_tf.data.augment import INTERPOLATING, dihedral
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.pipeline import Batch, Labels, ordered_batches, training_batches
from pzbias_tf.models.network import redshift_variables
from pzbias_tf.training import losses, selection
from pzbias_tf.training.config import TrainConfig
from pzbias_tf.training.features import feature_batches, features_digest, frozen_features

VALIDATION_GALAXIES = 4096  # enough for a loss to 1%, small enough for memory


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
  """What the loop needs to know of a stage.

  Attributes:
    network: the whole network.
    variables: what trains.
    forward: batch -> logits, for training and validation batches alike.
    loss_fn: (logits, batch) -> loss of each galaxy [batch].
    augment: batch -> batch, inside the compiled step, in training only.
    batches: first step -> endless training batches.
    validation: the validation batches, kept in memory; empty for none.
    galaxies: number of training records.
  """

  network: tf.keras.Model
  variables: list[tf.Variable]
  forward: Callable[[Batch], dict[str, tf.Tensor]]
  loss_fn: Callable[[dict[str, tf.Tensor], Batch], tf.Tensor]
  augment: Callable[[Batch], Batch]
  batches: Callable[[int], tf.data.Dataset]
  validation: list[Batch]
  galaxies: int


def whole_network_problem(network: tf.keras.Model, data: Dataset, config: TrainConfig) -> Problem:
  """Baseline and Step 1: everything trains, on images."""
  keep, labels = selection.training_records(data, config)
  survey, multi_output = config.survey, config.stage_spec.multi_output
  redshift_loss = losses.hard_label_loss(survey) if multi_output else losses.single_output_loss

  def loss_fn(logits, batch):
    loss = redshift_loss(logits["z_logits"], batch["redshift_bin"], batch["magnitude_row"])
    if multi_output:
      loss += losses.magnitude_loss(logits["r_logits"], batch["magnitude_row"], survey)
    return loss

  return Problem(
      network=network,
      variables=list(network.trainable_variables),
      forward=lambda batch: network({"image": batch["image"], "ebv": batch["ebv"]}),
      loss_fn=loss_fn,
      augment=_turned,
      batches=lambda step: training_batches(
          data, keep=keep, labels=labels, batch_size=config.batch_size,
          image_size=config.image_size, seed=config.stage_seed, start_step=step,
          dihedral=config.augment != "none",
          augment=INTERPOLATING.get(config.augment)),
      validation=_validation_images(data, config),
      galaxies=int(keep.sum()))


def redshift_layers_problem(network: tf.keras.Model, data: Dataset, config: TrainConfig, *,
                            feature_dir: str, label_model: LabelModel | None) -> Problem:
  """Steps 2 and 3: the redshift layers train, on features of the frozen representation.

  Args:
    network: with the weights of Step 1.
    data: the data set.
    config: the stage's settings.
    feature_dir: folder for the features.
    label_model: shapes Step 3's labels; None for the hard labels of Step 2.
  """
  rows = selection.balanced_records(data, config)
  labels = selection.make_labels(data, config.survey)
  features = _features(network, data, config, "train", rows, feature_dir)
  if label_model is None:
    loss = losses.hard_label_loss(config.survey)
  else:
    loss = losses.soft_label_loss(label_model, soften=config.softlabel, shift=config.shiftlabel)
  output_module = network.get_layer("output_module")
  return Problem(
      network=network,
      variables=redshift_variables(network),
      forward=lambda batch: output_module(batch["features"]),
      loss_fn=lambda logits, batch: loss(
          logits["z_logits"], batch["redshift_bin"], batch["magnitude_row"]),
      augment=lambda batch: batch,
      batches=lambda step: feature_batches(
          features, rows, labels, batch_size=config.batch_size, seed=config.stage_seed,
          start_step=step, dihedral_views=config.augment != "none"),
      validation=_validation_features(network, data, config, labels, feature_dir),
      galaxies=len(rows))


def _turned(batch):
  return {**batch, "image": dihedral(batch["image"], batch["view"])}


def _validation_keep(data, config):
  """Up to VALIDATION_GALAXIES records that the stage is judged on."""
  keep = selection.evaluation_records(data, "validation", config.survey,
                                      whole_sample=config.stage_spec.trains_all)
  keep[np.flatnonzero(keep)[VALIDATION_GALAXIES:]] = False
  return keep


def _validation_images(data, config):
  keep = _validation_keep(data, config)
  if not keep.any():
    return []
  labels = selection.make_labels(data, config.survey)
  return list(ordered_batches(data, "validation", keep=keep, labels=labels,
                              batch_size=config.batch_size, image_size=config.image_size))


def _validation_features(network, data, config, labels: Labels, feature_dir):
  rows = np.flatnonzero(_validation_keep(data, config))
  if not rows.size:
    return []
  features = _features(network, data, config, "validation", rows, feature_dir, views=1)
  parts = np.array_split(np.arange(len(rows)), max(1, len(rows) // 512))
  return [{"features": tf.constant(features[part, 0]), "row": tf.constant(rows[part]),
           "redshift_bin": tf.constant(labels.redshift_bin[rows[part]]),
           "magnitude_row": tf.constant(labels.magnitude_row[rows[part]])} for part in parts]


def _features(network, data, config, split, rows, feature_dir, **options):
  digest = features_digest(config.init_weights_digest, config.data_digest, rows,
                           config.image_size)
  return frozen_features(network.get_layer("representation"), data, split, rows,
                         path=os.path.join(feature_dir, f"{split}-{digest}.npy"), **options)
