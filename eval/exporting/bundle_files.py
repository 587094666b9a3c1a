"""The files of a bundle, taken from a run: weights, settings, survey, ranges, Step 4.

Nothing in them tells of the folders of this machine, and all belong to the same weights.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from typing import Any, Mapping

from eval.run import EvaluatedStage
from pzbias_tf.data.galaxy_origin import GalaxyOrigin
from pzbias_tf.files import write_text
from pzbias_tf.guards import json_files
from pzbias_tf.predictions.domain import TrainingDomain
from pzbias_tf.survey import Survey
from pzbias_tf.trained_run import step_4
from pzbias_tf.training.checkpoints import WEIGHTS_NAME, StageFiles, file_digest
from pzbias_tf.training.config import CONFIG_NAME, DATA_SET, TrainConfig
from pzbias_tf.training.run_folder import CALIBRATION, DOMAIN, METRICS

SURVEY = "survey.toml"


@dataclasses.dataclass(frozen=True, kw_only=True)
class BundledStage:
  """What a bundle and its card say of a stage.

  Attributes:
    stage: the stage.
    weights: the weights in the bundle.
    digest: their SHA-256.
    domain: the ranges of the training galaxies; None where they were not measured.
    has_step_4: whether the bundle holds Step 4.
    metrics: the run's metrics.json, which is of these weights; None without.
    why_no_metrics: why there are none, in a sentence.
  """

  stage: EvaluatedStage
  weights: str
  digest: str
  domain: TrainingDomain | None
  has_step_4: bool
  metrics: Mapping[str, Any] | None
  why_no_metrics: str = ""

  @property
  def config(self) -> TrainConfig:
    """Settings of the stage."""
    return self.stage.config

  @property
  def origin(self) -> GalaxyOrigin:
    """Whether its galaxies are real."""
    return self.stage.origin


def copy_stage(stage: EvaluatedStage, folder: str) -> BundledStage:
  """Writes all but SavedModel, card and manifest into a folder.

  Args:
    stage: the stage.
    folder: an empty folder.

  Raises:
    OSError: the stage is not trained.
    ValueError: metrics.json or calibration.json of its run are of other weights, or a file is
      damaged.
  """
  run = os.path.dirname(os.path.abspath(stage.folder))
  weights = os.path.join(folder, WEIGHTS_NAME)
  shutil.copyfile(StageFiles(stage.folder).last, weights)
  digest = file_digest(weights)  # of the copy: training may go on
  metrics, why_not = _metrics(run, stage.name, digest)
  has_step_4 = step_4(os.path.join(run, CALIBRATION), stage.config, digest) is not None
  if has_step_4:
    shutil.copyfile(os.path.join(run, CALIBRATION), os.path.join(folder, CALIBRATION))
  _write_config(stage, folder)
  write_text(os.path.join(folder, SURVEY), survey_toml(stage.config.survey))
  return BundledStage(stage=stage, weights=weights, digest=digest, metrics=metrics,
                      why_no_metrics=why_not, has_step_4=has_step_4, domain=_domain(stage, folder))


def survey_toml(survey: Survey) -> str:
  """A survey as a file of `load_survey`; attributes without a value are left out."""
  fields = {name: value for name, value in dataclasses.asdict(survey).items()
            if value is not None}
  exceptions = fields.pop("extend_exceptions")
  lines = [f"{name} = {json.dumps(value)}" for name, value in fields.items()]
  lines += ["", "[extend_exceptions]"]  # none is a value, too: the default has some
  lines += [f"{bins} = {json.dumps(list(sides))}" for bins, sides in exceptions.items()]
  return "\n".join(lines) + "\n"


def _domain(stage, folder):
  """Copies the ranges of the training galaxies; None without."""
  path = os.path.join(stage.folder, DOMAIN)
  if not os.path.exists(path):
    return None
  domain = TrainingDomain.load(path)
  domain.save(os.path.join(folder, DOMAIN))
  return domain


def _write_config(stage, folder):
  """config.json as it was, but for where things lay on this machine."""
  with open(os.path.join(stage.folder, CONFIG_NAME), encoding="utf-8") as file:
    fields = json.load(file)
  facts = stage.data_set
  fields["provenance"] = {DATA_SET: facts.to_json()} if facts else {}
  fields.pop(json_files.DIGEST, None)  # of what it was
  json_files.write(os.path.join(folder, CONFIG_NAME), fields)


def _metrics(run, stage, digest):
  """(metrics.json of the run, "") if it measures these weights, else (None, why not)."""
  path, again = os.path.join(run, METRICS), f"python -m eval.main --run={os.path.basename(run)}"
  if not os.path.exists(path):
    return None, f"This run has not been evaluated; `{again}` does so."
  metrics = _read(path, again)
  measured = metrics.get("weights_sha256", {}).get(stage, "")
  if stage not in metrics["stages"]:
    return None, f"This stage was not there when its run was evaluated; `{again}` evaluates anew."
  if not measured:
    return None, f"The run's metrics do not say which weights they are of; `{again}` measures anew."
  if measured != digest:
    raise ValueError(f"{path} measures {stage} with other weights than those in {run}; give that "
                     f"stage's python -m train.main again, which predicts, and then {again}")
  return metrics, ""


def _read(path, again):
  with open(path, encoding="utf-8") as file:
    try:
      metrics = json.load(file)
      if not isinstance(metrics["stages"], dict):
        raise TypeError("its stages are none")
      return metrics
    except (KeyError, TypeError, ValueError) as error:
      raise ValueError(f"{path}: damaged ({error}); run {again} again") from error
