"""A measured stage: its test estimates with their metrics, the input of figures and report."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Sequence

import numpy as np

from pzbias_tf.bias.pdf_calibration import PdfCalibration
from pzbias_tf.data.reference_columns import COLUMN, UNNAMED, columns_in
from pzbias_tf.data.reference_columns import title as title_of
from pzbias_tf.metrics.pdf import pdf_metrics, pdf_scores
from pzbias_tf.metrics.stage_metrics import Bootstrap, summarize, summarize_pdfs
from pzbias_tf.metrics.tomography import equal_number_edges
from pzbias_tf.missing_values import find_missing
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import Survey

REFERENCE = "reference"
"""Name of the result that holds the photometric redshifts of the source catalogue.

Of several, the next ones are named REFERENCE followed by 2, 3, and so on.
"""

WEIGHT = "weight"
"""Name of the optional column of predictions that weights galaxies in the metrics."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageResult:
  """Point estimates of one stage and their metrics.

  Attributes:
    name: "baseline", "step1" to "step4", "reference", "reference2", ..., or
      "estimate1" to "estimate5" of a catalogue; decides colour and marker.
    title: its name in tables and figures.
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    summary: the metrics, as `stage_metrics.summarize` returns them.
  """

  name: str
  title: str
  z_spec: np.ndarray
  z_photo: np.ndarray
  summary: Mapping[str, Any]

  @property
  def is_reference(self) -> bool:
    """Whether these are photometric redshifts of the source catalogue."""
    return self.name.startswith(REFERENCE)

  @property
  def key(self) -> str:
    """The name in metrics.json: that of the source catalogue, after REFERENCE, where it has one."""
    named = self.is_reference and self.title != UNNAMED
    return f"{REFERENCE}_{self.title}" if named else self.name


def measure(name: str, title: str, predictions: Predictions, survey: Survey, bootstrap: Bootstrap,
            *, z_photo: np.ndarray | None = None,
            sigma_disp: np.ndarray | None = None) -> StageResult:
  """Computes the metrics of a stage.

  Args:
    name: the stage's name, as in `StageResult`.
    title: its name in tables and figures.
    predictions: predictions for galaxies with spectroscopic redshifts; their
      column WEIGHT, if there is one, weights the galaxies in the metrics.
    survey: the survey.
    bootstrap: how errors are estimated.
    z_photo: point estimates, [n], that replace those of `predictions` (Step 4).
    sigma_disp: as in `stage_metrics.summarize`.

  Returns:
    The result.

  Raises:
    ValueError: as in `stage_metrics.summarize`.
  """
  return StageResult(name=name, title=title, z_spec=predictions.z_spec,
                     z_photo=predictions.z_photo if z_photo is None else z_photo,
                     summary=summarize(predictions, survey, bootstrap, z_photo=z_photo,
                                       weights=predictions.ancil.get(WEIGHT),
                                       sigma_disp=sigma_disp))


def measure_calibrated_pdfs(
    predictions: Predictions, calibration: PdfCalibration, survey: Survey,
    bootstrap: Bootstrap) -> dict[str, Any]:
  """The metrics of PDFs after their calibration; point estimates stay as they are.

  Args:
    predictions: as in `measure`.
    calibration: calibration of p(z), fitted on other galaxies.
    survey: the survey.
    bootstrap: how errors are estimated.

  Returns:
    The metrics of PDFs in a stage's summary, with their "errors".
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
  """Refuses stages that predicted different galaxies, since their metrics cannot be compared.

  Args:
    results: the stages; references, which may hold fewer galaxies, are not
      checked.

  Raises:
    ValueError: the spectroscopic redshifts of a stage are not those of the first.
  """
  for result in results:
    if not result.is_reference and not np.array_equal(result.z_spec, results[0].z_spec):
      raise ValueError(
          f"{result.title} predicted other galaxies than {results[0].title} ({len(result.z_spec)} "
          f"and {len(results[0].z_spec)}, or with other redshifts); predict both with the same "
          "data set")


def measure_references(predictions: Predictions, survey: Survey, bootstrap: Bootstrap, *,
                       sigma_disp: np.ndarray | None = None) -> list[StageResult]:
  """The metrics of all photometric redshifts that came with the source catalogue.

  Args:
    predictions: predictions of any stage, for their `reference_columns`.
    survey: the survey.
    bootstrap: how errors are estimated.
    sigma_disp: as in `stage_metrics.summarize`.

  Returns:
    A result for each column with numbers, in the order of `columns_in`.
  """
  results = []
  for number, column in enumerate(columns_in(predictions.ancil), 1):
    result = measure_reference(predictions, survey, bootstrap, column=column,
                               sigma_disp=sigma_disp)
    name = f"{REFERENCE}{number}" if number > 1 else REFERENCE
    results += [dataclasses.replace(result, name=name)] if result else []
  return results


def measure_reference(predictions: Predictions, survey: Survey, bootstrap: Bootstrap, *,
                      column: str = COLUMN,
                      sigma_disp: np.ndarray | None = None) -> StageResult | None:
  """The metrics of photometric redshifts that came with the source catalogue.

  Args:
    predictions: predictions of any stage, for their column of these redshifts;
      values that are not finite and placeholders (-1 and below, 99 and the like) are left
      out.
    survey: the survey.
    bootstrap: how errors are estimated.
    column: name of the column.
    sigma_disp: as in `stage_metrics.summarize`.

  Returns:
    The result; None if the catalogue has no such redshifts.
  """
  z_photo = predictions.ancil.get(column)
  if z_photo is None:
    return None
  known = ~find_missing(np.asarray(z_photo, np.float64), redshifts=True)[0]
  if not known.any():
    return None
  return measure(REFERENCE, title_of(column), predictions.select(known), survey, bootstrap,
                 z_photo=z_photo[known], sigma_disp=sigma_disp)
