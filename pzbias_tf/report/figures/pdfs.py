"""Figure 4: quality of p(z): PIT histograms, and n(z) of tomographic bins."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
import numpy as np

from pzbias_tf.metrics.stage_result import StageResult
from pzbias_tf.metrics.tomography import Tomography
from pzbias_tf.report.figures import parts, style
from pzbias_tf.survey import Survey

_HEIGHT = 3.2
_MOST_BINS = 60  # of a drawn n(z): finer bins show the noise of the spectroscopic sample
_CALIBRATED = dict(color="#56B4E9", linestyle=(0, (1, 1)), marker="P")


@style.styled
def draw_pdfs(results: Sequence[StageResult], survey: Survey) -> Figure:
  """Three panels about PDFs.

  (a) Histograms of PIT values; (b) n(z) of tomographic bins of the last stage,
  stacked PDFs over the true n(z); (c) shift of the mean of n(z), by stage.

  Args:
    results: stages with PDFs, at least one, in the order of the method.
    survey: the survey.
  """
  figure = style.new_figure(_HEIGHT)
  grid = figure.add_gridspec(1, 3)
  _pit(figure.add_subplot(grid[0]), results)
  _distributions(figure, grid[1], results, survey)
  _shifts(figure.add_subplot(grid[2]), results)
  handles = [style.legend_line(result.name, result.title) for result in results]
  handles += [Line2D([], [], label=f"{style.plain(result.title)}, p(z) calibrated", **_CALIBRATED)
              for result in results if "calibrated_pdfs" in result.summary]
  handles.append(Patch(color=style.Z_SPEC_COLOR, label=r"$z_\mathrm{spec}$"))
  figure.legend(handles=handles, loc="outside upper center", ncols=4, handlelength=3.2)
  return figure


def _curves(results: Sequence[StageResult]) -> Iterator[tuple[Mapping[str, Any], dict]]:
  """(summary of PDFs, look) of each stage, and of its calibrated PDFs."""
  for result in results:
    look = style.style_of(result.name)
    yield result.summary, dict(color=look.color, linestyle=look.linestyle, marker=look.marker)
    if "calibrated_pdfs" in result.summary:
      yield result.summary["calibrated_pdfs"], _CALIBRATED


def _pit(ax: Axes, results: Sequence[StageResult]) -> None:
  """Panel (a): PIT histograms."""
  bins = len(results[0].summary["pit_histogram"])
  noise = np.sqrt(bins / results[0].summary["galaxies"])
  ax.axhspan(1.0 - noise, 1.0 + noise, color=style.Z_SPEC_COLOR, linewidth=0.0)
  for summary, look in _curves(results):
    ax.stairs(summary["pit_histogram"], np.linspace(0.0, 1.0, bins + 1), color=look["color"],
              linestyle=look["linestyle"], linewidth=1.0, baseline=None)
  ax.set(xlim=(0.0, 1.0), xlabel="PIT", ylabel="galaxies / expected")
  ax.set_ylim(0.0, None)
  parts.letter(ax, "a")


def _distributions(figure, place, results, survey):
  """Panel (b): n(z) of the last stage, of its calibrated PDFs if it has some; a strip per bin."""
  summary, look = list(_curves(results))[-1]
  bins = summary["tomography"]
  edges, joined = _joined(bins)
  strips = place.subgridspec(len(bins.galaxies), 1, hspace=0.0)
  first: Any = None
  for index, (true, stacked) in enumerate(zip(joined(bins.true), joined(bins.stacked))):
    ax = first = figure.add_subplot(strips[index], sharex=first, sharey=first)
    ax.stairs(true, edges, fill=True, color=style.Z_SPEC_COLOR)
    ax.stairs(stacked, edges, color=look["color"], linewidth=0.9)
    ax.text(0.95, 0.86, _range(bins.z_photo_edges, index), transform=ax.transAxes,
            ha="right", va="top", fontsize=6.5)
    ax.tick_params(labelbottom=index == len(bins.galaxies) - 1)
    if not index:
      parts.letter(ax, "b")
    if index == len(bins.galaxies) // 2:
      ax.set_ylabel("n(z)")
  first.set(xlim=parts.redshift_range(results, survey), xlabel="redshift")
  first.set_ylim(0.0, None)


def _range(edges, index):
  """Range of a bin; the first and the last one end with the estimates, wherever that is."""
  lower = rf"{edges[index]:.2f} \leq " if index else ""
  upper = f" < {edges[index + 1]:.2f}" if index + 2 < len(edges) else ""
  return rf"${lower}z_\mathrm{{photo}}{upper}$"


def _joined(bins: Tomography):
  """Edges of joined redshift bins, at most _MOST_BINS, and the function that averages over them."""
  step = -(-(bins.z_edges.size - 1) // _MOST_BINS)
  starts = np.arange(0, bins.z_edges.size - 1, step)
  edges = np.append(bins.z_edges[starts], bins.z_edges[-1])

  def average(density: np.ndarray) -> np.ndarray:
    counts = np.add.reduceat(density * np.diff(bins.z_edges), starts, axis=1)
    return counts / np.diff(edges)

  return edges, average


def _shifts(ax: Axes, results: Sequence[StageResult]) -> None:
  """Panel (c): shifts of the mean of n(z)."""
  ax.axhline(0.0, **style.GUIDE)
  for summary, look in _curves(results):
    bins = summary["tomography"]
    ax.errorbar(bins.mean_z_spec, bins.shift, bins.error, fmt=look["marker"],
                color=look["color"], linestyle=look["linestyle"], elinewidth=0.8)
  ax.set(xlabel=r"mean $z_\mathrm{spec}$ of the bin", ylabel="shift of the mean of n(z)")
  parts.letter(ax, "c")
