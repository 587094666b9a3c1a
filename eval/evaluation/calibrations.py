"""The calibrations of a run: Step 4 of point estimates, and that of p(z).

Step 4 is fitted on Step 3's predictions of the balanced subset and follows the
galaxies that it corrects: the test set, or those of another data set.  p(z) is
calibrated on validation galaxies, on which no network was trained.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np

from eval.run import EvaluatedStage
from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.bias.pdf_calibration import FEWEST, PdfCalibration
from pzbias_tf.bias.resampling import resample_to_counts
from pzbias_tf.bias.target_counts import TargetCounts
from pzbias_tf.metrics.pdf import pit
from pzbias_tf.metrics.stage_metrics import Bootstrap
from pzbias_tf.metrics.stage_result import StageResult, measure, measure_calibrated_pdfs
from pzbias_tf.predictions.point_catalog import write_fits
from pzbias_tf.predictions.predictions import Estimates, Predictions
from pzbias_tf.survey import Survey
from pzbias_tf.training.config import git_revision, package_versions
from pzbias_tf.training.run_folder import CALIBRATION

Target = Predictions | Estimates | TargetCounts
"""Galaxies to correct, or their counts."""

STEP4 = "step4"
CATALOG = "calibrated_test.fits"
PDF_CALIBRATION = "pdf_calibration.json"


def step4_result(step3: EvaluatedStage, folder: str, bootstrap: Bootstrap, *,
                 smoothing: float = 0.0, shrunk: bool = False) -> StageResult:
  """Fits, saves, applies and measures Step 4: writes CALIBRATION and CATALOG.

  Args:
    step3: a Step 3, whose test predictions are corrected.
    folder: where the files go: the run's folder.
    bootstrap: how errors are estimated; its seed is the resampling's as well.
    smoothing, shrunk: see `Calibration.fit`.
  """
  test, survey = step3.test, step3.survey
  calibration = calibrate_target(step3, test, os.path.join(folder, CALIBRATION),
                                 seed=bootstrap.seed, smoothing=smoothing, shrunk=shrunk)
  corrected = calibration.correct(test.z_photo, test.r_mag)
  write_fits(os.path.join(folder, CATALOG), {
      "id": test.ancil["id"], "z_spec": test.z_spec, "r_mag": test.r_mag,
      "z_photo": test.z_photo, "z_photo_calibrated": corrected.z_photo,
      "calibration_error": corrected.error, "corrected": corrected.has_correction},
             simulated=step3.origin.mark)
  result = measure(STEP4, "Step 4", test, survey, bootstrap, z_photo=corrected.z_photo,
                   sigma_disp=step3.sigma_disp)
  uncorrected = int((~corrected.has_correction).sum())
  return dataclasses.replace(result, summary={**result.summary, "uncorrected": uncorrected})


def calibrate_target(step3: EvaluatedStage, target: Target, path: str, *, seed: int = 0,
                     smoothing: float = 0.0, shrunk: bool = False) -> Calibration:
  """Fits Step 4 to the magnitudes and estimates of some galaxies, and saves it.

  Args:
    step3: a Step 3, with its predictions of the balanced subset.
    target: its predictions of the galaxies to correct, or their counts; redshifts,
      if they have any, are not looked at.
    path: where the calibration is saved.
    seed: seed of the resampling.
    smoothing, shrunk: see `Calibration.fit`.

  Raises:
    ValueError: the stage has no predictions of the balanced subset, or they are
      those of other weights.
  """
  balanced, target = step3.balanced, counted(target, step3.survey)
  calibration = fit_step4(balanced, target, step3.survey, seed=seed, smoothing=smoothing,
                          shrunk=shrunk)
  calibration.save(path, weights_digest=step3.weights_digest, provenance={
      "stage": step3.name, **fitted_on(balanced, target, seed=seed, smoothing=smoothing,
                                          shrunk=shrunk),
      "revision": git_revision(), "versions": package_versions()})
  return calibration


def fit_step4(balanced: Predictions, target: Target, survey: Survey, *, seed: int = 0,
              smoothing: float = 0.0, shrunk: bool = False) -> Calibration:
  """Fits Step 4 (Lin et al. 2022).

  Args:
    balanced: Step 3 predictions of the balanced subset (training galaxies).
    target: Step 3 predictions of the galaxies to correct, or their counts;
      redshifts are not looked at.
    survey: the survey.
    seed: seed of the resampling.
    smoothing, shrunk: see `Calibration.fit`.
  """
  drawn = resample_to_counts(balanced.z_spec, balanced.r_mag, counted(target, survey), survey,
                             seed=seed)
  # A galaxy that was drawn many times is one galaxy to the errors.
  galaxy, times = np.unique(drawn, return_counts=True)
  return Calibration.fit(balanced.z_spec[galaxy], balanced.z_photo[galaxy],
                         balanced.r_mag[galaxy], survey, weights=times, smoothing=smoothing,
                         shrunk=shrunk)


def counted(target: Target, survey: Survey) -> TargetCounts:
  """Counts of a target set that may have been counted already."""
  if isinstance(target, TargetCounts):
    return target
  return TargetCounts.of(target.z_photo, target.r_mag, survey)


def fitted_on(balanced: Predictions, target: TargetCounts, *, seed: int, smoothing: float,
              shrunk: bool = False) -> dict[str, Any]:
  """What a Step 4 was fitted on, for `Calibration.save`."""
  return {"balanced_galaxies": len(balanced), "target_galaxies": len(target),
          "target_r_mag": list(target.r_mag),
          "seed": seed, "smoothing_wide_bins": smoothing, "shrunk": shrunk}


def with_calibrated_pdfs(result: StageResult, stage: EvaluatedStage, folder: str,
                         bootstrap: Bootstrap, *, by_magnitude: bool) -> StageResult:
  """Fits and saves a calibration of p(z), and adds its metrics to the stage's result.

  Args:
    result: of the stage.
    stage: the stage, which has validation predictions.
    folder: where PDF_CALIBRATION goes: the run's folder.
    bootstrap: how errors are estimated.
    by_magnitude: see `PdfCalibration.fit`.

  Returns:
    The result with "calibrated_pdfs" in its summary.

  Raises:
    ValueError: there are too few galaxies, or some of them are in the test set.
  """
  held_out, test, survey = stage.validation, stage.test, stage.survey
  if held_out is None:
    raise ValueError(f"{stage.folder} has no validation predictions")
  shared = np.intersect1d(held_out.ancil["id"], test.ancil["id"])
  if shared.size:
    raise ValueError(f"the validation predictions of {stage.folder} hold {shared.size} galaxies "
                     f"of the test set, such as {shared[0]}: a calibration must not see those; "
                     "give that stage's python -m train.main again after deleting the file")
  calibration = PdfCalibration.fit(pit(held_out.pdf, held_out.z_spec, survey), held_out.r_mag,
                                   survey, by_magnitude=by_magnitude)
  calibration.save(os.path.join(folder, PDF_CALIBRATION), weights_digest=stage.weights_digest)
  after = measure_calibrated_pdfs(test, calibration, survey, bootstrap)
  return dataclasses.replace(result, summary={**result.summary, "calibrated_pdfs": after})


def too_few(held_out: Predictions) -> str:
  """Why these galaxies cannot calibrate p(z), in one line; "" where they can."""
  if len(held_out) >= FEWEST:
    return ""
  return (f"p(z) is not calibrated: that takes {FEWEST} validation galaxies, and there are "
          f"{len(held_out)}")
