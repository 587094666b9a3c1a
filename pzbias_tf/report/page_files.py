"""The files of a report: what a page is about, its words and tables, its figures, the page.

index.html holds its pictures and numbers itself, so that the page alone can be sent to
somebody.
"""

from __future__ import annotations

import base64
import dataclasses
import os
import re
from typing import Any, Mapping, NamedTuple, Sequence

from matplotlib.figure import Figure

from pzbias_tf.data.galaxy_origin import UNKNOWN, GalaxyOrigin
from pzbias_tf.files import write_text
from pzbias_tf.report import captions, page
from pzbias_tf.report.figures import save_figure
from pzbias_tf.report.figures.picture_files import FORMATS
from pzbias_tf.report.stage_table import COLUMNS, table_cells
from pzbias_tf.report.verdict import cautions
from pzbias_tf.survey import Survey

PAGE = "index.html"
TABLE = "table.md"

_PICTURE = re.compile(rf"({'|'.join(captions.HEADINGS)})(_\d+)?\.({'|'.join(FORMATS)})")
_PIXELS_PER_INCH = 150  # a figure across two columns of a journal fills the page


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunDescription:
  """Description of a run, for the top and the end of the page.

  Attributes:
    name: name of the run.
    facts: {name: value}, in the order to show.
    settings: {title of the stage: {setting: value}}.
    origin: whether the galaxies are real.
    reference: the source's column of the only photometric redshifts; "" where it is not known.
    commands: the commands that make the page again, in order.
    metrics: file of all numbers, which the page holds; "" for none.
    bootstraps: number of bootstraps behind each error; 0 where it is not known.
  """

  name: str
  facts: Mapping[str, str]
  settings: Mapping[str, Mapping[str, str]]
  origin: GalaxyOrigin = GalaxyOrigin(kind=UNKNOWN, source="Nothing is recorded of the data set.")
  reference: str = ""
  commands: Sequence[str] = ()
  metrics: str = ""
  bootstraps: int = 0


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

  @property
  def heading(self) -> tuple[str, str]:
    """What it shows, in a few words, and its description for who does not see it."""
    return captions.HEADINGS[self.name.rstrip("_0123456789")]


def words(description: RunDescription, summaries: Mapping[str, Mapping[str, Any]], survey: Survey,
          *, verdict: Sequence[str], stages: bool, same_galaxies: bool = True,
          reference: str = "", what: str = "stage",
          columns: Sequence[tuple[str, str, int]] = COLUMNS, **other: Any) -> dict[str, Any]:
  """What a page says in words and tables: arguments of `page.Page`, without its pictures.

  Args:
    description: what the page is about.
    summaries: {title: summary}, as in `stage_table.table_cells`.
    survey: the survey.
    verdict: what the numbers say.
    stages: whether stages of a training are compared.
    same_galaxies: whether all numbers are of the same galaxies.
    reference: what the reference is, in words; "" where there is none.
    what, columns: as in `stage_table.table_cells`.
    **other: further arguments.
  """
  pdfs = any("crps" in summary for summary in summaries.values())
  return dict(
      title=description.name, origin=description.origin, facts=description.facts, verdict=verdict,
      cautions=cautions(description.bootstraps, stages=stages, same_galaxies=same_galaxies),
      table=page.with_directions(table_cells(summaries, what=what, columns=columns)),
      direction=captions.DIRECTION if pdfs else captions.CATALOG_DIRECTION,
      symbols=captions.symbols(summaries, survey, pdfs=pdfs, reference=reference),
      commands=description.commands, settings=page.settings_table(description.settings),
      files={os.path.basename(path): data_url(path, "application/json")
             for path in [description.metrics] if path}, **other)


def write_page(folder: str, figures: Sequence[NamedFigure], content: Mapping[str, Any], *,
               table: str) -> list[str]:
  """Writes figures, table.md and, last, index.html.

  Args:
    folder: as in `write_report`.
    figures: the figures, in the order of the page.
    content: arguments of `page.Page`, as `words` returns them.
    table: the table in Markdown.

  Returns:
    The paths of the written files.
  """
  clear_page(folder)
  os.makedirs(folder, exist_ok=True)
  written, pictures = [os.path.join(folder, TABLE)], []
  write_text(written[0], table + "\n")
  for figure in figures:
    picture, paths = as_picture(figure, folder)
    pictures.append(picture)
    written += paths
  written.append(os.path.join(folder, PAGE))
  write_text(written[-1], page.render(page.Page(pictures=pictures, **content)))
  return written


def clear_page(folder: str) -> list[str]:
  """Removes the files of an earlier page, also of figures that a new one lacks; returns them.

  Args:
    folder: the folder of the report, which need not exist; it is removed if nothing else is there.
  """
  earlier = [name for name in (sorted(os.listdir(folder)) if os.path.isdir(folder) else ())
             if name in (PAGE, TABLE) or _PICTURE.fullmatch(name)]
  for name in earlier:
    os.remove(os.path.join(folder, name))
  if earlier and not os.listdir(folder):
    os.rmdir(folder)
  return [os.path.join(folder, name) for name in earlier]


def as_picture(figure: NamedFigure, folder: str) -> tuple[page.Picture, list[str]]:
  """Saves a figure; returns it as a picture of the page, and the paths of its files."""
  png, svg = save_figure(figure.figure, folder, figure.name)
  heading, alt = figure.heading
  return page.Picture(
      name=figure.name, source=data_url(png, "image/png"), svg=data_url(svg, "image/svg+xml"),
      heading=heading, alt=alt, caption=figure.caption,
      width=round(_PIXELS_PER_INCH * figure.figure.get_figwidth())), [png, svg]


def data_url(path: str, kind: str) -> str:
  """A file as a data: URL of that MIME type."""
  with open(path, "rb") as file:
    return f"data:{kind};base64," + base64.b64encode(file.read()).decode("ascii")
