"""Step 4: from the predictions of Step 3 to calibrated point estimates."""

from __future__ import annotations

from typing import Any

import numpy as np

from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.bias.resampling import resample_to_expected
from pzbias_tf.predictions.point_catalog import write_fits
from pzbias_tf.predictions.predictions import Estimates, Predictions
from pzbias_tf.survey import Survey


def fit_calibration(balanced: Predictions, target: Predictions | Estimates, survey: Survey, *,
                    seed: int = 0, smoothing: float = 0.0) -> Calibration:
  """Fits Step 4.

  Args:
    balanced: Step 3 predictions of the balanced subset (training galaxies).
    target: Step 3 predictions of the galaxies to correct; their redshifts are
      not looked at.
    survey: the survey.
    seed: seed of the resampling.
    smoothing: see `Calibration.fit`.
  """
  drawn = resample_to_expected(balanced.z_spec, balanced.r_mag, target.z_photo, target.r_mag,
                               survey, seed=seed)
  # A galaxy that was drawn many times is one galaxy to the errors.
  galaxy, times = np.unique(drawn, return_counts=True)
  return Calibration.fit(balanced.z_spec[galaxy], balanced.z_photo[galaxy],
                         balanced.r_mag[galaxy], survey, weights=times, smoothing=smoothing)


def provenance(balanced: Predictions, target: Predictions | Estimates, *, seed: int,
               smoothing: float) -> dict[str, Any]:
  """What a calibration was fitted on, for `Calibration.save`."""
  return {"balanced_galaxies": len(balanced), "target_galaxies": len(target),
          "target_r_mag": [float(target.r_mag.min()), float(target.r_mag.max())],
          "seed": seed, "smoothing_wide_bins": smoothing}


def save_calibrated_catalog(path: str, target: Predictions, calibration: Calibration) -> np.ndarray:
  """Writes point estimates before and after Step 4 as a FITS table.

  Args:
    path: the file.
    target: the predictions that are corrected.
    calibration: the corrections.

  Returns:
    The calibrated point estimates [n].
  """
  calibrated = calibration.apply(target.z_photo, target.r_mag)
  write_fits(path, {
      "id": target.ancil["id"], "z_spec": target.z_spec, "r_mag": target.r_mag,
      "z_photo": target.z_photo, "z_photo_calibrated": calibrated,
      "calibration_error": calibration.correction_error(target.z_photo, target.r_mag),
      "corrected": calibration.is_corrected(target.z_photo, target.r_mag)})
  return calibrated
