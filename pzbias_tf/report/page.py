"""The page of a report: HTML that holds its pictures and needs no other file.

The template stands in templates/page.html.j2.  Jinja2 escapes all that it fills in, so ids and
names stay text whatever they hold; the filters here add markup of their own.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Mapping, NamedTuple, Sequence

import jinja2
from markupsafe import Markup, escape

from pzbias_tf.data.galaxy_origin import GalaxyOrigin
from pzbias_tf.report.captions import BETTER

PAPER = "https://arxiv.org/abs/2202.09964"

_TEMPLATE = "page.html.j2"
_SYMBOLS = {
    r"\bz_(spec|photo)\b": r"<i>z</i><sub>\1</sub>",
    r"\bsigma_MAD\b": "<i>\N{GREEK SMALL LETTER SIGMA}</i><sub>MAD</sub>",
    r"\beta\b": "<i>\N{GREEK SMALL LETTER ETA}</i>",
    r"\bdz\b": "\N{GREEK CAPITAL LETTER DELTA}<i>z</i>",
    r" \+- ": " \N{PLUS-MINUS SIGN} ",
    r"(?<![\w.)-])-(?=\d)": "\N{MINUS SIGN}",
}


class Picture(NamedTuple):
  """A figure of the page.

  Attributes:
    name: its name, without the ending of a file.
    source: the picture as a data: URL.
    svg: the same for papers, as a data: URL.
    heading: what it shows, in a few words.
    alt: what it shows, in one sentence.
    caption: its caption.
    width: its width on a wide screen, pixels.
  """

  name: str
  source: str
  svg: str
  heading: str
  alt: str
  caption: str
  width: int


class Table(NamedTuple):
  """A table of texts.

  Attributes:
    heading: headings of the columns.
    rows: the rows; errors stand after " +- ".
    better: whether the first row says what is better.
  """

  heading: Sequence[str]
  rows: Sequence[Sequence[str]]
  better: bool = False


class Breakdown(NamedTuple):
  """Tables of the metrics of parts of the sample.

  Attributes:
    heading: what they are, in a few words.
    about: how to read them.
    tables: {title of the stage: its table}.
    shown: title of the stage whose table is open.
  """

  heading: str
  about: str
  tables: Mapping[str, Table]
  shown: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
  """All that a page says.

  Attributes:
    title: title of the page, such as the name of the run.
    subject: what the page is about.
    origin: whether the galaxies are real.
    verdict: what the numbers say, in sentences.
    cautions: what the reader of these has to know.
    facts: {name: value}: what was measured, and on what.
    heading: heading of the main table.
    table: that table.
    direction: a sentence on how to read it.
    symbols: {symbol: its meaning}.
    pictures: the figures, in order.
    breakdowns: further tables.
    commands: the commands that make the page again, in order.
    files: {name: data: URL} of files that the page holds.
    settings: {title of the stage: {setting: value}}.
  """

  title: str
  subject: str = "Photometric redshifts"
  origin: GalaxyOrigin
  verdict: Sequence[str]
  cautions: Sequence[str] = ()
  facts: Mapping[str, str]
  heading: str = "Stages"
  table: Table
  direction: str
  symbols: Mapping[str, str]
  pictures: Sequence[Picture]
  breakdowns: Sequence[Breakdown] = ()
  commands: Sequence[str] = ()
  files: Mapping[str, str] = dataclasses.field(default_factory=dict)
  settings: Table


def render(page: Page) -> str:
  """The page as HTML text."""
  return _environment().get_template(_TEMPLATE).render(page=page, paper=PAPER)


def with_directions(cells: Sequence[Sequence[str]]) -> Table:
  """The cells of `stage_table.table_cells`, with a line that says what is better."""
  heading, *rows = cells
  better = ["better is", *(BETTER.get(name, "") for name in heading[1:])]
  return Table(heading, [better, *rows], better=True)


def settings_table(settings: Mapping[str, Mapping[str, str]]) -> Table:
  """One column per stage; a setting that a stage lacks is left empty."""
  names = dict.fromkeys(name for own in settings.values() for name in own)
  return Table(["", *settings], [[name, *(own.get(name, "") for own in settings.values())]
                                 for name in names])


def _environment():
  environment = jinja2.Environment(
      loader=jinja2.PackageLoader("pzbias_tf.report"), autoescape=True,
      undefined=jinja2.StrictUndefined)
  environment.filters |= {"typeset": _typeset, "signs": _with_signs, "heading": _heading,
                          "cell": _cell}
  return environment


def _typeset(words: str) -> Markup:
  """Text as HTML, with the symbols set as in papers."""
  text = str(escape(words))
  for pattern, symbol in _SYMBOLS.items():
    text = re.sub(pattern, symbol, text)
  return Markup(text)


def _with_signs(words: str) -> str:
  return words.replace(" +- ", " \N{PLUS-MINUS SIGN} ")


def _heading(words: str) -> Markup:
  """A heading such as slope(z_spec), which may break before its bracket."""
  return Markup(str(_typeset(words)).replace("(", "<wbr>("))


def _cell(text: str) -> Markup:
  """A cell as HTML; its error, after "+-", gets a line of its own."""
  value, sign, error = text.partition(" +- ")
  value = escape(re.sub(r"^-(?=\d)", "\N{MINUS SIGN}", value))
  if not sign:
    return value
  return Markup('{} <span class="error">\N{PLUS-MINUS SIGN} {}</span>').format(value, error)
