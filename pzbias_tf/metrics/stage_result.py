"""A measured stage: its test estimates with their metrics, the input of figures and report."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Sequence

import numpy as np

from pzbias_tf.bias.pdf_calibration import PdfCalibration
from pzbias_tf.metrics.pdf import pdf_metrics, pdf_scores
from pzbias_tf.metrics.stage_metrics import Bootstrap, summarize, summarize_pdfs
from pzbias_tf.metrics.tomography import equal_number_edges
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import Survey

REFERENCE = "reference"
"""Name of the result that holds the photometric redshifts of the source catalogue."""

WEIGHT = "weight"
"""Column of predictions that weighs galaxies in the metrics, where there is one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageResult:
  """Point estimates of one stage and what they are worth.

  Attributes:
    name: "baseline", "step1" to "step4" or "reference"; chooses colour and marker.
    title: how tables and figures call it.
    z_spec: spectroscopic redshifts [n].
    z_photo: point estimates [n].
    summary: the metrics, as `summary.summarize` gives them.
  """

  name: str
  title: str
  z_spec: np.ndarray
  z_photo: np.ndarray
  summary: Mapping[str, Any]


def measure(name: str, title: str, predictions: Predictions, survey: Survey, bootstrap: Bootstrap,
            *, z_photo: np.ndarray | None = None) -> StageResult:
  """Computes the metrics of a stage.

  Args:
    name: the stage's name.
    title: how tables and figures call it.
    predictions: of galaxies with spectroscopic redshifts; a column WEIGHT, if
      there is one, weighs them in the metrics.
    survey: the survey.
    bootstrap: how errors are estimated.
    z_photo: other point estimates [n] than those of `predictions` (Step 4).
  """
  return StageResult(name=name, title=title, z_spec=predictions.z_spec,
                     z_photo=predictions.z_photo if z_photo is None else z_photo,
                     summary=summarize(predictions, survey, bootstrap, z_photo=z_photo,
                                       weights=predictions.ancil.get(WEIGHT)))


def measure_calibrated_pdfs(
    predictions: Predictions, calibration: PdfCalibration, survey: Survey,
    bootstrap: Bootstrap) -> dict[str, Any]:
  """The metrics of PDFs after their calibration; point estimates stay what they were.

  Args:
    predictions: as `measure`.
    calibration: fitted on other galaxies.
    survey: the survey.
    bootstrap: how errors are estimated.

  Returns:
    The numbers of PDFs that a stage's summary has, with their "errors".
  """
  weights = predictions.ancil.get(WEIGHT)
  mended = dataclasses.replace(
      predictions, pdf=calibration.apply(predictions.pdf, predictions.r_mag))
  scores = pdf_scores(mended.pdf, mended.z_spec, survey)
  metrics = pdf_metrics(scores, np.zeros(len(mended), np.int64), 1, weights=weights,
                      bootstrap=bootstrap)
  return {
      **{name: float(estimates.value[0]) for name, estimates in metrics.items()},
      "errors": {name: float(estimates.error[0]) for name, estimates in metrics.items()},
      **summarize_pdfs(mended, scores, survey, weights,
                       edges=equal_number_edges(
                           mended.z_photo if weights is None else mended.z_photo[weights > 0]))}


def check_same_galaxies(results: Sequence[StageResult]) -> None:
  """Refuses stages that predicted different galaxies: their numbers cannot be compared.

  Args:
    results: the stages; the reference, which may know fewer galaxies, is not
      looked at.

  Raises:
    ValueError: the spectroscopic redshifts of a stage are not those of the first.
  """
  for result in results:
    if result.name != REFERENCE and not np.array_equal(result.z_spec, results[0].z_spec):
      raise ValueError(
          f"{result.title} predicted other galaxies than {results[0].title} ({len(result.z_spec)} "
          f"and {len(results[0].z_spec)}, or of other redshifts); predict both with the same data "
          "set")


def measure_reference(predictions: Predictions, survey: Survey,
                      bootstrap: Bootstrap) -> StageResult | None:
  """The same metrics of the source catalogue's own photometric redshifts.

  Args:
    predictions: of any stage; the column "z_photo_ref" is looked at, and values
      that are not finite, or placeholders of -1 and below, are left out.
    survey: the survey.
    bootstrap: how errors are estimated.

  Returns:
    None where the catalogue has none.
  """
  z_photo = predictions.ancil.get("z_photo_ref")
  if z_photo is None:
    return None
  known = np.isfinite(z_photo) & (np.nan_to_num(z_photo) > -1.0)
  if not known.any():
    return None
  return measure(REFERENCE, "reference", predictions.select(known), survey, bootstrap,
                 z_photo=z_photo[known])
