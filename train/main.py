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

from absl import app
from absl import logging

from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.flux import InputScaling
from pzbias_tf.training import run_folder, runner
from pzbias_tf.training.checkpoints import StageFiles, file_digest
from pzbias_tf.training.config import TrainConfig, check_same_settings, load_config, save_config
from pzbias_tf.training.devices import make_strategy, use_xla
from pzbias_tf.training.run_folder import StageInputs, Variant
from pzbias_tf.training.stages import STAGES, stage_named
from train import flags as train_flags


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(f"unexpected arguments {' '.join(argv[1:])}")
  try:
    run(train_flags.read_request())
  except (ValueError, OSError, FloatingPointError) as error:
    logging.debug("", exc_info=True)  # --verbosity=1 shows where it came from
    sys.exit(f"Error: {error}")


def run(request: train_flags.Request) -> str:
  """Trains and predicts one stage; returns its folder."""
  devices = runner.Devices(strategy=make_strategy(request.num_devices), xla=use_xla(request.xla))
  data = Dataset.open(request.data_dir)
  data.check_survey(request.survey)
  settings = train_flags.resolve(request, data)
  _announce_preset(request, settings, data)
  variant = train_flags.variant(request, settings, data)
  experiment = _experiment_dir(request, variant)
  stage_dir = os.path.join(experiment, request.stage.name)
  if request.testphase and request.itealter > 1 and request.stage.trains_all:
    return _test_kept_weights(request, variant, data, stage_dir)
  inputs = _find_inputs(request, variant, experiment)
  config = _config(request, settings, data, inputs, stage_dir)
  if request.testphase:
    _check_trained(request, stage_dir)
    check_same_settings(config, stage_dir)
  else:
    runner.train_stage(config, data, stage_dir, inputs, devices,
                       provenance=_provenance(request, inputs))
  runner.predict_stage(config, data, stage_dir)
  _say_what_next(request, stage_dir)
  return stage_dir


def _announce_preset(request, settings, data):
  if train_flags.stage_preset(request, data):
    logging.info("%s comes with a preset for CPUs, used where no flag says otherwise. Now: "
                 "network %d, %d pixels, %d iterations of %d. --net=0 is the paper's network with "
                 "its published schedule", data.folder, settings["net"], settings["image_size"],
                 settings["iterations"], settings["batch_size"])
  elif data.manifest.preset:
    logging.info("The preset of %s is for another network: not used", data.folder)


def _experiment_dir(request, variant: Variant, stage=None):
  name = request.experiment or variant.experiment(stage or request.stage)
  return os.path.join(request.workdir, name)


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
  dropped = ("--tstep", "--multir", "--testphase", "--init_from", "--iterations", "--batch_size",
             "--learning_rate")
  stage = stage_named(stage_name)
  given = [shlex.quote(word) for word in sys.argv[1:] if not word.startswith(dropped)]
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
  values.update(
      stage=request.stage.name,
      # What a stage does not use is left at its default, so that runs can share it.
      survey=request.survey.whole_dataset() if whole else request.survey,
      fth=0 if whole else settings["fth"],
      softlabel=request.softlabel or not request.stage.labels_from,
      shiftlabel=request.shiftlabel or not request.stage.labels_from,
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
  return runner.fit_input_scaling(settings["input_scaling"], data, settings["image_size"])


def _provenance(request, inputs: StageInputs):
  return {"data_dir": request.data_dir, "init_from": inputs.init_from,
          "init_weights": inputs.init_weights, "label_predictions": inputs.label_predictions,
          "command": shlex.join(["python", "-m", "train.main", *sys.argv[1:]])}


def _check_trained(request, stage_dir):
  if not os.path.exists(StageFiles(stage_dir).last):
    raise FileNotFoundError(f"{stage_dir} holds no trained weights. Run first:\n  "
                            + _command(request, request.stage.name))


def _test_kept_weights(request, variant, data, stage_dir):
  """--itealter=K --testphase: predictions of weights kept on the way, in a folder of their own."""
  trained = os.path.join(
      _default_dir(request, _kept_run(variant), request.stage.name), request.stage.name)
  weights = StageFiles(trained).kept(request.itealter)
  if not os.path.exists(weights):
    raise FileNotFoundError(f"{weights} is missing. Run first:\n  "
                            + _command(request, request.stage.name))
  config = load_config(trained)[0]
  if config.data_digest != data.manifest.digest():
    raise ValueError(f"{trained} was trained on another data set than {data.folder}")
  save_config(config, stage_dir, provenance=_provenance(
      request, StageInputs(init_from=trained, init_weights=weights)))
  runner.predict_stage(config, data, stage_dir, weights=weights)
  return stage_dir


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
