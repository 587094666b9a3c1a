"""The report of a catalogue of estimates that another code made: figures, table and one page."""

from __future__ import annotations

import math
from typing import Any, Mapping, Sequence

from pzbias_tf.metrics.held_out import ResidualChange
from pzbias_tf.metrics.stage_result import StageResult
from pzbias_tf.report import captions
from pzbias_tf.report.breakdown_tables import breakdowns
from pzbias_tf.report.figures import (
  draw_calibration,
  draw_density,
  draw_pdfs,
  draw_residual_map,
  draw_stages,
)
from pzbias_tf.report.page_files import NamedFigure, RunDescription, words, write_page
from pzbias_tf.report.stage_table import COLUMNS, format_table
from pzbias_tf.report.verdict import about_estimates
from pzbias_tf.survey import Survey

SUBJECT = "Photometric redshifts of a catalogue"

_OF_PDFS = ("crps", "pit_ks")


def catalog_table(summaries: Mapping[str, Mapping[str, Any]]) -> str:
  """The table of estimates in Markdown, with the columns of p(z) where there is p(z).

  Args:
    summaries: {title: summary}, as in `stage_table.format_table`.
  """
  return format_table(summaries, what="estimate", columns=_columns(summaries))


def how_to_read(summaries: Mapping[str, Mapping[str, Any]]) -> str:
  """Which direction of the table is better."""
  return captions.DIRECTION if _has_pdfs(summaries) else captions.CATALOG_DIRECTION


def _columns(summaries):
  return [column for column in COLUMNS if column[1] not in _OF_PDFS or _has_pdfs(summaries)]


def _has_pdfs(summaries):
  return any("crps" in summary for summary in summaries.values())


def draw_catalog_figures(pairs: Sequence[tuple[StageResult, StageResult | None]],
                         survey: Survey) -> list[NamedFigure]:
  """All figures that the results allow.

  Args:
    pairs: each estimate, and the same after Step 4 or None.
    survey: the survey.
  """
  raw = [before for before, _ in pairs]
  everything = [result for pair in pairs for result in pair if result]
  pdfs = [result for result in raw if "pit_histogram" in result.summary]
  figures = [NamedFigure("estimates", draw_stages(raw, survey), captions.stages(raw, survey))]
  for number, pair in enumerate(pairs, 1):
    figures += _corrected_figures(pair, survey, f"_{number}" if len(pairs) > 1 else "")
  if pdfs:
    figures.append(NamedFigure("pdfs", draw_pdfs(pdfs, survey), captions.pdfs(pdfs)))
  return [*figures, NamedFigure("density", draw_density(everything, survey),
                                captions.density(everything, survey))]


def _corrected_figures(pair, survey, suffix):
  """Residuals of one estimate before and after Step 4, along redshift and in cells."""
  results = [result for result in pair if result]
  figures = [NamedFigure(f"calibration{suffix}", draw_calibration(results, survey),
                         captions.calibration(results))]
  if "residual_map" in results[0].summary:
    figures.append(NamedFigure(f"residual_map{suffix}", draw_residual_map(results, survey),
                               captions.residual_map(results)))
  return figures


def write_catalog_report(
    folder: str, pairs: Sequence[tuple[StageResult, StageResult | None]], survey: Survey,
    description: RunDescription, changes: Mapping[str, ResidualChange]) -> list[str]:
  """Writes figures, table.md and, last, index.html; returns their paths.

  Args:
    folder: the folder to write to; made if it does not exist.
    pairs: as in `draw_catalog_figures`.
    survey: the survey.
    description: what was measured.
    changes: {title of an estimate: what Step 4 changes of its residual against z_photo}.

  Raises:
    OSError: a file cannot be written.
  """
  results = [result for pair in pairs for result in pair if result]
  summaries = {result.title: result.summary for result in results}
  content = words(
      description, summaries, survey, verdict=_verdict(pairs, changes), stages=False,
      what="estimate", columns=_columns(summaries), heading="Estimates", subject=SUBJECT,
      breakdowns=breakdowns(results, survey, results[0].title, what="estimate"))
  return write_page(folder, draw_catalog_figures(pairs, survey), content,
                    table=catalog_table(summaries))


def _verdict(pairs, changes):
  """What the numbers say: on the estimates, and on Step 4 of each."""
  return about_estimates(
      {result.title: result.summary for pair in pairs for result in pair if result},
      [(before.title, after.title, _in_errors(changes.get(before.title)))
       for before, after in pairs if after])


def _in_errors(own: ResidualChange | None) -> float | None:
  """A change in units of its error; 0 where nothing was corrected, None where it is not known."""
  if own is None or not math.isfinite(own.change.error):
    return None
  return own.change.mean / own.change.error if own.change.error else 0.0
