"""Runs one stage: network -> training -> predictions."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import Any, Sequence

from absl import logging
import numpy as np
import tensorflow as tf

from pzbias_tf import storage
from pzbias_tf.bias.balance import KEEP_ALL
from pzbias_tf.bias.soft_labels import LabelModel, fit_label_model
from pzbias_tf.choices import AUTO
from pzbias_tf.data.data_set_facts import DataSetFacts
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.extra_columns import ExtraColumns
from pzbias_tf.data.flux import InputScaling
from pzbias_tf.data.magnitudes import PhotometryInput
from pzbias_tf.data.pipeline import DataService, ordered_batches
from pzbias_tf.guards import own_folders
from pzbias_tf.guards.locks import exclusive_folder
from pzbias_tf.metrics.label_width import widest_labels
from pzbias_tf.models import build_network
from pzbias_tf.models.output_module import REDSHIFT_LAYER
from pzbias_tf.predictions.predictions import Estimates, Predictions, predicted_with
from pzbias_tf.predictions.predictions_file import read_columns
from pzbias_tf.predictions.predictor import Predictor, collect
from pzbias_tf.predictions.training_domain import training_domain
from pzbias_tf.training import run_folder, training_sample
from pzbias_tf.training.checkpoints import StageFiles, file_digest, load_weights, save_weights
from pzbias_tf.training.config import (
  DATA_SET,
  TrainConfig,
  check_same_settings,
  save_config,
  settings_digest,
)
from pzbias_tf.training.devices import is_chief, num_workers
from pzbias_tf.training.loop import Loop, Pace
from pzbias_tf.training.monitoring import Monitoring, write_outcomes
from pzbias_tf.training.problem import Problem, redshift_layers_problem, whole_network_problem
from pzbias_tf.training.run_folder import StageInputs

NO_STAGE_SEED = 2**30  # larger than any stage's
SCALING_GALAXIES = 2048  # they give the standard deviation of a band to about 1%


@dataclasses.dataclass(frozen=True, kw_only=True)
class Devices:
  """Where and how a stage runs; this does not change its results.

  Attributes:
    strategy: all devices.
    xla: compile the training step with XLA.
    pace: how often the loop returns to the host.
    monitoring: what is recorded during training.
    data_service: address of a tf.data service that reads images; "" for none.
  """

  strategy: tf.distribute.Strategy
  xla: bool
  pace: Pace = Pace()
  monitoring: Monitoring = Monitoring()
  data_service: str = ""


def train_stage(config: TrainConfig, data: Dataset, stage_dir: str, inputs: StageInputs,
                devices: Devices, *, provenance: dict[str, str]) -> None:
  """Trains a stage; resumes one that stopped, and leaves one that is trained as it is.

  Args:
    config: its settings.
    data: the data set.
    stage_dir: its folder.
    inputs: what it starts from.
    devices: where it runs.
    provenance: where its inputs come from, for config.json.

  Raises:
    ValueError: the folder was trained with other settings.
  """
  run_folder.check_inputs_fit(config, inputs)
  check_same_settings(config, stage_dir)
  if num_workers(devices.strategy) > 1 and not config.stage_spec.trains_all:
    raise ValueError(f"{config.stage_spec.title} trains redshift layers on features that are "
                     "computed once: one machine is enough; unset TF_CONFIG")
  run_folder.refuse_foreign(stage_dir)
  chief = is_chief(devices.strategy)
  with exclusive_folder(stage_dir) if chief else contextlib.nullcontext():
    _train_stage(config, data, stage_dir, inputs, devices, provenance)


def _train_stage(config, data, stage_dir, inputs, devices, provenance):
  files = StageFiles(stage_dir)
  if is_chief(devices.strategy):
    for folder in (stage_dir, files.resume, os.path.dirname(files.best)):
      own_folders.clear_files(folder)
  if os.path.exists(files.last):
    logging.info("%s is trained already: %s", config.stage_spec.title, files.last)
    return
  if is_chief(devices.strategy):
    save_config(config, stage_dir, provenance={
        **provenance, DATA_SET: DataSetFacts.of(data.manifest, data.folder).to_json()})
  network = _first_network(config, inputs, devices.strategy)
  if _trains_nothing(config):
    logging.info("--fth=%d: %s trains nothing and keeps the weights of %s", config.fth,
                 config.stage_spec.title, inputs.init_weights)
    save_weights(network, files.last)
    return
  problem = make_problem(network, data, config, stage_dir, inputs,
                         data_service=_data_service(config, devices, stage_dir))
  Loop(problem, config, files, strategy=devices.strategy, xla=devices.xla,
       pace=devices.pace, monitoring=devices.monitoring).run()


def _first_network(config, inputs, strategy):
  """The network with the weights that the stage starts from."""
  # Not 0: then TensorFlow would compare the seeds of shuffles with 0, and they depend on the epoch.
  tf.keras.utils.set_random_seed(config.stage_seed or NO_STAGE_SEED)
  with strategy.scope():
    network = make_network(config)
  if inputs.init_weights:
    skip = (REDSHIFT_LAYER,) if config.stage_spec.extended else ()
    load_weights(network, inputs.init_weights, skip=skip)
  return network


def _trains_nothing(config):
  """Whether the stage is Step 2 with every galaxy: Step 1 was trained on them."""
  stage = config.stage_spec
  return not stage.trains_all and not stage.extended and config.fth >= KEEP_ALL


def make_network(config: TrainConfig) -> tf.keras.Model:
  """The network of a stage, with initial weights."""
  stage = config.stage_spec
  return build_network(config.net, config.survey, multi_output=stage.multi_output,
                       extended=stage.extended, image_size=config.image_size,
                       input_scaling=config.input_scaling, precision=config.precision,
                       extra_columns=config.extra_columns, photometry=config.photometry)


def make_problem(network: tf.keras.Model, data: Dataset, config: TrainConfig, stage_dir: str,
                 inputs: StageInputs, *,
                 data_service: DataService | None = None) -> Problem:
  """The stage as a training problem."""
  if config.stage_spec.trains_all:
    return whole_network_problem(network, data, config, data_service=data_service)
  label_model = None
  if config.stage_spec.labels_from:
    label_model = _label_model(config, os.path.join(stage_dir, run_folder.LABEL_MODEL), inputs)
  return redshift_layers_problem(
      network, data, config, label_model=label_model,
      feature_dir=os.path.join(inputs.init_from, run_folder.FEATURES))


def predict_stage(config: TrainConfig, data: Dataset, stage_dir: str, *,
                  weights: str = "") -> None:
  """Predicts test and validation galaxies and, from Step 2 on, the balanced subset.

  Existing predictions of the same weights are kept.  A data set without
  validation galaxies is accepted.

  Args:
    config: the stage's settings.
    data: the data set.
    stage_dir: its folder.
    weights: weights file, "" for the last ones of the stage.
  """
  samples = _samples(config, data)
  weights = weights or StageFiles(stage_dir).last
  digest = file_digest(weights)
  missing = [name for name in samples
             if not predicted_with(os.path.join(stage_dir, name), digest)]
  if not missing:
    logging.info("%s: the predictions exist already", stage_dir)
    return
  network = make_network(config)
  load_weights(network, weights)
  simulated = DataSetFacts.of(data.manifest, data.folder).origin.mark
  domain = training_domain(data, config.image_size, os.path.join(stage_dir, run_folder.DOMAIN))
  edges = config.survey.edges(extended=config.stage_spec.extended)
  predictor = Predictor([network], edges, domain=domain)  # compiled once, for all samples
  for name in missing:
    split, keep = samples[name]
    path = os.path.join(stage_dir, name)
    predictions = collect(edges, predictor.batches(data, split, keep))
    predictions.save(path, weights_digest=digest, simulated=simulated)
    logging.info("%s: %d galaxies -> %s", config.stage_spec.title, len(predictions), path)
  write_outcomes(config, stage_dir, {
      split: Estimates(read_columns([os.path.join(stage_dir, name)]))
      for name, (split, _) in samples.items() if name != run_folder.PREDICTIONS_BALANCED})


def fit_input_scaling(kind: str, data: Dataset, image_size: int) -> InputScaling:
  """Measures the input scaling on training galaxies."""
  if kind != "sqrt_whitened":
    return InputScaling.fit(kind, np.zeros([0]))
  keep = data.column("split") == "train"
  keep[np.flatnonzero(keep)[SCALING_GALAXIES:]] = False
  batches = ordered_batches(data, "train", keep=keep, labels=None, batch_size=256,
                            image_size=image_size)
  return InputScaling.fit(kind, np.concatenate([batch["image"].numpy() for batch in batches]))


def fit_extra_columns(names: Sequence[str], data: Dataset, config: TrainConfig) -> ExtraColumns:
  """Measures extra columns on the galaxies that a Baseline or Step 1 trains on.

  Args:
    names: names of the columns.
    data: the data set.
    config: the stage's settings, which decide its galaxies.

  Raises:
    ValueError: the data set lacks a column, or one has the same value everywhere.
  """
  if not names:
    return ExtraColumns()
  keep, _ = training_sample.training_records(data, config)
  return ExtraColumns.fit(names, data.extra(names)[keep & (data.column("copy") == 0)])


def fit_photometry(data: Dataset, config: TrainConfig) -> PhotometryInput | None:
  """Measures photometry on the galaxies that a Baseline or Step 1 trains on; None of images.

  Args:
    data: the data set.
    config: the stage's settings, which decide its galaxies.

  Raises:
    ValueError: a band has the same magnitude everywhere, or none.
  """
  columns = data.manifest.photometry
  if columns is None:
    return None
  keep, _ = training_sample.training_records(data, config)
  if not keep.any():
    raise ValueError(f"{data.folder}: no training galaxy to standardise magnitudes by; convert "
                     "galaxies into the split 'train'")
  magnitudes, errors = data.photometry()
  return PhotometryInput.fit(
      data.manifest.bands, columns, magnitudes[keep], None if errors is None else errors[keep],
      data.column("ebv")[keep])


def _samples(config, data):
  """{predictions file: (split, records)} of the samples that are not empty.

  The test sample comes last: a stage that has its predictions is complete.
  """
  whole_sample = config.stage_spec.trains_all
  samples = {name: (split, training_sample.evaluation_records(data, split, config.survey,
                                                              whole_sample=whole_sample))
             for name, split in ((run_folder.PREDICTIONS_VALIDATION, "validation"),
                                 (run_folder.PREDICTIONS_TEST, "test"))}
  if not whole_sample:
    samples = {run_folder.PREDICTIONS_BALANCED: (
        "train", _mask(data, training_sample.balanced_records(data, config))), **samples}
  if not samples[run_folder.PREDICTIONS_TEST][1].any():
    logging.warning("%s: no galaxy in the split 'test', so no %s", data.folder,
                    run_folder.PREDICTIONS_TEST)
  return {name: sample for name, sample in samples.items() if sample[1].any()}


def _data_service(config, devices, stage_dir):
  """The service of --data_service, None without; several processes share one job of it.

  The name of the job depends on the settings: a service keeps its jobs, and would serve the
  galaxies of an earlier training to one with other settings.
  """
  if not devices.data_service:
    return None
  if num_workers(devices.strategy) == 1:
    return DataService(devices.data_service)
  return DataService(devices.data_service,
                     f"{storage.absolute(stage_dir)}#{settings_digest(config.settings())}")


def _mask(data, rows):
  keep = np.zeros(len(data.catalog), bool)
  keep[rows] = True
  return keep


def _label_model(config, path, inputs):
  """The label model of Step 3, fitted on the Step 2 predictions of the balanced subset."""
  if os.path.exists(path):
    return LabelModel.load(path, config.survey,
                           predictions_digest=config.label_predictions_digest)
  step2 = Predictions.load(inputs.label_predictions)
  widths: dict[str, Any] = {"width_factor": config.label_width}
  if config.label_width == AUTO:
    widths = {"sigma_disp": widest_labels(_validation(inputs), config.survey)}
  model = fit_label_model(step2.z_spec, step2.z_photo, step2.r_mag, config.survey,
                          dispersions=config.dispersions, **widths)
  model.save(path, predictions_digest=config.label_predictions_digest)
  logging.info("Label model of %d galaxies -> %s; widths of the labels in bins: %s", len(step2),
               path, np.round(model.sigma_disp, 1).tolist())
  return model


def _validation(inputs) -> Predictions:
  """Step 2's predictions of validation galaxies, made together with those of the labels."""
  path = os.path.join(os.path.dirname(inputs.label_predictions),
                      run_folder.PREDICTIONS_VALIDATION)
  if not os.path.exists(path):
    raise FileNotFoundError(f"--label_width=auto needs {path}; convert galaxies into the split "
                            "'validation' (--split, or --validation_share), or leave it out")
  return Predictions.load(path)
