"""The page of a report: HTML that holds its pictures and needs no other file."""

from __future__ import annotations

import html
import re
from string import Template
from typing import Mapping, NamedTuple, Sequence

from pzbias_tf.report.captions import BETTER

PAPER = "https://arxiv.org/abs/2202.09964"


_SYMBOLS = {
    r"\bz_(spec|photo)\b": r"<i>z</i><sub>\1</sub>",
    r"\bsigma_MAD\b": "<i>\N{GREEK SMALL LETTER SIGMA}</i><sub>MAD</sub>",
    r"\beta\b": "<i>\N{GREEK SMALL LETTER ETA}</i>",
}


class Picture(NamedTuple):
  """A figure of the page.

  Attributes:
    source: the picture as a data: URL.
    svg: name of the SVG file in the page's folder.
    caption: its caption.
  """

  source: str
  svg: str
  caption: str


_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
  body { font: 16px/1.5 "Helvetica Neue", Arial, sans-serif; color: #1a1a1a; background: #fff;
         max-width: 1080px; margin: 0 auto; padding: 24px; }
  h1 { font-size: 26px; margin: 0 0 4px; }
  h2 { font-size: 20px; margin: 36px 0 8px; }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 12px 0; }
  dt { color: #595959; }
  dd { margin: 0; overflow-wrap: anywhere; }
  .wide { overflow-x: auto; }
  table { border-collapse: collapse; font-size: 13px; line-height: 1.35;
          font-variant-numeric: tabular-nums; }
  th, td { padding: 4px 6px; text-align: right; vertical-align: top; }
  td { white-space: nowrap; }
  th:first-child, td:first-child { text-align: left; }
  sub { font-size: 75%; line-height: 0; }
  thead { border-top: 2px solid #1a1a1a; border-bottom: 1px solid #1a1a1a; }
  tbody { border-bottom: 2px solid #1a1a1a; }
  .better td { color: #595959; font-style: italic; }
  .error { display: block; margin-top: -1px; color: #595959; font-size: 12px; }
  figure { margin: 0; }
  img { display: block; width: 100%; height: auto; }
  figcaption { font-size: 14px; color: #333; margin-top: 8px; }
  @media print { body { padding: 0; } figure { break-inside: avoid; } }
</style>
</head>
<body>
<h1>$title</h1>
<p>$subject and their biases, after
<a href="$paper">Lin et al. 2022</a>.</p>
<dl>
$facts
</dl>
<h2>$heading</h2>
<div class="wide">
$table
</div>
<p>$direction</p>
$figures
<h2>Settings</h2>
<div class="wide">
$settings
</div>
</body>
</html>
""")


def render(*, title: str, facts: Mapping[str, str], table: str, direction: str,
           pictures: Sequence[Picture], settings: Mapping[str, Mapping[str, str]],
           heading: str = "Stages",
           subject: str = "Photometric redshifts from galaxy images") -> str:
  """The page as HTML text.

  Args:
    title: title of the page, such as the name of the run.
    facts: {name: value}, shown at the top of the page.
    table: the table of stages in Markdown, as `stage_table.format_table` returns it.
    direction: a sentence on how to read the table.
    pictures: the figures, in order.
    settings: {title of the stage: {setting: value}}.
    heading: heading of the table.
    subject: what the page is about.
  """
  return _PAGE.substitute(
      title=html.escape(title), paper=PAPER, heading=html.escape(heading),
      subject=html.escape(subject), direction=_typeset(direction),
      facts="\n".join(f"<dt>{html.escape(name)}</dt><dd>{_with_signs(value)}</dd>"
                      for name, value in facts.items()),
      table=_stage_table(table), settings=_settings_table(settings),
      figures="\n".join(_figure(number, picture) for number, picture in enumerate(pictures, 1)))


def _with_signs(words):
  return html.escape(words).replace(" +- ", " &plusmn; ")


def _typeset(words):
  """Text as HTML, with the symbols set as in papers."""
  text = html.escape(words)
  for pattern, symbol in _SYMBOLS.items():
    text = re.sub(pattern, symbol, text)
  return text


def _figure(number, picture):
  caption = html.escape(picture.caption)
  return (f"<h2>Figure {number}</h2>\n<figure>\n"
          f'<img src="{picture.source}" alt="{caption}">\n'
          f"<figcaption>{_typeset(picture.caption)} "
          f'<a href="{html.escape(picture.svg)}">SVG</a></figcaption>\n'
          "</figure>")


def _stage_table(markdown):
  """The Markdown table as HTML, with a line that says what is better."""
  heading, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")]
                       for line in markdown.splitlines())
  better = ["better is", *(BETTER.get(name, "") for name in heading[1:])]
  return _table(heading, [better, *rows], first_class="better")


def _settings_table(settings):
  """The settings as HTML, one column per stage; a setting that a stage lacks is left empty."""
  names = dict.fromkeys(name for own in settings.values() for name in own)
  return _table(["", *settings], [[name, *(own.get(name, "") for own in settings.values())]
                                  for name in names])


def _table(heading, rows, first_class=""):
  # A heading such as slope(z_spec) may break before its bracket.
  head = "".join(f"<th>{_typeset(cell).replace('(', '<wbr>(')}</th>" for cell in heading)
  lines = ["<table>", f"<thead><tr>{head}</tr></thead>", "<tbody>"]
  for index, row in enumerate(rows):
    start = f'<tr class="{first_class}">' if first_class and not index else "<tr>"
    lines.append(start + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>")
  return "\n".join([*lines, "</tbody>", "</table>"])


def _cell(text):
  """A cell as HTML; its error, after "+-", gets a line of its own."""
  value, sign, error = html.escape(text).partition(" +- ")
  value = re.sub(r"^-(?=\d)", "&minus;", value)
  return f'{value} <span class="error">&plusmn; {error}</span>' if sign else value
