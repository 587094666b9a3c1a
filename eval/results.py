"""From the predictions of a run to its results: stages and reference."""

from __future__ import annotations

import os

from pzbias_tf.evaluation.predictions import Predictions
from pzbias_tf.evaluation.results import StageResult, measure, measure_reference
from pzbias_tf.evaluation.summary import Bootstrap
from pzbias_tf.survey import Survey
from pzbias_tf.training.run_folder import PREDICTIONS_TEST
from pzbias_tf.training.stages import stage_named


def load_test_predictions(folder: str, survey: Survey) -> Predictions:
  """The test predictions of a stage, of the survey's own part of the data set."""
  return own_part(Predictions.load(os.path.join(folder, PREDICTIONS_TEST)), survey)


def own_part(predictions: Predictions, survey: Survey) -> Predictions:
  """The galaxies of the survey's own part of the data set."""
  for column, part in (("field", survey.field), ("sample", survey.sample)):
    if part:
      predictions = predictions.select(predictions.ancil[column] == part)
  return predictions


def stage_result(name: str, folder: str, survey: Survey, bootstrap: Bootstrap) -> StageResult:
  """The result of a stage with a network."""
  return measure(name, stage_named(name).title, load_test_predictions(folder, survey), survey,
                 bootstrap)


def reference_result(folder: str, survey: Survey, bootstrap: Bootstrap) -> StageResult | None:
  """The source catalogue's own photometric redshifts; None where it has none.

  Args:
    folder: any stage of the run.
    survey: the survey.
    bootstrap: how errors are estimated.
  """
  return measure_reference(load_test_predictions(folder, survey), survey, bootstrap)
