"""A trained run as its evaluation sees it: opened, loaded and checked once, then handed on.

The stages of a run are its own and those that they started from.  Each knows its
settings, the digest of its weights and its predictions, which are loaded when
they are first asked for.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from typing import TypeVar

from astropy.table import Table
import numpy as np

from eval.evaluation.weight_table import WeightTable
from pzbias_tf.bias.soft_labels import LabelModel
from pzbias_tf.data.data_set_facts import DataSetFacts
from pzbias_tf.data.galaxy_origin import UNKNOWN, GalaxyOrigin
from pzbias_tf.data.manifest import Manifest
from pzbias_tf.metrics.stage_result import WEIGHT
from pzbias_tf.predictions.predictions import (
  Estimates,
  Predictions,
  predicted_with,
  predicting_weights,
)
from pzbias_tf.predictions.predictions_file import number_of_galaxies
from pzbias_tf.survey import Survey
from pzbias_tf.training.checkpoints import StageFiles, file_digest
from pzbias_tf.training.config import DATA_SET, TrainConfig, load_config
from pzbias_tf.training.run_folder import (
  LABEL_MODEL,
  PREDICTIONS_BALANCED,
  PREDICTIONS_TEST,
  PREDICTIONS_VALIDATION,
  is_stage,
)
from pzbias_tf.training.stages import STAGES, Stage

AnyPredictions = TypeVar("AnyPredictions", Predictions, Estimates)

_PREDICT_AGAIN = ("give that stage's python -m train.main again, which predicts without training "
                  "anew")


class EvaluatedStage:
  """A stage of a run: settings and predictions.

  Args:
    folder: folder of the stage.
    survey: the survey whose part of the data set counts; None for the stage's own.
    weights: to be used in the metrics.
  """

  def __init__(self, folder: str, survey: Survey | None = None,
               weights: WeightTable | Table | None = None):
    self.folder = os.path.normpath(folder)
    self._survey, self._weights = survey, weights

  @property
  def name(self) -> str:
    """"baseline", "step1", "step2" or "step3"."""
    return os.path.basename(self.folder)

  @property
  def config(self) -> TrainConfig:
    """Its settings."""
    return self._config[0]

  @property
  def data_dir(self) -> str:
    """Folder of the data set that it was trained on; "" where none is recorded."""
    return self._config[1].get("data_dir", "")

  @functools.cached_property
  def data_set(self) -> DataSetFacts | None:
    """What that data set is: as recorded in training, or read; None where neither can be had."""
    recorded = self._config[1].get(DATA_SET)
    if recorded:
      return DataSetFacts.from_json(recorded)
    return DataSetFacts.of(self.manifest, self.data_dir) if self.manifest else None

  @functools.cached_property
  def manifest(self) -> Manifest | None:
    """The manifest of that data set; None where it cannot be read any more."""
    if not self.data_dir:
      return None
    try:
      manifest = Manifest.load(self.data_dir)
    except (OSError, ValueError):
      return None
    return manifest if manifest.digest() == self.config.data_digest else None

  @property
  def origin(self) -> GalaxyOrigin:
    """Whether its galaxies are real."""
    if self.data_set:
      return self.data_set.origin
    return GalaxyOrigin(kind=UNKNOWN, source="The data set cannot be read any more, and training "
                        "has kept no record of it.")

  @property
  def started_from(self) -> str:
    """Folder of the stage whose weights it started from; "" for none."""
    return self._config[1].get("init_from", "")

  @property
  def command(self) -> str:
    """The command that trained it; "" where none is recorded."""
    return self._config[1].get("command", "")

  @property
  def spec(self) -> Stage:
    """What the stage trains."""
    return self.config.stage_spec

  @property
  def survey(self) -> Survey:
    """The survey whose part of the data set counts."""
    return self._survey or self.config.survey

  @functools.cached_property
  def weights_digest(self) -> str:
    """SHA-256 of its last weights."""
    weights = StageFiles(self.folder).last
    if not os.path.exists(weights):
      raise FileNotFoundError(f"{weights} is missing: no stage was trained there, or not to its "
                              "end; name another run or stage, or train it")
    return file_digest(weights)

  @property
  def test_weights_digest(self) -> str:
    """SHA-256 of the weights behind the test predictions; "" where these do not say."""
    return predicting_weights(self._path(PREDICTIONS_TEST))

  @functools.cached_property
  def test(self) -> Predictions:
    """Test predictions of the survey's own part, with WEIGHT where there is a table of weights.

    Raises:
      OSError: there are none.
      ValueError: the table of weights lacks a column, or a galaxy.
    """
    predictions = own_part(Predictions.load(self._path(PREDICTIONS_TEST)), self.survey)
    return predictions if self._weights is None else weighted(predictions, self._weights)

  @functools.cached_property
  def validation(self) -> Predictions | None:
    """Validation predictions of the survey's own part; None where there are none.

    Raises:
      ValueError: they are those of other weights.
    """
    if not os.path.exists(self._path(PREDICTIONS_VALIDATION)):
      return None
    return own_part(self._load_fresh(PREDICTIONS_VALIDATION), self.survey)

  @functools.cached_property
  def balanced(self) -> Predictions:
    """Predictions of the balanced subset, which are training galaxies.

    Raises:
      ValueError: there are none, or they are those of other weights.
    """
    return self._load_fresh(PREDICTIONS_BALANCED)

  @property
  def num_balanced(self) -> int:
    """Number of galaxies in the balanced subset; 0 where there are no predictions of one."""
    path = self._path(PREDICTIONS_BALANCED)
    return number_of_galaxies(path) if os.path.exists(path) else 0

  @functools.cached_property
  def sigma_disp(self) -> np.ndarray | None:
    """Dispersions [outputs] that a Step 3 fitted, in bins; None of another stage.

    They are the same whatever --label_width made of them, so that runs with other
    widths are judged with the same weights.

    Raises:
      OSError, ValueError: the label model is missing or damaged.
    """
    if not self.spec.labels_from:
      return None
    return LabelModel.load(
        self._path(LABEL_MODEL), self.config.survey,
        predictions_digest=self.config.label_predictions_digest).fitted_disp

  def forget(self) -> None:
    """Frees the memory of the predictions; p(z) of all stages need not fit into it."""
    for name in ("test", "validation", "balanced"):
      self.__dict__.pop(name, None)

  @functools.cached_property
  def _config(self):
    return load_config(self.folder)

  def _path(self, name):
    return os.path.join(self.folder, name)

  def _load_fresh(self, name):
    """Predictions that must belong to the last weights."""
    if not predicted_with(self._path(name), self.weights_digest):
      raise ValueError(f"{self._path(name)} is missing, or was predicted with other weights; "
                       f"{_PREDICT_AGAIN}")
    return Predictions.load(self._path(name))


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluatedRun:
  """The stages of a run that have test predictions.

  Attributes:
    folder: folder of the run.
    stages: in the order of the method, at least one.
  """

  folder: str
  stages: tuple[EvaluatedStage, ...]

  @classmethod
  def open(cls, folder: str, weights: WeightTable | Table | None = None) -> EvaluatedRun:
    """Finds the stages of a run; each is judged on the survey of the last one.

    Args:
      folder: folder of the run.
      weights: to be used in the metrics.

    Raises:
      FileNotFoundError: the run holds no test predictions.
    """
    folders = find_stages(folder)
    if not folders:
      raise FileNotFoundError(f"{folder} holds no stage with test predictions. Run first:\n"
                              "  python -m train.main --tstep=1 --multir")
    survey = EvaluatedStage(list(folders.values())[-1]).config.survey
    return cls(folder=folder, stages=tuple(
        EvaluatedStage(stage, survey, weights) for stage in folders.values()))

  @property
  def last(self) -> EvaluatedStage:
    """The last stage: its p(z) is calibrated, and where it is Step 3, Step 4 follows."""
    return self.stages[-1]

  @property
  def trained_anew(self) -> list[str]:
    """Stages whose weights have changed since a later stage started from them, in words."""
    now = {os.path.abspath(stage.folder): stage for stage in self.stages}
    found = []
    for stage in self.stages:
      first = now.get(os.path.abspath(stage.started_from or "."))
      digest = stage.config.init_weights_digest
      if not (first and first is not stage and digest
              and os.path.exists(StageFiles(first.folder).last)):
        continue
      if digest != first.weights_digest:
        found.append(f"{stage.spec.title} started from other weights than {first.spec.title} has "
                     f"now, which was trained anew: the two do not belong together; delete "
                     f"{stage.folder} and later stages, and train them again")
    return found

  @property
  def sigma_disp(self) -> np.ndarray | None:
    """Dispersions of the run's labels, behind the weights of all its residual curves.

    None where it has no Step 3: they are then fitted to each stage's estimates.
    """
    return self.last.sigma_disp

  @property
  def survey(self) -> Survey:
    """The survey that all stages are judged on."""
    return self.last.survey


def newest_run(workdir: str) -> str:
  """The run under `workdir` whose test predictions are the newest.

  Raises:
    FileNotFoundError: no run has any.
  """
  times: dict[str, float] = {}
  for name in sorted(os.listdir(workdir)) if os.path.isdir(workdir) else []:
    run = os.path.join(workdir, name)
    changed = [os.path.getmtime(os.path.join(folder, PREDICTIONS_TEST))
               for folder in _own_stages(run).values()]
    if changed:
      times[run] = max(changed)
  if not times:
    raise FileNotFoundError(f"{workdir} holds no run with test predictions. Run first:\n"
                            "  python -m train.main --tstep=1 --multir")
  return max(times, key=lambda run: times[run])


def find_stages(run: str) -> dict[str, str]:
  """The stages of a run that have test predictions, and those that they started from.

  Args:
    run: folder of the run.

  Returns:
    {stage name: folder}, in the order of the method; of a stage that the run does
    not have itself, that of the run that its own stages started from.
  """
  own = _own_stages(run)
  stages = {**_borrowed(own), **own}
  return {stage.name: stages[stage.name] for stage in STAGES if stage.name in stages}


def own_part(predictions: AnyPredictions, survey: Survey) -> AnyPredictions:
  """The galaxies of the survey's own part of the data set."""
  for column, part in (("field", survey.field), ("sample", survey.sample)):
    if part:
      predictions = predictions.select(predictions.column(column) == part)
  return predictions


def weighted(predictions: Predictions, weights: WeightTable | Table) -> Predictions:
  """Predictions with a column WEIGHT.

  Args:
    predictions: the predictions.
    weights: of the galaxies; a table has columns of ids and WEIGHT.

  Raises:
    ValueError: the table lacks a galaxy, or its weight.
  """
  if not isinstance(weights, WeightTable):
    weights = WeightTable.from_table(weights)
  column = weights.of(predictions.ancil["id"])
  return dataclasses.replace(predictions, ancil={**predictions.ancil, WEIGHT: column})


def _own_stages(run):
  """{stage name: folder} of the run's own stages that have test predictions."""
  folders = {stage.name: os.path.join(run, stage.name) for stage in STAGES}
  return {name: folder for name, folder in folders.items() if _is_predicted(folder)}


def _borrowed(own):
  """The stages that a run's own stages started from, and the Baseline beside those."""
  borrowed: dict[str, str] = {}
  for folder in own.values():
    _, provenance = load_config(folder)
    paths = [provenance["init_from"], os.path.dirname(provenance["label_predictions"])]
    for path in [os.path.normpath(path) for path in paths if path]:
      beside = os.path.join(os.path.dirname(path), STAGES[0].name)
      for stage in (path, beside):
        if _is_predicted(stage):
          borrowed.setdefault(os.path.basename(stage), stage)
  return borrowed


def _is_predicted(folder):
  return is_stage(folder) and os.path.exists(os.path.join(folder, PREDICTIONS_TEST))
