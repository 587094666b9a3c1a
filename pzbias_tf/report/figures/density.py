"""Figure 5: density of each stage's galaxies in the plane of z_spec and z_photo."""

from __future__ import annotations

from typing import Sequence

from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
import numpy as np

from pzbias_tf.metrics.stage_result import StageResult
from pzbias_tf.report.figures import parts, style
from pzbias_tf.survey import Survey

_CELLS = 80  # per side of a panel
_PANEL = (2.1, 2.2)  # width and height with labels, inches
_TITLE, _TITLE_WIDTH = 8.0, 1.5  # points, and inches at most


@style.styled
def draw_density(results: Sequence[StageResult], survey: Survey) -> Figure:
  """z_photo against z_spec, one panel per stage, with one colour scale.

  Solid lines are one to one; dashed ones mark the survey's threshold for outliers.

  Args:
    results: the stages, at least one.
    survey: the survey.
  """
  edges = np.linspace(*parts.redshift_range(results, survey), _CELLS + 1)
  counts = [np.histogram2d(result.z_spec, result.z_photo, edges)[0]  # type: ignore[call-overload]
            for result in results]
  norm = LogNorm(1.0, max(10.0, max(count.max() for count in counts)))
  figure, axes = _panels(len(results))
  for ax, result, count in zip(axes.ravel(), results, counts):
    mesh = ax.pcolormesh(edges, edges, np.ma.masked_equal(count.T, 0.0), norm=norm,
                         cmap=style.galaxies_color_map(), rasterized=True)
    _annotate(ax, result, edges, survey)
  figure.supxlabel(style.Z_SPEC_LABEL, fontsize=8.0)
  figure.supylabel(style.Z_PHOTO_LABEL, fontsize=8.0)
  figure.colorbar(mesh, ax=axes, label="galaxies per cell", aspect=30, format="%d")
  return figure


def _panels(number):
  """The figure and its panels; unused panels are hidden."""
  columns = {1: 1, 2: 2, 4: 2}.get(number, 3)
  rows = -(-number // columns)
  figure = style.new_figure(_PANEL[1] * rows + 0.35,
                            style.DOUBLE_COLUMN - _PANEL[0] * (3 - columns))
  axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
  for index in range(number, axes.size):
    axes.ravel()[index].set_axis_off()
    axes.ravel()[index - columns].tick_params(labelbottom=True)
  return figure, axes


def _annotate(ax: Axes, result: StageResult, edges: np.ndarray, survey: Survey) -> None:
  """Lines, title and numbers of a panel."""
  ends, look = edges[[0, -1]], style.style_of(result.name)
  ax.plot(ends, ends, color="black", linewidth=0.6)
  for sign in (-1.0, 1.0):
    ax.plot(ends, ends + sign * survey.outlier_threshold * (1.0 + ends), color="black",
            linewidth=0.5, linestyle="--")
  ax.plot(0.03, 1.055, transform=ax.transAxes, clip_on=False, color=look.color,
          marker=look.marker, linestyle="none", markersize=5.0)
  title = f"    {style.plain(result.title)}"
  size = _TITLE * min(1.0, _TITLE_WIDTH / style.text_width(title, _TITLE))
  ax.set_title(title, loc="left", pad=3.0, fontsize=size)
  ax.text(0.97, 0.04, "\n".join([
      rf"$\sigma_\mathrm{{MAD}} = {result.summary['sigma_mad']:.4f}$",
      rf"$\eta = {100.0 * result.summary['outlier_fraction']:.2f}\%$",
      rf"$N = {result.summary['galaxies']}$"]),
          transform=ax.transAxes, ha="right", va="bottom", fontsize=7.0,
          bbox=dict(facecolor="white", edgecolor="none", alpha=0.75, pad=1.0))
  ax.set(xlim=ends, ylim=ends, aspect="equal")
  ax.locator_params(nbins=4)
