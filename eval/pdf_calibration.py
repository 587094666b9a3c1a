"""Calibration of p(z) of a run: fitted on its validation galaxies, which it was not trained on."""

from __future__ import annotations

import dataclasses
import os

from astropy.table import Table
import numpy as np

from eval.stage_results import load_test_predictions, own_part
from pzbias_tf.bias.pdf_calibration import FEWEST, PdfCalibration
from pzbias_tf.metrics.pdf import pit
from pzbias_tf.metrics.stage_metrics import Bootstrap
from pzbias_tf.metrics.stage_result import StageResult, measure_calibrated_pdfs
from pzbias_tf.predictions.predictions import Predictions, predicted_with
from pzbias_tf.survey import Survey
from pzbias_tf.training.checkpoints import StageFiles, file_digest
from pzbias_tf.training.run_folder import PREDICTIONS_VALIDATION

PDF_CALIBRATION = "pdf_calibration.json"


def with_calibrated_pdfs(result: StageResult, held_out: Predictions, run: str, folder: str,
                         survey: Survey, bootstrap: Bootstrap, *, by_magnitude: bool,
                         weights: Table | None = None) -> StageResult:
  """Fits and saves a calibration of p(z), and adds its metrics to a stage's result.

  Args:
    result: of the stage.
    held_out: its predictions of `load_validation`.
    run: folder of the experiment; PDF_CALIBRATION is written into it.
    folder: folder of the stage.
    survey: the survey.
    bootstrap: how errors are estimated.
    by_magnitude: see `PdfCalibration.fit`.
    weights: as `load_test_predictions`; for the metrics, not the fit.

  Returns:
    The result with "calibrated_pdfs" in its summary.

  Raises:
    ValueError: there are too few galaxies, or some of them are in the test set.
  """
  test = load_test_predictions(folder, survey, weights)
  shared = np.intersect1d(held_out.ancil["id"], test.ancil["id"])
  if shared.size:
    raise ValueError(f"{os.path.join(folder, PREDICTIONS_VALIDATION)} holds {shared.size} galaxies "
                     f"of the test set, such as {shared[0]}: a calibration must not see those; "
                     "give that stage's python -m train.main again after deleting the file")
  calibration = PdfCalibration.fit(pit(held_out.pdf, held_out.z_spec, survey), held_out.r_mag,
                                   survey, by_magnitude=by_magnitude)
  calibration.save(os.path.join(run, PDF_CALIBRATION),
                   weights_digest=file_digest(StageFiles(folder).last))
  found = measure_calibrated_pdfs(test, calibration, survey, bootstrap)
  return dataclasses.replace(result, summary={**result.summary, "calibrated_pdfs": found})


def load_validation(folder: str, survey: Survey) -> Predictions | None:
  """A stage's validation predictions, of the survey's own part of the data set.

  Args:
    folder: folder of the stage.
    survey: the survey.

  Returns:
    None where there are none.

  Raises:
    ValueError: the predictions are those of other weights.
  """
  path = os.path.join(folder, PREDICTIONS_VALIDATION)
  if not os.path.exists(path):
    return None
  if not predicted_with(path, file_digest(StageFiles(folder).last)):
    raise ValueError(f"{path} was predicted with other weights; give that stage's python -m "
                     "train.main again, which predicts without training anew")
  return own_part(Predictions.load(path), survey)


def too_few(held_out: Predictions) -> str:
  """Why these galaxies cannot calibrate p(z), in a line; "" where they can."""
  if len(held_out) >= FEWEST:
    return ""
  return (f"p(z) is not calibrated: that takes {FEWEST} validation galaxies, and there are "
          f"{len(held_out)}")
