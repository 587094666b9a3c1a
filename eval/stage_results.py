"""From the predictions of a run to its results: stages and reference."""

from __future__ import annotations

import dataclasses
import os

from astropy.table import Table

from pzbias_tf.metrics.stage_metrics import Bootstrap
from pzbias_tf.metrics.stage_result import WEIGHT, StageResult, measure, measure_reference
from pzbias_tf.predictions.predictions import Estimates, Predictions, match_by_id
from pzbias_tf.survey import Survey
from pzbias_tf.training.run_folder import PREDICTIONS_TEST
from pzbias_tf.training.stages import stage_named


def load_test_predictions(folder: str, survey: Survey, weights: Table | None = None) -> Predictions:
  """The test predictions of a stage, of the survey's own part of the data set.

  Args:
    folder: folder of the stage.
    survey: the survey.
    weights: table with columns "id" and WEIGHT, to be used in the metrics.

  Raises:
    ValueError: the table lacks a column, or a galaxy.
  """
  predictions = own_part(Predictions.load(os.path.join(folder, PREDICTIONS_TEST)), survey)
  if weights is None:
    return predictions
  missing = {"id", WEIGHT} - set(weights.colnames)
  if missing:
    raise ValueError(f"the table of weights has no column {' and '.join(sorted(missing))}, only "
                     f"{', '.join(weights.colnames)}; rename its columns")
  column = match_by_id(predictions.ancil["id"], weights["id"], weights[WEIGHT], "weights")
  return dataclasses.replace(predictions, ancil={**predictions.ancil, WEIGHT: column})


def own_part(predictions: Predictions | Estimates, survey: Survey) -> Predictions | Estimates:
  """The galaxies of the survey's own part of the data set."""
  for column, part in (("field", survey.field), ("sample", survey.sample)):
    if part:
      predictions = predictions.select(predictions.ancil[column] == part)
  return predictions


def stage_result(name: str, folder: str, survey: Survey, bootstrap: Bootstrap,
                 weights: Table | None = None) -> StageResult:
  """The result of a stage with a network; `weights` as `load_test_predictions`."""
  return measure(name, stage_named(name).title, load_test_predictions(folder, survey, weights),
                 survey, bootstrap)


def reference_result(folder: str, survey: Survey, bootstrap: Bootstrap,
                     weights: Table | None = None) -> StageResult | None:
  """The source catalogue's own photometric redshifts; None where it has none.

  Args:
    folder: any stage of the run.
    survey: the survey.
    bootstrap: how errors are estimated.
    weights: as `load_test_predictions`.
  """
  return measure_reference(load_test_predictions(folder, survey, weights), survey, bootstrap)
