"""The report of a run: figures, the table of stages and one page that shows both.

This is the end of the data's way: measured stages in, one folder of files out.
index.html holds its pictures itself, so that the page alone can be sent to
somebody.
"""

from __future__ import annotations

import base64
import dataclasses
import os
from typing import Mapping, NamedTuple, Sequence

from matplotlib.figure import Figure

from pzbias_tf.files import write_text
from pzbias_tf.metrics.stage_result import StageResult
from pzbias_tf.report import captions, page
from pzbias_tf.report.figures import (
  Outliers,
  draw_calibration,
  draw_density,
  draw_outliers,
  draw_pdfs,
  draw_residual_map,
  draw_stages,
  save_figure,
)
from pzbias_tf.report.stage_table import format_table
from pzbias_tf.survey import Survey

PAGE = "index.html"
TABLE = "table.md"

_STEP4 = "step4"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunDescription:
  """Description of a run, for the top and the end of the page.

  Attributes:
    name: name of the run.
    facts: {name: value}, in the order to show.
    settings: {title of the stage: {setting: value}}.
  """

  name: str
  facts: Mapping[str, str]
  settings: Mapping[str, Mapping[str, str]]


class NamedFigure(NamedTuple):
  """A figure with its file name and caption.

  Attributes:
    name: file name without its ending.
    figure: the figure.
    caption: its caption.
  """

  name: str
  figure: Figure
  caption: str


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
  networks = [result for result in results if result.name != _STEP4 and not result.is_reference]
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
  return write_page(
      folder, draw_figures(results, survey, outliers), description,
      table=format_table({result.title: result.summary for result in results}),
      direction=captions.DIRECTION)


def write_page(folder: str, figures: Sequence[NamedFigure], description: RunDescription, *,
               table: str, direction: str, **words: str) -> list[str]:
  """Writes figures, table.md and, last, index.html.

  Args:
    folder: as in `write_report`.
    figures: the figures, in the order of the page.
    description: what the page is about.
    table: the table in Markdown.
    direction: how to read it.
    **words: further arguments of `page.render`.

  Returns:
    The paths of the written files.
  """
  os.makedirs(folder, exist_ok=True)
  written, pictures = [os.path.join(folder, TABLE)], []
  write_text(written[0], table + "\n")
  for figure in figures:
    picture, paths = as_picture(figure, folder)
    pictures.append(picture)
    written += paths
  written.append(os.path.join(folder, PAGE))
  write_text(written[-1], page.render(
      title=description.name, facts=description.facts, table=table, direction=direction,
      pictures=pictures, settings=description.settings, **words))
  return written


def as_picture(figure: NamedFigure, folder: str) -> tuple[page.Picture, list[str]]:
  """Saves a figure; returns it as a picture of the page, and the paths of its files."""
  png, svg = save_figure(figure.figure, folder, figure.name)
  return page.Picture(_data_url(png), os.path.basename(svg), figure.caption), [png, svg]


def _data_url(png):
  with open(png, "rb") as file:
    return "data:image/png;base64," + base64.b64encode(file.read()).decode("ascii")
