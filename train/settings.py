"""How flags, preset, survey and stage become the settings of a stage.

A value comes from the first of: a flag that was given, the data set's preset,
the survey and the stage.
"""

from __future__ import annotations

import dataclasses
import shlex
from typing import Any

from absl import logging

from pzbias_tf import storage
from pzbias_tf.bias.balance import threshold_that_keeps
from pzbias_tf.data.augment import INTERPOLATING
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.extra_columns import ExtraColumns
from pzbias_tf.data.flux import InputScaling
from pzbias_tf.data.magnitudes import PhotometryInput
from pzbias_tf.data.manifest import SMALLEST_SIDE
from pzbias_tf.models.representation import NET_C, check_network, network_name
from pzbias_tf.training.checkpoints import file_digest
from pzbias_tf.training.config import TrainConfig, load_config
from pzbias_tf.training.one_stage import fit_extra_columns, fit_input_scaling, fit_photometry
from pzbias_tf.training.run_folder import StageInputs, is_stage
from pzbias_tf.training.stages import ITEALTER_ITERATIONS, ITEALTER_KEPT, photometry_schedule
from pzbias_tf.training.training_sample import survey_part
from train.flags import Request

BALANCED_SHARE = 0.6
"""Of the training galaxies; the default threshold of photometry keeps at least this in Step 2."""


def resolve(request: Request, data: Dataset) -> dict[str, Any]:
  """Settings that a flag, the data set's preset or the survey and stage decide.

  Returns:
    net, fth, image_size, input_scaling (its kind), iterations, batch_size,
    learning_rate, lr_drops, keep_weights_at.
  """
  return {name: value for name, (value, _) in with_origins(request, data).items()}


def with_origins(request: Request, data: Dataset) -> dict[str, tuple[Any, str]]:
  """{setting of `resolve`: (its value, where that comes from)}."""
  settings = _defaults(request)
  if data.manifest.photometry:
    _check_no_image_flags(request)
  preset = stage_preset(request, data)
  origin = ("photometry, by the number of galaxies" if data.manifest.photometry
            else "preset of the data set")
  settings.update({name: (preset[name], origin) for name in settings if name in preset})
  settings["lr_drops"] = (tuple(settings["lr_drops"][0]), settings["lr_drops"][1])
  settings["keep_weights_at"] = ((), "stage")
  if request.itealter == 1:
    settings.update({name: (value, "--itealter=1") for name, value in (
        ("iterations", ITEALTER_ITERATIONS), ("lr_drops", ()), ("keep_weights_at", ITEALTER_KEPT))})
  for name in settings:
    if getattr(request, name, None) is not None:
      settings[name] = (getattr(request, name), "flag")
  check_network(settings["net"][0], photometry=data.manifest.photometry is not None)
  size, sides = settings["image_size"][0], data.manifest.image_shape[:2]
  if sides and min(size, *sides) < SMALLEST_SIDE:
    raise ValueError(f"{data.folder}: --image_size={size} of images of "
                     f"{' x '.join(map(str, sides))} pixels; a side of {SMALLEST_SIDE} or more is "
                     "needed")
  return settings


def _check_no_image_flags(request):
  """Refuses flags that mean nothing for photometry."""
  given = [f"--{name}={getattr(request, name)}"
           for name in ("image_size", "input_scaling", "data_service") if getattr(request, name)]
  if request.augment in INTERPOLATING:
    given.append(f"--augment={request.augment}")
  if given:
    raise ValueError(f"{', '.join(given)}: for images, and this data set holds photometry; leave "
                     "it out")


def _defaults(request) -> dict[str, tuple[Any, str]]:
  """What the survey and the stage say: {setting: (value, which of them)}."""
  stage, survey = request.stage, request.survey
  batch_size = survey.batch_size if stage.trains_all else survey.batch_size_output
  return {
      "net": (0, "default"), "fth": (survey.balance_threshold, "survey"),
      "image_size": (survey.image_size, "survey"), "input_scaling": ("sqrt", "default"),
      "iterations": (stage.iterations, "stage"), "batch_size": (batch_size, "survey"),
      "learning_rate": (stage.learning_rate, "stage"), "lr_drops": (stage.lr_drops, "stage")}


def stage_preset(request: Request, data: Dataset) -> dict[str, Any]:
  """The data set's preset for a stage; {} where there is none, or it is for another network.

  Photometry has one of its own, which follows from the number of galaxies.
  """
  preset = data.manifest.preset
  if data.manifest.photometry:
    preset = _photometry_preset(data, request.survey)
  if request.net is not None and request.net != preset.get("net"):
    return {}
  return {**preset, **preset.get("stages", {}).get(request.stage.name, {})}


def _photometry_preset(data, survey) -> dict[str, Any]:
  """Settings of all stages, which follow from the number of galaxies."""
  keep = survey_part(data, survey) & (data.column("split") == "train")
  z_spec, r_mag = (data.column(name)[keep] for name in ("z_spec", "r_mag"))
  fth = threshold_that_keeps(z_spec, r_mag, survey, share=BALANCED_SHARE) if keep.any() else 1
  return {"net": NET_C, "image_size": 0, "fth": fth,
          "stages": photometry_schedule(data.manifest.records("train"))}


def announce_preset(request: Request, settings: dict[str, Any], data: Dataset) -> None:
  """Logs whether the data set's preset is used, and what that means."""
  if data.manifest.photometry:
    logging.info("%s holds photometry: %s, %d iterations with batches of %d, balancing "
                 "threshold %d, unless flags say otherwise", data.folder,
                 network_name(settings["net"]), settings["iterations"], settings["batch_size"],
                 settings["fth"])
  elif stage_preset(request, data):
    logging.info("%s comes with a preset for CPUs, which applies where no flag says otherwise: "
                 "%s, %d pixels, %d iterations with batches of %d. --net=net_p is the paper's "
                 "network with its published schedule", data.folder, network_name(settings["net"]),
                 settings["image_size"], settings["iterations"], settings["batch_size"])
  elif data.manifest.preset:
    logging.info("The preset of %s is for another network and is not used", data.folder)


def make_config(request: Request, settings: dict[str, Any], data: Dataset, inputs: StageInputs,
                stage_dir: str) -> TrainConfig:
  """All settings of a stage.

  Args:
    request: the flags.
    settings: of `resolve`.
    data: the data set.
    inputs: what the stage starts from.
    stage_dir: the stage's folder.

  Raises:
    ValueError: the stage to start from has another input scaling or other extra columns.
  """
  as_given = {name: getattr(request, name) for name in _fields(TrainConfig) & _fields(Request)}
  config = TrainConfig(**{
      **as_given, **settings, **what_the_stage_uses(request, settings),
      "stage": request.stage.name, "extra_columns": ExtraColumns(),
      "input_scaling": _input_scaling(settings, data, inputs, stage_dir),
      "data_digest": data.manifest.digest(),
      "init_weights_digest": _digest(inputs.init_weights),
      "label_predictions_digest": _digest(inputs.label_predictions)})
  return dataclasses.replace(
      config, extra_columns=_extra_columns(request, config, data, inputs, stage_dir),
      photometry=_photometry(config, data, inputs, stage_dir), **of_photometry(data))


def _fields(kind):
  return {field.name for field in dataclasses.fields(kind)}


def _digest(path):
  return file_digest(path) if path else ""


def of_photometry(data: Dataset) -> dict[str, Any]:
  """The settings that photometry decides, which has one view of a galaxy; {} of images."""
  return {"augment": "none"} if data.manifest.photometry else {}


def what_the_stage_uses(request: Request, settings: dict[str, Any]) -> dict[str, Any]:
  """The settings that not every stage uses, as this one has them.

  Those that the stage does not use keep their defaults, so that runs can share it.
  """
  if request.stage.trains_all:
    return {"survey": request.survey.whole_dataset(), "fth": 0, "softlabel": True,
            "shiftlabel": True, "dispersions": "published", "label_width": 1.0,
            "cache_features": True, "feature_dtype": "float32"}
  shapes_labels = bool(request.stage.labels_from)
  return {
      "nsub": 0, "errl": 0.0,  # Steps 2 and 3 draw on all galaxies, with clean labels
      "fth": settings["fth"], "augment": _dihedral_augment(request),
      "softlabel": request.softlabel or not shapes_labels,
      "shiftlabel": request.shiftlabel or not shapes_labels,
      "dispersions": request.dispersions if shapes_labels else "published",
      "label_width": request.label_width if shapes_labels else 1.0,
      "feature_dtype": request.feature_dtype if request.cache_features else "float32"}


def _dihedral_augment(request):
  """The augmentation of a stage that trains on features of the 8 dihedral views."""
  if request.augment not in INTERPOLATING:
    return request.augment
  logging.info("--augment=%s is for Baseline and Step 1: %s trains on features of the 8 "
               "dihedral views", request.augment, request.stage.title)
  return "dihedral"


def _input_scaling(settings, data, inputs, stage_dir) -> InputScaling:
  """Step 1's where there is one, the stage's own if it has run before, else measured."""
  for folder in (inputs.init_from, stage_dir):
    if folder and is_stage(folder):
      scaling = load_config(folder)[0].input_scaling
      if scaling.kind == settings["input_scaling"]:
        return scaling
  if inputs.init_from:
    raise ValueError(f"{inputs.init_from} was trained with another --input_scaling than "
                     f"{settings['input_scaling']}")
  return fit_input_scaling(settings["input_scaling"], data, settings["image_size"])


def _extra_columns(request, config, data, inputs, stage_dir) -> ExtraColumns:
  """Step 1's where there is one, the stage's own if it has run before, else measured."""
  given = request.extra_columns
  if inputs.init_from and is_stage(inputs.init_from):
    columns = load_config(inputs.init_from)[0].extra_columns
    if given is not None and tuple(given) != columns.names:
      raise ValueError(f"{inputs.init_from} was trained with "
                       f"--extra_columns={','.join(columns.names)}, not {','.join(given)}; leave "
                       "the flag out, or start from another stage")
    return columns
  names = chosen_columns(request, data)
  if is_stage(stage_dir) and load_config(stage_dir)[0].extra_columns.names == names:
    return load_config(stage_dir)[0].extra_columns
  return fit_extra_columns(names, data, config)


def _photometry(config, data, inputs, stage_dir) -> PhotometryInput | None:
  """Step 1's where there is one, the stage's own if it has run before, else measured."""
  for folder in (inputs.init_from, stage_dir):
    if folder and is_stage(folder):
      return load_config(folder)[0].photometry
  return fit_photometry(data, config)


def chosen_columns(request: Request, data: Dataset) -> tuple[str, ...]:
  """The extra columns that a Baseline or Step 1 takes: those of the flag, else all.

  Raises:
    ValueError: one is named twice.
  """
  if request.extra_columns is None:
    return data.manifest.extra_columns
  names = tuple(request.extra_columns)
  if len(set(names)) < len(names):
    raise ValueError(f"--extra_columns={','.join(names)} names a column twice")
  return names


def provenance(request: Request, inputs: StageInputs) -> dict[str, str]:
  """Where a stage's inputs come from, and its command, for config.json."""
  paths = {"data_dir": request.data_dir, "init_from": inputs.init_from,
           "init_weights": inputs.init_weights, "label_predictions": inputs.label_predictions}
  # Absolute, so that a run is understood from any folder.
  return {**{name: path and storage.absolute(path) for name, path in paths.items()},
          "command": shlex.join(["python", "-m", "train.main", *request.given])}


def check_request_fits(request: Request, config: TrainConfig, data: Dataset,
                       stage_dir: str) -> None:
  """Refuses flags or data that contradict the settings of a trained stage.

  Args:
    request: the flags.
    config: the settings of the trained stage.
    data: the data set.
    stage_dir: its folder, for the messages.

  Raises:
    ValueError: the message names the flag and both values, or the data set.
  """
  for name in ("net", "image_size", "fth", "ne"):
    given = getattr(request, name)
    applies = name != "fth" or not config.stage_spec.trains_all
    if given is not None and applies and given != getattr(config, name):
      raise ValueError(f"{stage_dir} was trained with --{name}={getattr(config, name)}, not "
                       f"{given}")
  extra, names = request.extra_columns, config.extra_columns.names
  if extra is not None and tuple(extra) != names:
    raise ValueError(f"{stage_dir} was trained with --extra_columns={','.join(names)}, not "
                     f"{','.join(extra)}")
  if config.survey.bins != request.survey.bins:
    raise ValueError(f"{stage_dir} was trained with --bins={config.survey.bins}, not "
                     f"{request.survey.bins}")
  if config.data_digest != data.manifest.digest():
    raise ValueError(f"{stage_dir} was trained on another data set than {data.folder}; to predict "
                     "other galaxies, use python -m eval.predict")
