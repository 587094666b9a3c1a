"""Trains one stage of the method and predicts with it.

  python -m train.main                                  Baseline
  python -m train.main --tstep=1 --multir               Step 1
  python -m train.main --tstep=2 --multir               Step 2, from Step 1
  python -m train.main --tstep=3 --multir               Step 3, from Steps 1 and 2

The stage's folder is <workdir>/<experiment>/<stage>.  A stage that stopped goes
on when the same command is given again.  --dry_run says what a command would do.
"""

from __future__ import annotations

from absl import flags

from pzbias_tf.command_line import command, command_flags
from train.flags import define_flags

if __name__ == "__main__":  # TensorFlow is imported once the flags are read
  WORDS = command_flags.read(flags.FLAGS, define_flags, __doc__)

import dataclasses
import os
import sys
from typing import Any

from absl import logging
import tensorflow as tf

import pzbias_tf
from pzbias_tf.data.allocator import keep_freed_memory
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.training.checkpoints import StageFiles, file_digest
from pzbias_tf.training.config import TrainConfig, check_same_settings, load_config, save_config
from pzbias_tf.training.devices import is_chief, make_strategy, use_xla
from pzbias_tf.training.interruption import Interrupted
from pzbias_tf.training.loop import Pace
from pzbias_tf.training.monitoring import Monitoring
from pzbias_tf.training.one_stage import Devices, predict_stage, train_stage
from pzbias_tf.training.run_folder import StageInputs
from pzbias_tf.training.stages import STAGES
from pzbias_tf.training.workers.meeting import meet, wait_for_service
from pzbias_tf.training.workers.tf_config import read_cluster
from train.flags import Request, read_request
from train.preview import dry_run
from train.settings import (
  announce_preset,
  check_request_fits,
  make_config,
  provenance,
  resolve,
)
from train.variants import (
  Variant,
  find_inputs,
  kept_weights,
  stage_command,
  stage_folder,
  tests_kept_weights,
  variant_of,
)

OWN_SETTINGS = ("data_dir", "workdir", "given", "connect_timeout")
"""What may differ between the processes of one training."""


def main(argv):
  """Trains; a mistake of the user ends in one line, not in a traceback."""
  command.refuse_words(argv)
  keep_freed_memory()  # before TensorFlow starts its threads
  try:
    with command.one_line_errors(FloatingPointError):
      run(read_request())
  except Interrupted as interrupted:
    logging.warning("%s", interrupted)
    sys.exit(128 + interrupted.number)  # as a shell reports an end by that signal
  except tf.errors.UnavailableError as error:
    sys.exit(f"Error: another process of this training is gone: {error.message}\n"
             "Give the same command to all of them again; they go on from the last checkpoint")
  except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
    sys.exit(f"Error: the data set cannot be read: {error.message}\n"
             "Convert it again with python -m data_tools.make_tfrecords")


def run(request: Request) -> str:
  """Trains and predicts one stage; returns its folder."""
  data = Dataset.open(request.data_dir)
  data.check_survey(request.survey)
  settings = resolve(request, data)
  variant = variant_of(request, settings, data)
  stage_dir = stage_folder(request, variant)
  if request.dry_run:
    print(dry_run.describe(request, variant, data, stage_dir))
    return stage_dir
  if request.testphase:
    test(request, variant, data, stage_dir)
  else:
    train(request, settings, variant, data, stage_dir)
  say_what_next(request, stage_dir)
  return stage_dir


def train(request: Request, settings: dict[str, Any], variant: Variant,
          data: Dataset, stage_dir: str) -> None:
  """Trains the stage, or goes on with it, and predicts."""
  announce_preset(request, settings, data)
  _find_others(request, settings, data)
  devices = _devices(request)
  if not os.path.exists(StageFiles(stage_dir).last):
    for line in dry_run.cpu_advice(request, settings):
      logging.warning("%s", line)
  inputs = find_inputs(request, variant, os.path.dirname(stage_dir))
  config = make_config(request, settings, data, inputs, stage_dir)
  train_stage(config, data, stage_dir, inputs, devices, provenance=provenance(request, inputs))
  if is_chief(devices.strategy):
    predict_stage(config, data, stage_dir)


def test(request: Request, variant: Variant, data: Dataset, stage_dir: str) -> None:
  """--testphase: predicts with existing weights, under the settings stored with them."""
  trained, weights = stage_dir, StageFiles(stage_dir).last
  if tests_kept_weights(request):
    trained, weights = kept_weights(request, variant)
  if not os.path.exists(weights):
    raise FileNotFoundError(f"{weights} is missing. Run first:\n  "
                            + stage_command(request, request.stage.name))
  config = load_config(trained)[0]
  check_request_fits(request, config, data, trained)
  if trained != stage_dir:  # weights kept on the way are tested in a folder of their own
    config = _config_of_kept_weights(request, config, trained, weights, stage_dir)
  predict_stage(config, data, stage_dir, weights=weights)


def say_what_next(request: Request, stage_dir: str) -> None:
  """Logs the commands that may follow."""
  evaluate = f"python -m eval.main --run={os.path.dirname(stage_dir)}"
  later = [stage for stage in STAGES if stage.number == request.stage.number + 1]
  following = [*(stage_command(request, stage.name) for stage in later), evaluate]
  logging.info("%s is done: %s. Next: %s", request.stage.title, stage_dir, ", or ".join(following))


def _find_others(request, settings, data) -> None:
  """Waits for the other machines of TF_CONFIG, and for a data service."""
  cluster = read_cluster()
  if cluster and request.stage.trains_all:
    own = {**dataclasses.asdict(request), **settings, "version": pzbias_tf.__version__,
           "tensorflow": tf.__version__, "data set": data.manifest.digest()}
    meet(cluster, {name: value for name, value in own.items() if name not in OWN_SETTINGS},
         timeout_s=request.connect_timeout)
  if request.data_service:
    wait_for_service(request.data_service, timeout_s=request.connect_timeout)


def _devices(request) -> Devices:
  """Where and how to train; made before anything else of TensorFlow is used."""
  return Devices(
      strategy=make_strategy(request.num_devices), xla=use_xla(request.xla),
      pace=Pace(steps_per_loop=request.steps_per_loop,
                checkpoint_minutes=request.checkpoint_minutes),
      monitoring=Monitoring(histograms=request.histograms,
                            profile=tuple(int(step) for step in request.profile)),
      data_service=request.data_service)


def _config_of_kept_weights(request, config, trained, weights, stage_dir) -> TrainConfig:
  """Writes config.json of a folder in which weights kept on the way are tested."""
  config = dataclasses.replace(config, init_weights_digest=file_digest(weights))
  check_same_settings(config, stage_dir)
  inputs = StageInputs(init_from=trained, init_weights=weights)
  save_config(config, stage_dir, provenance=provenance(request, inputs))
  return config


if __name__ == "__main__":
  command.run(main, WORDS)
