"""Calibration of p(z) of a run: fitted on its validation galaxies, where they were predicted."""

from __future__ import annotations

import dataclasses
import os

from astropy.table import Table

from eval.results import load_test_predictions, own_part
from pzbias_tf.bias.pdf_calibration import PdfCalibration
from pzbias_tf.evaluation.pdf import pit
from pzbias_tf.evaluation.predictions import Predictions, predicted_with
from pzbias_tf.evaluation.results import StageResult, measure_calibrated_pdfs
from pzbias_tf.evaluation.summary import Bootstrap
from pzbias_tf.survey import Survey
from pzbias_tf.training.checkpoints import StageFiles, file_digest

VALIDATION = "predictions_validation.hdf5"
PDF_CALIBRATION = "pdf_calibration.json"


def with_calibrated_pdfs(result: StageResult, run: str, folder: str, survey: Survey,
                         bootstrap: Bootstrap, *, by_magnitude: bool,
                         weights: Table | None = None) -> StageResult:
  """Fits and saves a calibration of p(z), and adds its metrics to a stage's result.

  Args:
    result: of the stage.
    run: folder of the experiment; PDF_CALIBRATION is written into it.
    folder: folder of the stage, which holds VALIDATION.
    survey: the survey.
    bootstrap: how errors are estimated.
    by_magnitude: see `PdfCalibration.fit`.
    weights: as `load_test_predictions`; for the metrics, not the fit.

  Returns:
    The result with "calibrated_pdfs" in its summary.

  Raises:
    ValueError: the predictions are those of other weights, or too few.
  """
  path, digest = os.path.join(folder, VALIDATION), file_digest(StageFiles(folder).last)
  if not predicted_with(path, digest):
    raise ValueError(f"{path} was predicted with other weights; predict it again with python -m "
                     "eval.predict --split=validation")
  held_out = own_part(Predictions.load(path), survey)
  calibration = PdfCalibration.fit(pit(held_out.pdf, held_out.z_spec, survey), held_out.r_mag,
                                   survey, by_magnitude=by_magnitude)
  calibration.save(os.path.join(run, PDF_CALIBRATION), weights_digest=digest)
  found = measure_calibrated_pdfs(load_test_predictions(folder, survey, weights), calibration,
                                  survey, bootstrap)
  return dataclasses.replace(result, summary={**result.summary, "calibrated_pdfs": found})


def has_validation(folder: str) -> bool:
  """Whether a stage's validation galaxies were predicted."""
  return os.path.exists(os.path.join(folder, VALIDATION))
