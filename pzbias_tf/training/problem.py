"""A stage as a training problem: what trains, its loss, its batches, its validation."""

from __future__ import annotations

import dataclasses
import functools
import os
from typing import Callable, Mapping

import numpy as np
import tensorflow as tf

from pzbias_tf.bias.soft_labels import LabelModel
from pzbias_tf.data.augment import DIHEDRAL_ELEMENTS, INTERPOLATING, in_views
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.draw_order import drawn_pairs
from pzbias_tf.data.pipeline import Batch, DataService, ordered_batches, training_batches
from pzbias_tf.models.network import network_inputs, redshift_variables
from pzbias_tf.training import losses, training_sample
from pzbias_tf.training.config import TrainConfig
from pzbias_tf.training.features import cached_features, feature_batches, features_digest

VALIDATION_GALAXIES = 4096  # enough for a loss to 1%, small enough for memory


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
  """What the loop needs to know about a stage.

  Attributes:
    network: the whole network.
    variables: what trains.
    forward: batch -> logits, for training and validation batches alike.
    losses: {"redshift", and "magnitude" where it trains: (logits, batch) -> loss of each galaxy
      [batch]}; their sum is minimized.
    augment: batch -> batch, inside the compiled step, in training only.
    batches: first step -> endless training batches.
    validation: the validation batches, kept in memory; empty for none.
    galaxies: number of training records.
  """

  network: tf.keras.Model
  variables: list[tf.Variable]
  forward: Callable[[Batch], dict[str, tf.Tensor]]
  losses: Mapping[str, Callable[[dict[str, tf.Tensor], Batch], tf.Tensor]]
  augment: Callable[[Batch], Batch]
  batches: Callable[[int], tf.data.Dataset]
  validation: list[Batch]
  galaxies: int


def whole_network_problem(network: tf.keras.Model, data: Dataset, config: TrainConfig, *,
                          data_service: DataService | None = None) -> Problem:
  """Baseline and Step 1: everything trains, on images; `data_service` as in
  `training_batches`."""
  keep, labels = training_sample.training_records(data, config)
  survey, multi_output = config.survey, config.stage_spec.multi_output
  parts = {"redshift": _redshift_loss(
      losses.hard_label_loss(survey) if multi_output else losses.single_output_loss)}
  if multi_output:
    parts["magnitude"] = lambda logits, batch: losses.magnitude_loss(
        logits["r_logits"], batch["magnitude_row"], survey)
  return Problem(network=network, variables=list(network.trainable_variables), losses=parts,
                 galaxies=int(keep.sum()),
                 **_on_images(network, data, config, keep, labels, data_service))


def redshift_layers_problem(network: tf.keras.Model, data: Dataset, config: TrainConfig, *,
                            feature_dir: str, label_model: LabelModel | None) -> Problem:
  """Steps 2 and 3: the redshift layers train, behind the frozen representation.

  Args:
    network: with the weights of Step 1.
    data: the data set.
    config: the stage's settings.
    feature_dir: folder for the features, if `config.cache_features`.
    label_model: shapes Step 3's labels; None for the hard labels of Step 2.
  """
  rows = training_sample.balanced_records(data, config)
  labels = training_sample.make_labels(data, config.survey)
  if label_model is None:
    loss = losses.hard_label_loss(config.survey)
  else:
    loss = losses.soft_label_loss(label_model, soften=config.softlabel, shift=config.shiftlabel)
  if config.cache_features:
    inputs = _on_features(network, data, config, rows, labels, feature_dir)
  else:
    inputs = _on_images(network, data, config, np.isin(np.arange(len(data.catalog)), rows), labels)
  return Problem(
      network=network, variables=redshift_variables(network), galaxies=len(rows),
      losses={"redshift": _redshift_loss(loss)}, **inputs)


def _redshift_loss(loss: losses.RedshiftLoss):
  return lambda logits, batch: loss(
      logits["z_logits"], batch["redshift_bin"], batch["magnitude_row"])


def _on_images(network, data, config, keep, labels, data_service=None):
  """What depends on the kind of batches, for input that passes through the whole network."""
  return {
      "forward": lambda batch: network(network_inputs(batch)),
      "augment": in_views,
      "batches": lambda step: training_batches(
          data, keep=keep, labels=labels, batch_size=config.batch_size,
          image_size=config.image_size, seed=config.stage_seed, start_step=step,
          dihedral=config.augment != "none",
          augment=INTERPOLATING.get(config.augment), data_service=data_service,
          extra_columns=config.extra_columns.names),
      "validation": _validation_images(data, config)}


def _on_features(network, data, config, rows, labels, feature_dir):
  """The same for features, which are computed here where they do not exist yet."""
  representation, output_module = (
      network.get_layer(name) for name in ("representation", "output_module"))
  features_of = functools.partial(
      cached_features, representation, data, dtype=config.feature_dtype,
      folder=os.path.join(feature_dir, features_digest(config, representation)))
  order = {"batch_size": config.batch_size, "seed": config.stage_seed,
           "dihedral": config.augment != "none"}
  views = 1 if config.photometry else DIHEDRAL_ELEMENTS
  drawn = np.zeros([len(data.catalog), views], bool)
  drawn[rows] = drawn_pairs(len(rows), steps=config.iterations, **order)[:, :views]
  features = features_of("train", drawn)
  return {
      "forward": lambda batch: output_module(batch["features"]),
      "augment": lambda batch: batch,
      "batches": lambda step: feature_batches(features, rows, labels, start_step=step, **order),
      "validation": _validation_features(features_of, data, config, views)}


def _validation_keep(data, config):
  """Up to VALIDATION_GALAXIES records that the stage is judged on."""
  keep = training_sample.evaluation_records(data, "validation", config.survey,
                                            whole_sample=config.stage_spec.trains_all)
  keep[np.flatnonzero(keep)[VALIDATION_GALAXIES:]] = False
  return keep


def _validation_images(data, config):
  keep = _validation_keep(data, config)
  if not keep.any():
    return []
  labels = training_sample.make_labels(data, config.survey)
  return list(ordered_batches(data, "validation", keep=keep, labels=labels,
                              batch_size=config.batch_size, image_size=config.image_size,
                              extra_columns=config.extra_columns.names))


def _validation_features(features_of, data, config, views):
  keep = _validation_keep(data, config)
  if not keep.any():
    return []
  labels, rows = training_sample.make_labels(data, config.survey), np.flatnonzero(keep)
  first_view = np.arange(views) == 0
  features = features_of("validation", keep[:, np.newaxis] & first_view)
  return [{"features": tf.constant(features[part, 0].astype(np.float32)),
           "row": tf.constant(part), "redshift_bin": tf.constant(labels.redshift_bin[part]),
           "magnitude_row": tf.constant(labels.magnitude_row[part])}
          for part in np.array_split(rows, max(1, len(rows) // 512))]
