"""The report of a run: figures, the table of stages and one page that shows both.

This is the end of the data's way: measured stages in, one folder of files out.
"""

from __future__ import annotations

from typing import Sequence

from pzbias_tf.data.reference_columns import UNNAMED
from pzbias_tf.metrics.stage_result import StageResult
from pzbias_tf.report import captions
from pzbias_tf.report.breakdown_tables import breakdowns
from pzbias_tf.report.figures import (
  Outliers,
  draw_calibration,
  draw_density,
  draw_outliers,
  draw_pdfs,
  draw_residual_map,
  draw_stages,
)
from pzbias_tf.report.page_files import NamedFigure, RunDescription, words, write_page
from pzbias_tf.report.stage_table import format_table
from pzbias_tf.report.verdict import STEP4, about_run
from pzbias_tf.survey import Survey


def draw_figures(results: Sequence[StageResult], survey: Survey,
                 outliers: Outliers | None = None) -> list[NamedFigure]:
  """All figures that the results allow.

  Args:
    results: the measured stages, in the order of the method: at least one stage
      with a network; Step 4 and references where they exist.
    survey: the survey.
    outliers: galaxies for the figure of outliers; None leaves it out.

  Returns:
    The figures, in the order of the page.

  Raises:
    ValueError: no stage has a network.
  """
  references = [result for result in results if result.is_reference]
  networks = [result for result in results if not _is_added(result)]
  if not networks:
    raise ValueError("figures need a stage with a network; the results hold only "
                     f"{', '.join(result.name for result in results) or 'nothing'}")
  compared = networks[-1:] + [result for result in results if result not in networks]
  mapped = [result for result in compared if not result.is_reference]
  return [
      NamedFigure("stages", draw_stages(networks, survey, references),
                  captions.stages(networks, survey, references)),
      NamedFigure("calibration", draw_calibration(compared, survey),
                  captions.calibration(compared)),
      NamedFigure("residual_map", draw_residual_map(mapped, survey),
                  captions.residual_map(mapped)),
      NamedFigure("pdfs", draw_pdfs(networks, survey), captions.pdfs(networks)),
      NamedFigure("density", draw_density(results, survey), captions.density(results, survey)),
      *([NamedFigure("outliers", draw_outliers(outliers), captions.outliers(outliers))]
        if outliers else [])]


def write_report(folder: str, results: Sequence[StageResult], survey: Survey,
                 description: RunDescription, outliers: Outliers | None = None) -> list[str]:
  """Writes figures, table.md and, last, index.html.

  Args:
    folder: the folder to write to; made if it does not exist.
    results: as in `draw_figures`.
    survey: the survey.
    description: description of the run.
    outliers: as in `draw_figures`.

  Returns:
    The paths of the written files.

  Raises:
    ValueError: as in `draw_figures`.
    OSError: a file cannot be written.
  """
  figures = draw_figures(results, survey, outliers)
  summaries = {result.title: result.summary for result in results}
  networks = [result for result in results if not _is_added(result)]
  content = words(
      description, summaries, survey,
      verdict=about_run(results, reference=description.reference), stages=len(networks) > 1,
      reference=_about_reference(results, description.reference),
      breakdowns=breakdowns(results, survey, networks[-1].title))
  return write_page(folder, figures, content, table=format_table(summaries))


def _is_added(result):
  """Whether a result is none of a network."""
  return result.name == STEP4 or result.is_reference


def _about_reference(results, column):
  """What the reference is, where there is a single one without a name of its own."""
  if all(result.title != UNNAMED for result in results):
    return ""
  named = f", its column {column}" if column else ""
  return f"photometric redshifts that came with the source catalogue{named}"
