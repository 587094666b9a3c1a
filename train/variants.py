"""Which folders a call of train.main means: its run, and the stages that it starts from.

Stages are shared wherever their settings agree: see `run_folder.Variant`.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
from typing import Any

from pzbias_tf.data.dataset import Dataset
from pzbias_tf.training import run_folder
from pzbias_tf.training.checkpoints import StageFiles
from pzbias_tf.training.run_folder import StageInputs, Variant
from pzbias_tf.training.stages import stage_named
from train.flags import Request
from train.settings import stage_preset


def variant_of(request: Request, settings: dict[str, Any], data: Dataset) -> Variant:
  """What names the default runs of a request: see `Variant`.

  Args:
    request: the flags.
    settings: as `settings.resolve` gives them.
    data: the data set.
  """
  survey = request.survey
  whole = [(f"bins{request.bins}", request.bins),
           (f"nsub{request.nsub}", request.nsub), (f"errl{request.errl:g}", request.errl),
           ("midreduce", request.midreduce), ("itealter", request.itealter == 1),
           (f"itealter{request.itealter}", request.itealter > 1),
           (f"seed{request.seed}", request.seed)]
  default_fth = stage_preset(request, data).get("fth", survey.balance_threshold)
  return Variant(
      dataset=survey.dataset, survey=survey.name, net=settings["net"], ne=request.ne,
      whole=tuple(tag for tag, on in whole if on),
      balance=(f"fth{settings['fth']}",) if settings["fth"] != default_fth else (),
      labels=tuple(tag for tag, on in (("hardlabel", not request.softlabel),
                                       ("noshift", not request.shiftlabel)) if on))


def stage_folder(request: Request, variant: Variant) -> str:
  """The folder of the stage that the flags ask for."""
  name = request.experiment or variant.run_name(request.stage)
  if request.experiment and tests_kept_weights(request):
    name += f"_itealter{request.itealter}"  # beside the run whose weights they are
  return os.path.join(request.workdir, name, request.stage.name)


def default_stage_folder(request: Request, variant: Variant, stage_name: str) -> str:
  """Where another stage of the same variant is by default."""
  if not stage_named(stage_name).trains_all:
    return os.path.join(_default_dir(request, variant, stage_name), stage_name)
  return os.path.join(_default_dir(request, _kept_run(variant), stage_name), stage_name)


def find_inputs(request: Request, variant: Variant, run: str) -> StageInputs:
  """The weights and predictions that the stage starts from.

  Args:
    request: the flags.
    variant: names the runs that are looked at by default.
    run: folder of the stage's own run.

  Raises:
    FileNotFoundError: a stage is missing; the message names the command that trains it.
  """
  stage = request.stage
  if not stage.predecessor:
    return StageInputs()
  inputs = run_folder.find_init(
      stage, own=run, init_from=request.init_from,
      default=_default_dir(request, _kept_run(variant), stage.predecessor),
      iteration=request.itealter, command=suggested_command(request, stage.predecessor))
  return run_folder.find_label_predictions(
      stage, inputs, own=run,
      default=_default_dir(request, variant, stage.labels_from or stage.predecessor),
      command=suggested_command(request, stage.labels_from or stage.predecessor))


def tests_kept_weights(request: Request) -> bool:
  """Whether --itealter=K with --testphase asks for weights that were kept on the way."""
  return request.testphase and request.itealter > 1 and request.stage.trains_all


def kept_weights(request: Request, variant: Variant) -> tuple[str, str]:
  """--itealter=K: folder of the stage of --itealter=1, and its weights file of iteration K."""
  folders = [_default_dir(request, _kept_run(variant), request.stage.name)]
  if request.experiment:
    folders.insert(0, os.path.join(request.workdir, request.experiment))
  stages = [os.path.join(folder, request.stage.name) for folder in folders]
  paths = [StageFiles(stage).kept(request.itealter) for stage in stages]
  existing = [pair for pair in zip(stages, paths) if os.path.exists(pair[1])]
  return (existing or list(zip(stages, paths)))[0]


def suggested_command(request: Request, stage_name: str) -> str:
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


def _default_dir(request, variant, stage_name):
  return os.path.join(request.workdir, variant.run_name(stage_named(stage_name)))


def _kept_run(variant: Variant) -> Variant:
  """The run of --itealter=1 whose kept weights --itealter=K asks for."""
  tags = tuple("itealter" if tag.startswith("itealter") else tag for tag in variant.whole)
  return dataclasses.replace(variant, whole=tags)
