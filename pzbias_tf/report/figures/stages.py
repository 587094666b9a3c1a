"""Figure 1: residuals, mode collapse and scatter of each stage."""

from __future__ import annotations

from typing import Any, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
import numpy as np

from pzbias_tf.metrics.stage_result import StageResult
from pzbias_tf.report.figures import parts, style
from pzbias_tf.survey import Survey

_MOST_BINS = 200  # of a drawn distribution: more bins cannot be distinguished on paper
_HEIGHT = 5.6
_OPEN = dict(markerfacecolor="white", markeredgewidth=0.8)


@style.styled
def draw_stages(results: Sequence[StageResult], survey: Survey,
                references: Sequence[StageResult] = ()) -> Figure:
  """Panels that compare the stages.

  Mean residual in wide bins of z_spec, with errors and straight-line fits;
  distribution of z_photo over that of z_spec, one strip per stage; sigma_MAD by
  magnitude, where magnitudes are known; total variation against the fitted slope.

  Args:
    results: the stages, at least one, in the order of the method.
    survey: the survey.
    references: photometric redshifts of the source catalogue, for (c) and (d);
      (a) and (b) would be crowded.
  """
  figure = style.new_figure(_HEIGHT)
  panels = 3 if has_magnitudes(results) else 2
  grid = figure.add_gridspec(2, panels, height_ratios=(1.0, 1.15))
  _residuals(figure.add_subplot(grid[0, :]), results, survey)
  _distributions(figure, grid[1, 0], results, survey)
  compared = [*results, *references]
  if panels == 3:
    _scatter(figure.add_subplot(grid[1, 1]), compared)
  _collapse_and_slope(figure.add_subplot(grid[1, -1]), compared, "bcd"[panels - 1])
  handles = _legend(results, references)
  figure.legend(handles=handles, loc="outside upper center", handlelength=3.2,
                ncols=style.legend_columns(handles))
  return figure


def has_magnitudes(results: Sequence[StageResult]) -> bool:
  """Whether there is a panel of sigma_MAD by magnitude."""
  return "sigma_mad_by_magnitude" in results[0].summary


def _legend(results, references):
  """Legend handles: the stages and references, then what belongs to none."""
  return [*(style.legend_line(result.name, result.title) for result in (*results, *references)),
          Line2D([], [], label=f"expected from crowding alone ({style.plain(results[0].title)})",
                 **_crowding_style()),
          Patch(color=style.Z_SPEC_COLOR, label=r"$z_\mathrm{spec}$"),
          Line2D([], [], color="0.3", marker="o", linestyle="none", **_OPEN,
                 label="TV without mode collapse")]


def _crowding_style():
  return dict(color="0.45", linewidth=1.0, linestyle=(0, (1, 1)))


def _residuals(ax: Axes, results: Sequence[StageResult], survey: Survey) -> None:
  """Panel (a): residuals against z_spec, with their fits."""
  parts.draw_residuals(ax, results, "residual_z_spec", survey)
  for result in results:
    fit, look = result.summary["slope_z_spec"], style.style_of(result.name)
    if np.isfinite(fit.slope):
      z = np.array([survey.fit_z_min, parts.measured(result.summary["residual_z_spec"]).z.max()])
      ax.plot(z, fit.intercept + fit.slope * z, color=look.color, linestyle=look.linestyle,
              gid=f"fit {result.name}")
  crowding = results[0].summary["residual_simulated"]
  ax.plot(crowding.z, crowding.mean, gid="crowding", **_crowding_style())
  ax.set_xlabel(style.Z_SPEC_LABEL)
  parts.letter(ax, "a")


def _distributions(figure, place, results, survey):
  """Panel (b): one strip per stage, so that no stage hides another."""
  strips = place.subgridspec(len(results), 1, hspace=0.0)
  first: Any = None
  edges = _drawn_edges(survey)
  for index, result in enumerate(results):
    ax = first = figure.add_subplot(strips[index], sharex=first, sharey=first)
    ax.stairs(_density(result.z_spec, edges), edges, fill=True, color=style.Z_SPEC_COLOR)
    ax.stairs(_density(result.z_photo, edges), edges, color=style.style_of(result.name).color,
              linewidth=0.7)
    ax.text(0.95, 0.86, style.plain(result.title), transform=ax.transAxes, ha="right", va="top",
            fontsize=7.0)
    ax.tick_params(labelbottom=index == len(results) - 1)
    ax.set_ylabel("n(z)")
    if not index:
      parts.letter(ax, "b")
  first.set(xlim=parts.redshift_range(results, survey), xlabel="redshift")
  first.set_ylim(bottom=0.0)


def _drawn_edges(survey: Survey) -> np.ndarray:
  """Edges of the survey's redshift bins, joined so that there are at most _MOST_BINS."""
  joined = -(-survey.bins // _MOST_BINS)
  edges = survey.edges()
  return np.append(edges[:-1:joined], edges[-1])


def _density(z, edges):
  """Fraction of the galaxies per unit redshift; galaxies off the grid are not shown."""
  return np.histogram(z, edges)[0] / (len(z) * np.diff(edges))


def _scatter(ax: Axes, results: Sequence[StageResult]) -> None:
  """Panel (c): scatter by magnitude."""
  for result in results:
    curve, look = result.summary["sigma_mad_by_magnitude"], style.style_of(result.name)
    good = np.isfinite(curve.mean)
    ax.errorbar(curve.r_mag[good], curve.mean[good], curve.error[good], fmt=look.marker,
                color=look.color, linestyle=look.linestyle, elinewidth=0.8, label=result.title)
  ax.set(xlabel="r [mag]", ylabel=r"$\sigma_\mathrm{MAD}$", ylim=(0.0, None))
  parts.letter(ax, "c")


def _collapse_and_slope(ax: Axes, results: Sequence[StageResult], letter: str) -> None:
  """The last panel: total variation (filled) and its expected value (open) against the slope."""
  ax.axvline(0.0, **style.GUIDE)
  for result in results:
    fit, look = result.summary["slope_z_spec"], style.style_of(result.name)
    if not np.isfinite(fit.slope):
      continue
    measured, expected = (result.summary[key] for key in
                          ("total_variation", "expected_total_variation"))
    ax.plot([fit.slope, fit.slope], [expected.mean, measured.mean], color=look.color,
            linewidth=0.8, linestyle=":", zorder=1)
    ax.errorbar(fit.slope, expected.mean, expected.error, fmt=look.marker, color=look.color,
                **_OPEN, elinewidth=0.8, label=f"{result.title}, expected")
    ax.errorbar(fit.slope, measured.mean, measured.error, fit.slope_error, fmt=look.marker,
                color=look.color, elinewidth=0.8, markersize=5.0, label=result.title)
  ax.set(xlabel=style.SLOPE_LABEL, ylabel="total variation (TV)", ylim=(0.0, None))
  ax.locator_params(axis="x", nbins=4)
  parts.letter(ax, letter)
