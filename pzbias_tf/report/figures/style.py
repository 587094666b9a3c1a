"""Styles that all figures share: one colour, marker and line style per stage.

The colours are those of Okabe & Ito, which colour-blind readers can distinguish;
markers and line styles distinguish the stages in grey print.
"""

from __future__ import annotations

import functools
import re
from typing import Callable, NamedTuple, Sequence

import matplotlib
from matplotlib.artist import Artist
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath
import numpy as np

DOUBLE_COLUMN = 7.2
"""Width of a figure across two columns of a journal page, inches."""

Z_SPEC_COLOR = "0.78"
GUIDE = dict(color="0.45", linewidth=0.7, zorder=1)
"""Style of zero lines and other guides."""

RESIDUAL_LABEL = r"mean residual $\langle\Delta z\rangle$"
SLOPE_LABEL = r"slope of $\langle\Delta z\rangle$ against $z_\mathrm{spec}$"
Z_SPEC_LABEL = r"spectroscopic redshift $z_\mathrm{spec}$"
Z_PHOTO_LABEL = r"photometric redshift $z_\mathrm{photo}$"

_LEGEND = 7.5  # size of the letters in legends, points
_BESIDE_LABEL = 6.0  # width of a legend's line and gaps, in sizes of its letters
_DPI = 200  # of PNG files and of the raster parts of SVG files

_RC = {
    "font.family": ["DejaVu Sans"], "font.size": 8.0, "axes.labelsize": 8.0,
    "axes.titlesize": 8.0, "xtick.labelsize": 7.0, "ytick.labelsize": 7.0,
    "legend.fontsize": _LEGEND, "legend.frameon": False, "axes.linewidth": 0.7,
    "xtick.direction": "in", "ytick.direction": "in", "xtick.top": True, "ytick.right": True,
    "lines.linewidth": 1.2, "lines.markersize": 4.0, "lines.markeredgewidth": 0.0,
    "errorbar.capsize": 0.0,
    # Element names of an SVG are hashed; a fixed salt makes the same figure the same file.
    "svg.hashsalt": "pzbias_tf", "svg.fonttype": "path",
}


def plain_text(text: str) -> str:
  """A user's text for a figure: matplotlib would read what stands between two $ as a formula."""
  return text.replace("$", r"\$")


class StageStyle(NamedTuple):
  """How all figures draw a stage.

  Attributes:
    color: its colour.
    marker: its marker.
    linestyle: its line style.
  """

  color: str
  marker: str
  linestyle: str | tuple


_STYLES = {
    "baseline": StageStyle("#000000", "o", "-"),
    "step1": StageStyle("#009E73", "s", "--"),
    "step2": StageStyle("#E69F00", "^", "-."),
    "step3": StageStyle("#0072B2", "D", (0, (7, 1.5))),
    "step4": StageStyle("#D55E00", "v", (0, (4, 1, 1, 1, 1, 1))),
}
# Photometric redshifts of the source catalogue, which are no stages.  The fifth has the colour of
# the first with the marker of the second, and so on.
_REFERENCES = (
    StageStyle("#CC79A7", "X", ":"),
    StageStyle("#56B4E9", "P", (0, (3, 1.2))),
    StageStyle("#7A5230", "*", (0, (1, 1, 4, 1))),
    StageStyle("#8A8A00", "p", (0, (5, 1, 1, 1))),
)
_REFERENCE = re.compile(r"reference([2-9]|[1-9]\d+)?")

ESTIMATES = tuple(f"estimate{number}" for number in range(1, 6))
"""Names of the results of estimates that another code made; more are too many for one figure."""

_STYLES |= dict(zip(ESTIMATES, (
    _STYLES["step3"], _STYLES["step1"], _REFERENCES[0], _STYLES["step2"], _STYLES["baseline"])))


def style_of(name: str) -> StageStyle:
  """The style of a stage, of an estimate, or of "reference", "reference2" and so on.

  Raises:
    ValueError: there is no such stage.
  """
  reference = _REFERENCE.fullmatch(name)
  if reference:
    again, place = divmod(int(reference[1] or 1) - 1, len(_REFERENCES))
    other = _REFERENCES[(place + again) % len(_REFERENCES)]
    return other._replace(color=_REFERENCES[place].color)
  if name not in _STYLES:
    raise ValueError(f"no style for {name!r}; choose one of {', '.join(_STYLES)}, reference, "
                     "reference2, ...")
  return _STYLES[name]


def plain(name: str) -> str:
  """A name or an id as a text of figures: not as mathematics, and not left out of legends."""
  text = name.replace("$", r"\$")
  return f" {text}" if text.startswith("_") else text


def legend_line(name: str, label: str) -> Line2D:
  """The line of a stage in a legend; the label is shown as it is."""
  style = style_of(name)
  return Line2D([], [], color=style.color, marker=style.marker, linestyle=style.linestyle,
                label=plain(label))


def legend_columns(handles: Sequence[Artist], most: int = 4) -> int:
  """Number of columns with which a legend above a figure is no wider than the figure.

  Args:
    handles: the artists of the legend, which matplotlib arranges column by column.
    most: the largest number.
  """
  widths = [text_width(str(handle.get_label()), _LEGEND) for handle in handles]
  between = _BESIDE_LABEL * _LEGEND / 72.0
  for columns in range(min(most, len(widths)), 1, -1):
    parts = np.array_split(np.array(widths), columns)
    if sum(part.max() + between for part in parts) <= DOUBLE_COLUMN:
      return columns
  return 1


def text_width(text: str, size: float) -> float:
  """Width of a line of text, inches; size of the letters in points."""
  return TextPath((0.0, 0.0), text, size=size).get_extents().width / 72.0


def galaxies_color_map() -> Colormap:
  """viridis from yellow-green to violet, so that single galaxies stand out from the paper."""
  colors = matplotlib.colormaps["viridis_r"](np.linspace(0.12, 1.0, 256))
  return ListedColormap(colors, name="galaxies")


def styled(function: Callable) -> Callable:
  """Decorator: the function draws or saves with the package's matplotlib settings.

  The caller's settings are restored afterwards.
  """
  @functools.wraps(function)
  def wrapped(*args, **kwargs):
    with matplotlib.rc_context():
      matplotlib.rcdefaults()  # a user's own matplotlibrc must not change the figures
      matplotlib.rcParams.update(_RC)
      return function(*args, **kwargs)
  return wrapped


def new_figure(height: float, width: float = DOUBLE_COLUMN) -> Figure:
  """An empty figure; height and width in inches."""
  figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
  figure.get_layout_engine().set(h_pad=0.025)
  return figure
