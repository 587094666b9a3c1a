"""Parts that several figures share: residual curves, ranges, panel letters."""

from __future__ import annotations

from typing import Sequence

from matplotlib.axes import Axes
from matplotlib.markers import CARETDOWN, CARETUP
import numpy as np

from pzbias_tf import cells
from pzbias_tf.metrics.residuals import Curve
from pzbias_tf.metrics.stage_result import StageResult
from pzbias_tf.report.figures import style
from pzbias_tf.survey import Survey

# Bins with fewer galaxies, or a smaller share of all galaxies, do not set an axis' range.
_FEWEST, _SHARE = 10, 0.002
_MARGIN = 1.15
_PALE = 0.3


def measured(curve: Curve) -> Curve:
  """The bins of a curve that have a mean and an error."""
  good = np.isfinite(curve.mean) & (np.nan_to_num(curve.error) > 0)
  return Curve(*(values[good] for values in curve))


def residual_limit(results: Sequence[StageResult], key: str, survey: Survey) -> float:
  """Half the height of a residual axis, from the well-filled bins of all curves.

  A bin of three galaxies may have ten times the residual of all others.  It must
  not compress their curves.

  Args:
    results: the stages.
    key: "residual_z_spec" or "residual_z_photo".
    survey: the survey; its threshold for outliers is returned if no bin is well
      filled.
  """
  highest = []
  for result in results:
    cell = cells.wide_cell(result.z_spec if key == "residual_z_spec" else result.z_photo, survey)
    count = np.bincount(cell, minlength=cells.WIDE_CELLS)[1:-1]
    curve = result.summary[key]
    height = (np.abs(curve.mean) + curve.error)[
        count >= max(_FEWEST, _SHARE * cell.size)]
    highest += height[np.isfinite(height)].tolist()
  return _MARGIN * max(highest) if any(highest) else survey.outlier_threshold


def draw_residuals(ax: Axes, results: Sequence[StageResult], key: str, survey: Survey) -> None:
  """Residual curves with errors, side by side within each bin; see `draw_curves`.

  Args:
    ax: the panel.
    results: the stages.
    key: "residual_z_spec" or "residual_z_photo".
    survey: the survey.
  """
  draw_curves(ax, [(result.name, result.title, result.summary[key]) for result in results],
              residual_limit(results, key, survey))


def draw_curves(ax: Axes, curves: Sequence[tuple[str, str, Curve]], limit: float) -> None:
  """Residual curves with errors, side by side within each bin.

  Bins whose error exceeds a quarter of the axis are pale; an arrowhead at the
  edge marks a bin beyond it.

  Args:
    ax: the panel.
    curves: (name of the stage, its title, its curve), all with the same bins.
    limit: half the height of the axis.
  """
  step = np.diff(curves[0][2].z[:2])[0] / (len(curves) + 1)
  ax.axhline(0.0, **style.GUIDE)
  for index, (name, title, curve) in enumerate(curves):
    z, mean, error = measured(curve)
    z = z + (index - 0.5 * (len(curves) - 1)) * step
    for clear, alpha in ((error <= 0.5 * limit, 1.0), (error > 0.5 * limit, _PALE)):
      _points(ax, z[clear], mean[clear], error[clear], limit, name, title, alpha)
  ax.set(ylim=(-limit, limit), ylabel=style.RESIDUAL_LABEL)
  ax.margins(x=0.015)


def _points(ax, z, mean, error, limit, name, title, alpha):
  """Points with error bars, and arrowheads for points beyond the axis."""
  look, shown = style.style_of(name), np.abs(mean) <= limit
  ax.errorbar(z[shown], mean[shown], error[shown], fmt=look.marker, color=look.color,
              elinewidth=0.8, alpha=alpha, label=title if alpha == 1.0 else None)
  for marker, side, beyond in ((CARETUP, limit, mean > limit), (CARETDOWN, -limit, mean < -limit)):
    ax.plot(z[beyond], np.full(beyond.sum(), side), linestyle="none", marker=marker,
            color=look.color, alpha=alpha)


def redshift_range(results: Sequence[StageResult], survey: Survey) -> tuple[float, float]:
  """(lower, upper) redshift of an axis: z_min, and the end of the wide bin at 99.9% of z_spec."""
  upper = max(np.quantile(result.z_spec, 0.999) for result in results)
  at = int(np.clip(cells.wide_cell(upper, survey), 1, len(survey.wide_edges()) - 1))
  return survey.z_min, float(survey.wide_edges()[at])


def letter(ax: Axes, text: str) -> None:
  """Draws the panel's letter above its upper left corner."""
  ax.set_title(f"({text})", loc="left")
