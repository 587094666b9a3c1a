"""The folders of runs: what their files are called, and what a stage finds in those of others.

The folder of a run holds one folder per stage: <workdir>/<experiment>/<stage>/.  A stage starts
from an earlier one of the same run, or of another run that shares it.
"""

from __future__ import annotations

import dataclasses
import os
import re

from pzbias_tf.guards import own_folders
from pzbias_tf.training.checkpoints import StageFiles
from pzbias_tf.training.config import CONFIG_NAME, TrainConfig, load_config
from pzbias_tf.training.stages import Stage

PREDICTIONS_TEST = "predictions_test.hdf5"
PREDICTIONS_BALANCED = "predictions_balanced.hdf5"
PREDICTIONS_VALIDATION = "predictions_validation.hdf5"
DOMAIN = "domain.json"
CALIBRATION = "calibration.json"  # Step 4, of a run that has been evaluated
METRICS = "metrics.json"  # of such a run, and of each of its stages
LABEL_MODEL = "label_model.npz"
FEATURES = "features"
TIMING = "timing.json"
_BEGINNING = re.compile(rf"\.{re.escape(CONFIG_NAME)}\.")  # config.json, half written
EXPERIMENT_RECORD = ".experiment.json"  # beside the runs, after the name of the study item


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageInputs:
  """What a stage starts from; "" for nothing.

  Attributes:
    named: whether the user named `init_from`.
    init_from: folder of the stage that it starts from.
    init_weights: weights file of that stage.
    label_predictions: predictions that shape the labels.
  """

  named: bool = False
  init_from: str = ""
  init_weights: str = ""
  label_predictions: str = ""


def find_init(stage: Stage, *, own: str, default: str, init_from: str, iteration: int,
              command: str) -> StageInputs:
  """Finds the weights that a stage starts from.

  Args:
    stage: the stage; it has a predecessor.
    own: folder of the stage's run.
    default: folder of the default run of the predecessor.
    init_from: `--init_from`, or "".
    iteration: that of the kept weights (`--itealter=K`), 0 for the last weights.
    command: what makes them, for the message.

  Raises:
    FileNotFoundError: the predecessor has not been trained.
  """
  candidates = [init_from] if init_from else [
      os.path.join(folder, stage.predecessor) for folder in (own, default)]
  for folder in candidates:
    weights = StageFiles(folder).kept(iteration) if iteration else StageFiles(folder).last
    if os.path.exists(weights):
      return StageInputs(init_from=folder, init_weights=weights, named=bool(init_from))
  wanted = f"weights of iteration {iteration}" if iteration else "weights"
  raise FileNotFoundError(
      f"{stage.title} starts from {stage.predecessor}, but there are no {wanted} in "
      f"{' or '.join(dict.fromkeys(candidates))}. Run first:\n  {command}")


def find_label_predictions(stage: Stage, inputs: StageInputs, *, own: str, default: str,
                           command: str) -> StageInputs:
  """Finds the Step 2 predictions that shape Step 3's labels.

  Args:
    stage: the stage; its labels come from another one.
    inputs: of `find_init`.
    own: folder of the stage's run, searched first; then the run of the stage that it starts from.
    default: folder of the default run, searched last.
    command: what makes them, for the message.

  Returns:
    `inputs` with the predictions.

  Raises:
    FileNotFoundError: there are none.
  """
  folders = dict.fromkeys([own, os.path.dirname(os.path.normpath(inputs.init_from)), default])
  for folder in folders:
    path = os.path.join(folder, stage.labels_from, PREDICTIONS_BALANCED)
    if os.path.exists(path):
      return dataclasses.replace(inputs, label_predictions=path)
  raise FileNotFoundError(
      f"{stage.title}'s labels need the predictions of {stage.labels_from} for the balanced "
      f"subset, and none of {', '.join(folders)} holds them. Run first:\n  {command}")


def check_inputs_fit(config: TrainConfig, inputs: StageInputs) -> None:
  """Refuses weights or predictions that were made under settings which do not fit.

  Raises:
    ValueError: the message names the setting, the folder and both values.
  """
  same_run = ("seed", "ne", "midreduce")
  if inputs.init_from:
    # A user who names another run's stage may mean another fold.
    _compare(config, inputs.init_from,
             ("net", "image_size", "extra_columns", "photometry", "data_digest",
              *(() if inputs.named else same_run)))
    _compare_grids(config.survey, inputs.init_from)
  if inputs.label_predictions:
    _compare(config, os.path.dirname(inputs.label_predictions),
             ("net", "image_size", "data_digest", *same_run, "survey", "fth",
              "init_weights_digest"))


def _compare_grids(survey, folder):
  other = load_config(folder)[0].survey
  if (other.bins, other.rows, other.dataset) != (survey.bins, survey.rows, survey.dataset):
    raise ValueError(f"{folder} was trained on another grid: {other.dataset}, {other.bins} bins, "
                     f"{other.rows} magnitude rows; now {survey.dataset}, {survey.bins} bins, "
                     f"{survey.rows} magnitude rows (--bins, --survey)")


def _compare(config, folder, names):
  other = load_config(folder)[0]
  for name in names:
    if getattr(other, name) != getattr(config, name):
      raise ValueError(f"{folder} was made with {name}={getattr(other, name)!r}, this stage has "
                       f"{getattr(config, name)!r}; use the same, or another --init_from or "
                       "--experiment")


def refuse_foreign(stage_dir: str) -> None:
  """Refuses to train in a folder with files of others; config.json is a stage's first file.

  Raises:
    FileExistsError: the folder is not empty, and no stage.
  """
  names = os.listdir(stage_dir) if os.path.isdir(stage_dir) else []
  own_folders.refuse_foreign(stage_dir, [name for name in names if not _BEGINNING.match(name)],
                             (CONFIG_NAME,), "name another --experiment")


def is_stage(folder: str) -> bool:
  """Whether a folder holds a stage."""
  return os.path.exists(os.path.join(folder, CONFIG_NAME))
