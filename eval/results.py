"""From the predictions of a run to its results: stages, Step 4, reference."""

from __future__ import annotations

import dataclasses
import os

from pzbias_tf.evaluation.predictions import Predictions
from pzbias_tf.evaluation.results import StageResult, measure, measure_reference
from pzbias_tf.evaluation.step4 import fit_calibration, save_calibrated_catalog
from pzbias_tf.evaluation.summary import Bootstrap
from pzbias_tf.survey import Survey
from pzbias_tf.training.checkpoints import StageFiles, file_digest
from pzbias_tf.training.run_folder import PREDICTIONS_BALANCED, PREDICTIONS_TEST
from pzbias_tf.training.stages import stage_named

STEP4 = "step4"
CALIBRATION = "calibration.json"
CATALOG = "calibrated_test.fits"


def load_test_predictions(folder: str, survey: Survey) -> Predictions:
  """The test predictions of a stage, of the survey's own part of the data set."""
  predictions = Predictions.load(os.path.join(folder, PREDICTIONS_TEST))
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


def step4_result(run: str, step3: str, survey: Survey, bootstrap: Bootstrap) -> StageResult:
  """Fits, saves and applies Step 4: writes CALIBRATION and CATALOG into the run.

  Args:
    run: folder of the experiment.
    step3: folder of its Step 3.
    survey: the survey.
    bootstrap: how errors are estimated; its seed is the resampling's as well.
  """
  test = load_test_predictions(step3, survey)
  balanced = Predictions.load(os.path.join(step3, PREDICTIONS_BALANCED))
  calibration = fit_calibration(balanced, test, survey, seed=bootstrap.seed)
  calibration.save(os.path.join(run, CALIBRATION),
                   weights_digest=file_digest(StageFiles(step3).last))
  z_photo = save_calibrated_catalog(os.path.join(run, CATALOG), test, calibration)
  result = measure(STEP4, "Step 4", test, survey, bootstrap, z_photo=z_photo)
  uncorrected = int((~calibration.is_corrected(test.z_photo, test.r_mag)).sum())
  return dataclasses.replace(result, summary={**result.summary, "uncorrected": uncorrected})
