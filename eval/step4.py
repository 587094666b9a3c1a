"""Step 4 of a run: fitted to its test set, or anew to other galaxies."""

from __future__ import annotations

import dataclasses
import os

from astropy.table import Table

from eval.evaluation.step4_fit import fit_calibration, provenance, save_calibrated_catalog
from eval.stage_results import load_test_predictions
from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.metrics.stage_metrics import Bootstrap
from pzbias_tf.metrics.stage_result import StageResult, measure
from pzbias_tf.predictions.predictions import Estimates, Predictions, predicted_with
from pzbias_tf.survey import Survey
from pzbias_tf.training.checkpoints import StageFiles, file_digest
from pzbias_tf.training.config import git_revision, package_versions
from pzbias_tf.training.run_folder import PREDICTIONS_BALANCED

STEP4 = "step4"
CALIBRATION = "calibration.json"
CATALOG = "calibrated_test.fits"


def step4_result(run: str, step3: str, survey: Survey, bootstrap: Bootstrap, *,
                 smoothing: float = 0.0, weights: Table | None = None) -> StageResult:
  """Fits, saves and applies Step 4: writes CALIBRATION and CATALOG into the run.

  Args:
    run: folder of the experiment.
    step3: folder of its Step 3.
    survey: the survey.
    bootstrap: how errors are estimated; its seed is the resampling's as well.
    smoothing: see `Calibration.fit`.
    weights: as `load_test_predictions`; for the metrics, not the fit.
  """
  test = load_test_predictions(step3, survey, weights)
  calibration = calibrate_target(step3, test, survey, os.path.join(run, CALIBRATION),
                                 seed=bootstrap.seed, smoothing=smoothing)
  z_photo = save_calibrated_catalog(os.path.join(run, CATALOG), test, calibration)
  result = measure(STEP4, "Step 4", test, survey, bootstrap, z_photo=z_photo)
  uncorrected = int((~calibration.is_corrected(test.z_photo, test.r_mag)).sum())
  return dataclasses.replace(result, summary={**result.summary, "uncorrected": uncorrected})


def calibrate_target(step3: str, target: Predictions | Estimates, survey: Survey, path: str, *,
                     seed: int = 0, smoothing: float = 0.0) -> Calibration:
  """Fits Step 4 to the magnitudes and estimates of some galaxies, and saves it.

  Args:
    step3: folder of a Step 3, with its predictions of the balanced subset.
    target: its predictions of the galaxies to correct; their redshifts, if they
      have any, are not looked at.
    survey: the survey.
    path: where the calibration is saved.
    seed: seed of the resampling.
    smoothing: see `Calibration.fit`.

  Raises:
    ValueError: the stage has no predictions of the balanced subset, or they are
      those of other weights.
  """
  source, digest = os.path.join(step3, PREDICTIONS_BALANCED), file_digest(StageFiles(step3).last)
  if not predicted_with(source, digest):
    raise ValueError(f"{source} is missing, or was predicted with other weights; give that stage's "
                     "python -m train.main again, which predicts without training anew")
  balanced = Predictions.load(source)
  calibration = fit_calibration(balanced, target, survey, seed=seed, smoothing=smoothing)
  calibration.save(path, weights_digest=digest, provenance={
      "stage": os.path.basename(os.path.normpath(step3)),
      **provenance(balanced, target, seed=seed, smoothing=smoothing),
      "revision": git_revision(), "versions": package_versions()})
  return calibration
