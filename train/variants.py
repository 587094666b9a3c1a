"""Which run a request means, where its stages find what they need, which commands make those.

Stages share what they can: the default name of a run holds only the settings
that matter to the stage, so that, say, every balancing threshold starts from
the same Step 1.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
from typing import Any

from pzbias_tf.data.dataset import Dataset
from pzbias_tf.training.checkpoints import StageFiles
from pzbias_tf.training.run_folder import StageInputs, find_init, find_label_predictions
from pzbias_tf.training.stages import Stage, stage_named
from train.flags import Request
from train.settings import chosen_columns, stage_preset


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variant:
  """What tells the default run of one variant from that of another.

  Attributes:
    dataset: name of the data set: Baseline and Step 1 serve all its surveys.
    survey: name of the survey.
    net: number of the network.
    ne: fold, 1 to 5.
    whole: settings of Baseline and Step 1 that differ from the default, as tags.
    balance: those of the balanced subset.
    labels: those of Step 3's labels.
  """

  dataset: str
  survey: str
  net: int
  ne: int
  whole: tuple[str, ...] = ()
  balance: tuple[str, ...] = ()
  labels: tuple[str, ...] = ()

  def run_name(self, stage: Stage) -> str:
    """Name of the default run that holds a stage."""
    # Where a survey owns its data set, one folder holds all stages.
    name = self.dataset if stage.trains_all else self.survey
    tags = list(self.whole)
    tags += self.balance if stage.number >= 2 else ()
    tags += self.labels if stage.number >= 3 else ()
    return "_".join([name, f"net{self.net}", f"ne{self.ne}", *tags])

  def of_long_run(self) -> Variant:
    """The variant of --itealter=1, whose kept weights --itealter=K asks for."""
    tags = tuple("itealter" if tag.startswith("itealter") else tag for tag in self.whole)
    return dataclasses.replace(self, whole=tags)


def variant_of(request: Request, settings: dict[str, Any], data: Dataset) -> Variant:
  """The variant that a request means.

  Args:
    request: the flags.
    settings: of `settings.resolve`.
    data: the data set; its preset decides which threshold is the default, and its extra
      columns are the default.
  """
  survey = request.survey
  extra = chosen_columns(request, data)
  whole = [(f"bins{request.bins}", request.bins),
           (f"nsub{request.nsub}", request.nsub), (f"errl{request.errl:g}", request.errl),
           ("midreduce", request.midreduce), ("itealter", request.itealter == 1),
           (f"itealter{request.itealter}", request.itealter > 1),
           (f"seed{request.seed}", request.seed),
           ("-".join(["extra", *(extra or ["none"])]), extra != data.manifest.extra_columns)]
  default_fth = stage_preset(request, data).get("fth", survey.balance_threshold)
  return Variant(
      dataset=survey.dataset, survey=survey.name, net=settings["net"], ne=request.ne,
      whole=tuple(tag for tag, on in whole if on),
      balance=(f"fth{settings['fth']}",) if settings["fth"] != default_fth else (),
      labels=tuple(tag for tag, on in (
          ("hardlabel", not request.softlabel), ("noshift", not request.shiftlabel),
          ("globaldisp", request.dispersions == "global"),
          (f"width{request.label_width}".removesuffix(".0"), request.label_width != 1.0))
                   if on))


def stage_folder(request: Request, variant: Variant) -> str:
  """The folder of the stage that the flags ask for."""
  name = request.experiment or variant.run_name(request.stage)
  if request.experiment and tests_kept_weights(request):
    name += f"_itealter{request.itealter}"  # beside the run whose weights they are
  return os.path.join(request.workdir, name, request.stage.name)


def default_stage_folder(request: Request, variant: Variant, stage_name: str) -> str:
  """The default folder of another stage of the same variant."""
  return os.path.join(_default_run(request, variant, stage_name), stage_name)


def _default_run(request, variant, stage_name):
  stage = stage_named(stage_name)
  if stage.trains_all:  # weights kept on the way are those of one long run
    variant = variant.of_long_run()
  return os.path.join(request.workdir, variant.run_name(stage))


def find_inputs(request: Request, variant: Variant, run: str) -> StageInputs:
  """The weights and predictions that the stage starts from.

  Args:
    request: the flags.
    variant: of `variant_of`.
    run: folder of the stage's run, searched before the default ones.

  Raises:
    FileNotFoundError: something is missing; the message names the command that makes it.
  """
  stage = request.stage
  if not stage.predecessor:
    return StageInputs()
  inputs = find_init(
      stage, own=run, init_from=request.init_from,
      default=_default_run(request, variant, stage.predecessor),
      iteration=request.itealter, command=stage_command(request, stage.predecessor))
  if not stage.labels_from:
    return inputs
  return find_label_predictions(
      stage, inputs, own=run, default=_default_run(request, variant, stage.labels_from),
      command=stage_command(request, stage.labels_from))


def stage_command(request: Request, stage_name: str) -> str:
  """The command that trains another stage of this run: the same flags, another --tstep."""
  stage = stage_named(stage_name)
  dropped = ["--tstep", "--stage", "--multir", "--nomultir", "--testphase", "--notestphase",
             "--dry_run", "--iterations", "--batch_size", "--learning_rate",
             *(["--fth"] if request.fth == 0 else [])]
  if stage.predecessor != request.stage.predecessor:
    dropped.append("--init_from")
  given = [shlex.quote(word) for word in request.given if word.split("=")[0] not in dropped]
  if stage.trains_all and request.itealter:
    given = ["--itealter=1" if word.startswith("--itealter") else word for word in given]
  return " ".join(["python -m train.main", f"--tstep={stage.number}",
                   *(["--multir"] if stage.multi_output else []), *given])


def tests_kept_weights(request: Request) -> bool:
  """Whether the request is to test weights that --itealter=1 kept on the way."""
  return request.testphase and request.itealter > 1 and request.stage.trains_all


def kept_weights(request: Request, variant: Variant) -> tuple[str, str]:
  """The stage of --itealter=1 whose weights --itealter=K tests, and their file.

  Returns:
    Folder and path of the first place that holds them, else of the first place.
  """
  runs = [_default_run(request, variant, request.stage.name)]
  if request.experiment:
    runs.insert(0, os.path.join(request.workdir, request.experiment))
  stages = [os.path.join(run, request.stage.name) for run in runs]
  places = [(stage, StageFiles(stage).kept(request.itealter)) for stage in stages]
  return next((place for place in places if os.path.exists(place[1])), places[0])
