"""Trains one stage of the method and predicts with it.

  python -m train.main                                  Baseline
  python -m train.main --tstep=1 --multir               Step 1
  python -m train.main --tstep=2 --multir               Step 2, from Step 1
  python -m train.main --tstep=3 --multir               Step 3, from Steps 1 and 2

The stage's folder is <workdir>/<run>/<stage>; --experiment names the run.  A stage
that was stopped goes on when the same command is given again.
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
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.training import one_stage
from pzbias_tf.training.checkpoints import StageFiles, file_digest
from pzbias_tf.training.config import check_same_settings, load_config, save_config
from pzbias_tf.training.devices import is_chief, make_strategy, use_xla
from pzbias_tf.training.interruption import Interrupted
from pzbias_tf.training.loop import Pace
from pzbias_tf.training.monitoring import Monitoring
from pzbias_tf.training.run_folder import StageInputs, Variant
from pzbias_tf.training.stages import STAGES
from train import flags as train_flags
from train import settings as settings_lib
from train import variants
from train.flags import Request


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


def run(request: Request) -> str:
  """Trains and predicts one stage; returns its folder."""
  data = Dataset.open(request.data_dir)
  data.check_survey(request.survey)
  settings = settings_lib.resolve(request, data)
  variant = variants.variant_of(request, settings, data)
  folder = variants.stage_folder(request, variant)
  if request.testphase:
    test(request, variant, data, folder)
  else:
    train(request, settings, variant, data, os.path.dirname(folder))
  _say_what_next(request, folder)
  return folder


def train(request: Request, settings: dict[str, Any], variant: Variant,
          data: Dataset, run_dir: str) -> None:
  """Trains the stage in a run's folder, or goes on with it, and predicts."""
  settings_lib.announce_preset(request, settings, data)
  stage_dir = os.path.join(run_dir, request.stage.name)
  devices = _devices(request)
  inputs = variants.find_inputs(request, variant, run_dir)
  config = settings_lib.stage_config(request, settings, data, inputs, stage_dir)
  one_stage.train_stage(config, data, stage_dir, inputs, devices,
                        provenance=_provenance(request, inputs))
  if is_chief(devices.strategy):
    one_stage.predict_stage(config, data, stage_dir)


def test(request: Request, variant: Variant, data: Dataset, stage_dir: str) -> None:
  """--testphase: predicts with existing weights, under the settings stored with them."""
  trained, weights = stage_dir, StageFiles(stage_dir).last
  if variants.tests_kept_weights(request):
    trained, weights = variants.kept_weights(request, variant)
  if not os.path.exists(weights):
    raise FileNotFoundError(f"{weights} is missing. Run first:\n  "
                            + variants.suggested_command(request, request.stage.name))
  config = load_config(trained)[0]
  settings_lib.check_request_fits(request, config, data, trained)
  if trained != stage_dir:  # weights kept on the way are tested in a folder of their own
    config = dataclasses.replace(config, init_weights_digest=file_digest(weights))
    check_same_settings(config, stage_dir)
    save_config(config, stage_dir, provenance=_provenance(
        request, StageInputs(init_from=trained, init_weights=weights)))
  one_stage.predict_stage(config, data, stage_dir, weights=weights)


def _devices(request) -> one_stage.Devices:
  """Where and how to train; made before anything else of TensorFlow is used."""
  return one_stage.Devices(
      strategy=make_strategy(request.num_devices), xla=use_xla(request.xla),
      pace=Pace(steps_per_loop=request.steps_per_loop,
                checkpoint_minutes=request.checkpoint_minutes),
      monitoring=Monitoring(histograms=request.histograms,
                            profile=tuple(int(step) for step in request.profile)),
      data_service=request.data_service)


def _provenance(request, inputs: StageInputs):
  paths = {"data_dir": request.data_dir, "init_from": inputs.init_from,
           "init_weights": inputs.init_weights, "label_predictions": inputs.label_predictions}
  # Absolute, so that a run is understood from any folder.
  return {**{name: path and storage.absolute(path) for name, path in paths.items()},
          "command": shlex.join(["python", "-m", "train.main", *request.given])}


def _say_what_next(request, stage_dir):
  later = [stage for stage in STAGES if stage.number == request.stage.number + 1]
  if later:
    logging.info("%s is done: %s. Next: %s, or python -m eval.main --run=%s",
                 request.stage.title, stage_dir, variants.suggested_command(request, later[0].name),
                 os.path.dirname(stage_dir))
  else:
    logging.info("%s is done: %s. Next: python -m eval.main --run=%s", request.stage.title,
                 stage_dir, os.path.dirname(stage_dir))


if __name__ == "__main__":
  train_flags.define_flags()
  app.run(main)
