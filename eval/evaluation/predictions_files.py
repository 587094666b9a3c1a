"""Predictions files of the same galaxies side by side: one table, such as for ways to combine runs.

    python -m eval.main --run=RUN --predictions=mean.hdf5,harmonic.hdf5
"""

from __future__ import annotations

import os
from typing import Sequence

from eval.evaluation.weight_table import WeightTable
from eval.run import own_part, weighted
from pzbias_tf.metrics.stage_metrics import Bootstrap
from pzbias_tf.metrics.stage_result import StageResult, check_same_galaxies, measure
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.report.captions import DIRECTION
from pzbias_tf.report.stage_table import format_table
from pzbias_tf.survey import Survey


def measure_files(paths: Sequence[str], survey: Survey, bootstrap: Bootstrap,
                  weights: WeightTable | None = None) -> str:
  """Measures predictions files.

  Args:
    paths: files with full p(z), of galaxies with spectroscopic redshifts.
    survey: the survey, whose own part of the galaxies counts.
    bootstrap: how errors are estimated.
    weights: of the galaxies; None where all weigh the same.

  Returns:
    The table, one row per file, and how to read it.

  Raises:
    OSError: a file is missing.
    ValueError: a file is named twice, or the files do not hold the same galaxies.
  """
  full = [os.path.abspath(path) for path in paths]
  if len(set(full)) < len(full):
    raise ValueError(f"--predictions={','.join(paths)}: name each file once")
  results = [_measure(path, survey, bootstrap, weights) for path in paths]
  check_same_galaxies(results)
  table = format_table({result.title: result.summary for result in results}, what="predictions")
  return "\n".join([f"{survey.name}, {len(results)} predictions files", "", table, "", DIRECTION])


def _measure(path, survey, bootstrap, weights) -> StageResult:
  """The metrics of one file, which is its own title."""
  try:
    predictions = own_part(Predictions.load(path), survey)
    predictions = predictions if weights is None else weighted(predictions, weights)
    return measure("predictions", path, predictions, survey, bootstrap)
  except ValueError as error:
    raise error if path in str(error) else ValueError(f"{path}: {error}") from error
