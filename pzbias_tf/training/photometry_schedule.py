"""Training settings for photometry, which suit a CPU and follow from the number of galaxies."""

from __future__ import annotations

from typing import Any

import numpy as np

from pzbias_tf import cells
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.models.representation import NET_C
from pzbias_tf.survey import Survey
from pzbias_tf.training import training_sample

EPOCHS = 40
"""Passes over the training galaxies of Baseline and Step 1."""

FEWEST, MOST = 2_000, 40_000
"""Iterations of Baseline and Step 1."""

BATCH_SIZE = 256
BALANCED_SHARE = 0.6
"""Of the training galaxies, at least, is in the balanced subset of Steps 2 and 3."""


def preset(data: Dataset, survey: Survey) -> dict[str, Any]:
  """The settings of all stages, as a manifest's preset has them."""
  galaxies = data.manifest.records("train")
  iterations = int(np.clip(round(EPOCHS * galaxies / BATCH_SIZE, -2), FEWEST, MOST))
  whole = {"iterations": iterations, "batch_size": BATCH_SIZE, "learning_rate": 1e-3,
           "lr_drops": [0.5, 0.75, 0.9]}
  return {
      "net": NET_C, "image_size": 0, "fth": balanced_threshold(data, survey),
      "stages": {
          "baseline": whole, "step1": whole,
          # A fifth of Step 1's rate, as published: Step 2 continues from its weights.
          "step2": {"iterations": iterations // 4, "batch_size": 128, "learning_rate": 2e-4,
                    "lr_drops": []},
          # The layers of Step 3 start from new weights.
          "step3": {"iterations": iterations, "batch_size": 128, "learning_rate": 1e-3,
                    "lr_drops": [0.6, 0.85]}}}


def balanced_threshold(data: Dataset, survey: Survey) -> int:
  """The lowest threshold that keeps BALANCED_SHARE of the training galaxies, or the survey's.

  The published thresholds are for samples of some hundred thousand galaxies: in smaller ones,
  few cells hold as many, and nothing would be balanced.
  """
  keep = training_sample.survey_part(data, survey) & (data.column("split") == "train")
  z_spec, r_mag = (data.column(name)[keep] for name in ("z_spec", "r_mag"))
  known = np.isfinite(z_spec)
  if not known.any():
    return survey.balance_threshold
  _, counts = np.unique(cells.cell_index(z_spec[known], r_mag[known], survey), return_counts=True)
  kept = [np.minimum(counts, threshold).sum()
          for threshold in range(1, survey.balance_threshold)]
  return 1 + int(np.searchsorted(kept, BALANCED_SHARE * counts.sum()))
