"""How flags, preset, survey and stage become the settings of a stage.

A value comes from the first of: a flag that was given, the data set's preset,
the survey and the stage.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from absl import logging

from pzbias_tf.data.augment import INTERPOLATING
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.flux import InputScaling
from pzbias_tf.training import one_stage, run_folder
from pzbias_tf.training.checkpoints import file_digest
from pzbias_tf.training.config import TrainConfig, load_config
from pzbias_tf.training.run_folder import StageInputs
from pzbias_tf.training.stages import ITEALTER_ITERATIONS, ITEALTER_KEPT
from train.flags import Request


def resolve(request: Request, data: Dataset) -> dict[str, Any]:
  """Settings that a flag, the data set's preset or the survey and stage decide.

  Returns:
    net, fth, image_size, input_scaling (its kind), iterations, batch_size,
    learning_rate, lr_drops, keep_weights_at.
  """
  stage, survey = request.stage, request.survey
  preset = stage_preset(request, data)
  defaults = {
      "net": 0, "fth": survey.balance_threshold, "image_size": survey.image_size,
      "input_scaling": "sqrt", "iterations": stage.iterations,
      "batch_size": survey.batch_size if stage.trains_all else survey.batch_size_output,
      "learning_rate": stage.learning_rate, "lr_drops": stage.lr_drops}
  settings = {name: preset.get(name, default) for name, default in defaults.items()}
  settings["lr_drops"] = tuple(settings["lr_drops"])
  settings["keep_weights_at"] = ()
  if request.itealter == 1:
    settings.update(iterations=ITEALTER_ITERATIONS, lr_drops=(), keep_weights_at=ITEALTER_KEPT)
  for name in defaults:
    if getattr(request, name, None) is not None:
      settings[name] = getattr(request, name)
  return settings


def stage_preset(request: Request, data: Dataset) -> dict[str, Any]:
  """The data set's preset for a stage; {} where there is none, or it is for another network."""
  preset = data.manifest.preset
  if request.net is not None and request.net != preset.get("net"):
    return {}
  return {**preset, **preset.get("stages", {}).get(request.stage.name, {})}


def announce_preset(request: Request, settings: dict[str, Any], data: Dataset) -> None:
  """Logs whether the data set's preset decides settings, and which."""
  if stage_preset(request, data):
    logging.info("%s comes with a preset for CPUs, used where no flag says otherwise. Now: "
                 "network %d, %d pixels, %d iterations of %d. --net=0 is the paper's network with "
                 "its published schedule", data.folder, settings["net"], settings["image_size"],
                 settings["iterations"], settings["batch_size"])
  elif data.manifest.preset:
    logging.info("The preset of %s is for another network: not used", data.folder)


def stage_config(request: Request, settings: dict[str, Any], data: Dataset, inputs: StageInputs,
                 stage_dir: str) -> TrainConfig:
  """All settings of the stage.

  Args:
    request: the flags.
    settings: as `resolve` gives them.
    data: the data set.
    inputs: what the stage starts from.
    stage_dir: its folder, which may hold settings of an earlier call.
  """
  whole = request.stage.trains_all
  values = dict(settings, input_scaling=_input_scaling(settings, data, inputs, stage_dir))
  names = {field.name for field in dataclasses.fields(TrainConfig)}
  values.update({name: getattr(request, name) for name in names - set(values)
                 if hasattr(request, name)})
  if not whole and request.augment in INTERPOLATING:
    logging.info("--augment=%s is for Baseline and Step 1: %s trains on features of the 8 "
                 "dihedral views", request.augment, request.stage.title)
    values["augment"] = "dihedral"
  values.update(
      stage=request.stage.name,
      # What a stage does not use is left at its default, so that runs can share it.
      survey=request.survey.whole_dataset() if whole else request.survey,
      fth=0 if whole else settings["fth"],
      softlabel=request.softlabel or not request.stage.labels_from,
      shiftlabel=request.shiftlabel or not request.stage.labels_from,
      cache_features=request.cache_features or whole,
      feature_dtype="float32" if whole or not request.cache_features else request.feature_dtype,
      # Steps 2 and 3 draw on all galaxies, with clean labels.
      nsub=request.nsub if whole else 0, errl=request.errl if whole else 0.0,
      data_digest=data.manifest.digest(),
      init_weights_digest=file_digest(inputs.init_weights) if inputs.init_weights else "",
      label_predictions_digest=(
          file_digest(inputs.label_predictions) if inputs.label_predictions else ""))
  return TrainConfig(**values)


def _input_scaling(settings, data, inputs, stage_dir) -> InputScaling:
  """That of the stage it starts from, or its own of an earlier call, else measured."""
  for folder in (inputs.init_from, stage_dir):
    if folder and run_folder.is_stage(folder):
      scaling = load_config(folder)[0].input_scaling
      if scaling.kind == settings["input_scaling"]:
        return scaling
  if inputs.init_from:
    raise ValueError(f"{inputs.init_from} was trained with another --input_scaling than "
                     f"{settings['input_scaling']}")
  return one_stage.fit_input_scaling(settings["input_scaling"], data, settings["image_size"])


def check_request_fits(request: Request, config: TrainConfig, data: Dataset, folder: str) -> None:
  """Refuses flags or data that contradict the settings of a trained stage.

  Raises:
    ValueError: the message names flag, folder and both values.
  """
  for name in ("net", "image_size", "fth", "ne"):
    given = getattr(request, name)
    applies = name != "fth" or not config.stage_spec.trains_all
    if given is not None and applies and given != getattr(config, name):
      raise ValueError(f"{folder} was trained with --{name}={getattr(config, name)}, not {given}")
  if config.survey.bins != request.survey.bins:
    raise ValueError(f"{folder} was trained with --bins={config.survey.bins}, not "
                     f"{request.survey.bins}")
  if config.data_digest != data.manifest.digest():
    raise ValueError(f"{folder} was trained on another data set than {data.folder}; to predict "
                     "other galaxies, use python -m eval.predict")
