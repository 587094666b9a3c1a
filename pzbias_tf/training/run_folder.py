"""<workdir>/<run>/<stage>/: where a stage finds what it needs.

Stages share what they can: the default name of a run carries only the
settings that matter to the stage, so that, say, every balancing threshold
starts from the same Step 1.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os

from pzbias_tf.files import write_text
from pzbias_tf.training.checkpoints import StageFiles
from pzbias_tf.training.config import CONFIG_NAME, TrainConfig, load_config
from pzbias_tf.training.stages import Stage

PREDICTIONS_TEST = "predictions_test.hdf5"
PREDICTIONS_BALANCED = "predictions_balanced.hdf5"
PREDICTIONS_VALIDATION = "predictions_validation.hdf5"
DOMAIN = "domain.json"
CALIBRATION = "calibration.json"  # Step 4, of a run that has been evaluated
LABEL_MODEL = "label_model.npz"
FEATURES = "features"
TIMING = "timing.json"
EXPERIMENT_RECORD = ".experiment.json"  # beside the runs, after the study item's name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variant:
  """What tells one default run from another.

  Attributes:
    dataset: name of the data set: Baseline and Step 1 serve all its surveys.
    survey: name of the survey.
    net: number of the network.
    ne: fold 1 to 5.
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageInputs:
  """What a stage starts from; "" for nothing.

  Attributes:
    init_from: folder of the stage that it starts from.
    init_weights: that stage's weights file.
    label_predictions: predictions that shape the labels.
    named: whether the user named `init_from`.
  """

  named: bool = False
  init_from: str = ""
  init_weights: str = ""
  label_predictions: str = ""


def find_init(stage: Stage, *, own: str, default: str, init_from: str, iteration: int,
              command: str) -> StageInputs:
  """Finds the weights that a stage starts from.

  Args:
    stage: the stage.
    own: folder of the stage's own run.
    default: folder of the default run of the predecessor.
    init_from: `--init_from`, or "".
    iteration: weights kept at that iteration (`--itealter=K`), 0 for the last.
    command: what to run if there is none.

  Raises:
    FileNotFoundError: the predecessor has not been trained.
  """
  if not stage.predecessor:
    return StageInputs()
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

  They are looked for in the stage's own run, beside the stage that it starts
  from, and in the default run.

  Raises:
    FileNotFoundError: there are none.
  """
  if not stage.labels_from:
    return inputs
  folders = dict.fromkeys([own, os.path.dirname(os.path.normpath(inputs.init_from)), default])
  for folder in folders:
    path = os.path.join(folder, stage.labels_from, PREDICTIONS_BALANCED)
    if os.path.exists(path):
      return dataclasses.replace(inputs, label_predictions=path)
  raise FileNotFoundError(
      f"{stage.title}'s labels need the predictions of {stage.labels_from} for the balanced "
      f"subset, and none of {', '.join(folders)} holds them. Run first:\n  {command}")


def check_inputs_fit(config: TrainConfig, inputs: StageInputs) -> None:
  """Refuses weights or predictions made under settings that do not fit.

  Raises:
    ValueError: the message names the setting, the folder and both values.
  """
  sample = ("seed", "ne", "midreduce")
  if inputs.init_from:
    # A stage that the user names may be of another fold.
    _compare(config, inputs.init_from,
             ("net", "image_size", "data_digest", *(() if inputs.named else sample)))
    other = load_config(inputs.init_from)[0].survey
    if (other.bins, other.rows, other.dataset) != (
        config.survey.bins, config.survey.rows, config.survey.dataset):
      raise ValueError(f"{inputs.init_from} was trained on another grid: {other.dataset}, "
                       f"{other.bins} bins, {other.rows} magnitude rows; now "
                       f"{config.survey.dataset}, {config.survey.bins} bins, "
                       f"{config.survey.rows} rows (--bins, --survey)")
  if inputs.label_predictions:
    _compare(config, os.path.dirname(inputs.label_predictions),
             ("net", "image_size", "data_digest", *sample, "survey", "fth",
              "init_weights_digest"))


def _compare(config, folder, names):
  other = load_config(folder)[0]
  for name in names:
    if getattr(other, name) != getattr(config, name):
      raise ValueError(f"{folder} was made with {name}={getattr(other, name)!r}, this stage has "
                       f"{getattr(config, name)!r}; use the same, or another --init_from or "
                       "--experiment")


def is_stage(folder: str) -> bool:
  """Whether a folder holds a stage."""
  return os.path.exists(os.path.join(folder, CONFIG_NAME))


def timing_kind(stage: str, net: int, image_size: int, batch_size: int, bins: int) -> str:
  """A word for runs whose iterations take the same time on one machine."""
  return f"{stage} net{net} {image_size}pixels batch{batch_size} bins{bins}"


def save_timing(config: TrainConfig, stage_dir: str, step_time_s: float) -> None:
  """Writes how long an iteration of a stage took; nothing where that is not known (NaN)."""
  if not math.isfinite(step_time_s):
    return
  kind = timing_kind(config.stage, config.net, config.image_size, config.batch_size,
                     config.survey.bins)
  write_text(os.path.join(stage_dir, TIMING),
             json.dumps({"kind": kind, "step_time_s": step_time_s}) + "\n")
