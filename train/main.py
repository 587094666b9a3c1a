"""Trains one stage of the method and predicts with it.

  python -m train.main                                  Baseline
  python -m train.main --tstep=1 --multir               Step 1
  python -m train.main --tstep=2 --multir               Step 2, from Step 1
  python -m train.main --tstep=3 --multir               Step 3, from Steps 1 and 2

The stage's folder is <workdir>/<experiment>/<stage>.  Run again, a stage goes
on where it stopped.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
import sys
from typing import Any

from absl import app, logging
import tensorflow as tf

from pzbias_tf import command, storage
from pzbias_tf.data.allocator import keep_freed_memory
from pzbias_tf.data.augment import INTERPOLATING
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.flux import InputScaling
from pzbias_tf.training import one_stage, run_folder
from pzbias_tf.training.checkpoints import StageFiles, file_digest
from pzbias_tf.training.config import TrainConfig, check_same_settings, load_config, save_config
from pzbias_tf.training.devices import is_chief, make_strategy, use_xla
from pzbias_tf.training.interruption import Interrupted
from pzbias_tf.training.loop import Pace
from pzbias_tf.training.monitoring import Monitoring
from pzbias_tf.training.run_folder import StageInputs, Variant
from pzbias_tf.training.stages import STAGES, stage_named
from train import flags as train_flags


def main(argv):
  command.refuse_words(argv)
  keep_freed_memory()  # before TensorFlow starts its threads
  try:
    with command.one_line_errors(FloatingPointError):
      run(train_flags.read_request())
  except Interrupted as interrupted:
    logging.warning("%s", interrupted)
    sys.exit(128 + interrupted.number)  # as a shell reports an end by that signal
  except tf.errors.UnavailableError as error:
    sys.exit(f"Error: a process that trains along has gone: {error.message}\n"
             "Give the same command to all of them again; they go on from the last checkpoint")
  except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
    sys.exit(f"Error: the data set cannot be read: {error.message}\n"
             "Convert it again with python -m data_tools.make_tfrecords")


def run(request: train_flags.Request) -> str:
  """Trains and predicts one stage; returns its folder."""
  data = Dataset.open(request.data_dir)
  data.check_survey(request.survey)
  settings = train_flags.resolve(request, data)
  variant = train_flags.variant(request, settings, data)
  folder = stage_folder(request, variant)
  if request.testphase:
    test(request, variant, data, folder)
  else:
    train(request, settings, variant, data, os.path.dirname(folder))
  _say_what_next(request, folder)
  return folder


def stage_folder(request: train_flags.Request, variant: Variant) -> str:
  """The folder of the stage that the flags ask for."""
  name = request.experiment or variant.experiment(request.stage)
  if request.experiment and _tests_kept_weights(request):
    name += f"_itealter{request.itealter}"  # beside the run whose weights they are
  return os.path.join(request.workdir, name, request.stage.name)


def default_stage_folder(request: train_flags.Request, variant: Variant, stage_name: str) -> str:
  """Where another stage of the same variant is by default."""
  if not stage_named(stage_name).trains_all:
    return os.path.join(_default_dir(request, variant, stage_name), stage_name)
  return os.path.join(_default_dir(request, _kept_run(variant), stage_name), stage_name)


def train(request: train_flags.Request, settings: dict[str, Any], variant: Variant,
          data: Dataset, experiment: str) -> None:
  """Trains the stage, or goes on with it, and predicts."""
  _announce_preset(request, settings, data)
  stage_dir = os.path.join(experiment, request.stage.name)
  devices = _devices(request)
  inputs = _find_inputs(request, variant, experiment)
  config = _config(request, settings, data, inputs, stage_dir)
  one_stage.train_stage(config, data, stage_dir, inputs, devices,
                     provenance=_provenance(request, inputs))
  if is_chief(devices.strategy):
    one_stage.predict_stage(config, data, stage_dir)


def test(request: train_flags.Request, variant: Variant, data: Dataset, stage_dir: str) -> None:
  """--testphase: predicts with the weights that are there, under the settings stored with them."""
  trained, weights = stage_dir, StageFiles(stage_dir).last
  if _tests_kept_weights(request):
    trained, weights = _kept_weights(request, variant)
  if not os.path.exists(weights):
    raise FileNotFoundError(f"{weights} is missing. Run first:\n  "
                            + _command(request, request.stage.name))
  config = load_config(trained)[0]
  _check_request_fits(request, config, data, trained)
  if trained != stage_dir:  # weights kept on the way are tested in a folder of their own
    config = dataclasses.replace(config, init_weights_digest=file_digest(weights))
    check_same_settings(config, stage_dir)
    save_config(config, stage_dir, provenance=_provenance(
        request, StageInputs(init_from=trained, init_weights=weights)))
  one_stage.predict_stage(config, data, stage_dir, weights=weights)


def _tests_kept_weights(request):
  return request.testphase and request.itealter > 1 and request.stage.trains_all


def _announce_preset(request, settings, data):
  if train_flags.stage_preset(request, data):
    logging.info("%s comes with a preset for CPUs, used where no flag says otherwise. Now: "
                 "network %d, %d pixels, %d iterations of %d. --net=0 is the paper's network with "
                 "its published schedule", data.folder, settings["net"], settings["image_size"],
                 settings["iterations"], settings["batch_size"])
  elif data.manifest.preset:
    logging.info("The preset of %s is for another network: not used", data.folder)


def _devices(request) -> one_stage.Devices:
  """Where and how to train; made before anything else of TensorFlow is used."""
  return one_stage.Devices(
      strategy=make_strategy(request.num_devices), xla=use_xla(request.xla),
      pace=Pace(steps_per_loop=request.steps_per_loop,
                checkpoint_minutes=request.checkpoint_minutes),
      monitoring=Monitoring(histograms=request.histograms,
                            profile=tuple(int(step) for step in request.profile)),
      data_service=request.data_service)


def _find_inputs(request, variant: Variant, experiment: str) -> StageInputs:
  """The weights and predictions that the stage starts from."""
  stage = request.stage
  if not stage.predecessor:
    return StageInputs()
  inputs = run_folder.find_init(
      stage, own=experiment, init_from=request.init_from,
      default=_default_dir(request, _kept_run(variant), stage.predecessor),
      iteration=request.itealter, command=_command(request, stage.predecessor))
  return run_folder.find_label_predictions(
      stage, inputs, own=experiment,
      default=_default_dir(request, variant, stage.labels_from or stage.predecessor),
      command=_command(request, stage.labels_from or stage.predecessor))


def _default_dir(request, variant, stage_name):
  return os.path.join(request.workdir, variant.experiment(stage_named(stage_name)))


def _kept_run(variant: Variant) -> Variant:
  """The run of --itealter=1 whose kept weights --itealter=K asks for."""
  tags = tuple("itealter" if tag.startswith("itealter") else tag for tag in variant.whole)
  return dataclasses.replace(variant, whole=tags)


def _command(request, stage_name):
  """The command line that trains another stage of this run: the same flags, another step."""
  stage = stage_named(stage_name)
  dropped = ["--tstep", "--multir", "--testphase", "--iterations", "--batch_size",
             "--learning_rate"]
  if stage.predecessor != request.stage.predecessor:
    dropped.append("--init_from")
  given = [shlex.quote(word) for word in request.given if word.split("=")[0] not in dropped]
  if stage.trains_all:
    given = ["--itealter=1" if word.startswith("--itealter") else word for word in given]
  return " ".join(["python -m train.main", f"--tstep={stage.number}",
                   *(["--multir"] if stage.multi_output else []), *given])


def _config(request, settings, data, inputs: StageInputs, stage_dir: str) -> TrainConfig:
  """All settings of the stage."""
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
  """Step 1's where there is one, the stage's own if it has run before, else measured."""
  for folder in (inputs.init_from, stage_dir):
    if folder and run_folder.is_stage(folder):
      scaling = load_config(folder)[0].input_scaling
      if scaling.kind == settings["input_scaling"]:
        return scaling
  if inputs.init_from:
    raise ValueError(f"{inputs.init_from} was trained with another --input_scaling than "
                     f"{settings['input_scaling']}")
  return one_stage.fit_input_scaling(settings["input_scaling"], data, settings["image_size"])


def _provenance(request, inputs: StageInputs):
  paths = {"data_dir": request.data_dir, "init_from": inputs.init_from,
           "init_weights": inputs.init_weights, "label_predictions": inputs.label_predictions}
  # Absolute, so that a run is understood from any folder.
  return {**{name: path and storage.absolute(path) for name, path in paths.items()},
          "command": shlex.join(["python", "-m", "train.main", *request.given])}


def _kept_weights(request, variant):
  """--itealter=K: the stage of --itealter=1 and its weights of iteration K."""
  folders = [_default_dir(request, _kept_run(variant), request.stage.name)]
  if request.experiment:
    folders.insert(0, os.path.join(request.workdir, request.experiment))
  stages = [os.path.join(folder, request.stage.name) for folder in folders]
  paths = [StageFiles(stage).kept(request.itealter) for stage in stages]
  found = [pair for pair in zip(stages, paths) if os.path.exists(pair[1])]
  return (found or list(zip(stages, paths)))[0]


def _check_request_fits(request, config: TrainConfig, data, folder):
  """Refuses flags or data that contradict the settings of a trained stage."""
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


def _say_what_next(request, stage_dir):
  later = [stage for stage in STAGES if stage.number == request.stage.number + 1]
  if later:
    logging.info("%s is done: %s. Next: %s, or python -m eval.main --run=%s",
                 request.stage.title, stage_dir, _command(request, later[0].name),
                 os.path.dirname(stage_dir))
  else:
    logging.info("%s is done: %s. Next: python -m eval.main --run=%s", request.stage.title,
                 stage_dir, os.path.dirname(stage_dir))


if __name__ == "__main__":
  train_flags.define_flags()
  app.run(main)
