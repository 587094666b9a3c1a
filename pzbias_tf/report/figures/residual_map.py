"""Figure 3: residuals by magnitude and z_photo, before and after Step 4."""

from __future__ import annotations

from typing import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
import numpy as np

from pzbias_tf import cells
from pzbias_tf.metrics.breakdown import ResidualMap
from pzbias_tf.metrics.stage_result import StageResult
from pzbias_tf.report.figures import parts, style
from pzbias_tf.survey import Survey

_PANEL = (3.3, 2.5)  # width and height with labels, inches
_FEWEST = 10  # galaxies of a cell that sets the colour scale
_SURE = 3.0  # errors from 0
_DARK = 0.6  # of the colour scale: signs are white from here on


@style.styled
def draw_residual_map(results: Sequence[StageResult], survey: Survey) -> Figure:
  """Mean residual of each cell of (r, z_photo), one panel a stage, with one colour scale.

  A sign marks the cells whose mean is more than three errors from 0: it tells
  the direction without colours, and what is no noise.

  Args:
    results: the stages, at least one.
    survey: the survey.
  """
  limit = _limit(results, survey)
  figure = style.new_figure(_PANEL[1], _PANEL[0] * len(results) + 0.6)
  axes = figure.subplots(1, len(results), sharex=True, sharey=True, squeeze=False)[0]
  z_edges, r_edges = survey.wide_edges(), _row_edges(survey)
  for index, (ax, result) in enumerate(zip(axes, results)):
    residuals = result.summary["residual_map"]
    known = np.nan_to_num(residuals.error, nan=np.inf) <= limit
    mesh = ax.pcolormesh(z_edges, r_edges, np.ma.masked_where(~known, residuals.mean), cmap="PuOr",
                         vmin=-limit, vmax=limit, rasterized=True)
    _signs(ax, residuals, known, limit, survey)
    ax.set_xlabel(style.Z_PHOTO_LABEL)
    ax.set_title(f"({'abcdef'[index]}) {result.title}", loc="left")
  axes[0].set(ylabel="r [mag]", xlim=parts.redshift_range(results, survey),
              ylim=_drawn_rows(results, r_edges))
  figure.colorbar(mesh, ax=axes, label=style.RESIDUAL_LABEL, extend="both", aspect=30)
  return figure


def _row_edges(survey):
  return survey.r_min + survey.r_step * np.arange(survey.rows + 1)


def _drawn_rows(results, edges):
  """From the faintest row with galaxies up to the brightest."""
  filled = np.flatnonzero(sum(result.summary["residual_map"].galaxies.sum(axis=1)
                              for result in results))
  first, last = (filled[0], filled[-1]) if filled.size else (0, edges.size - 2)
  return edges[last + 1], edges[first]


def _limit(results, survey):
  """End of the colour scale: 95% of the well-filled cells lie within."""
  size = np.concatenate([
      np.abs(residuals.mean[residuals.galaxies >= _FEWEST])
      for residuals in (result.summary["residual_map"] for result in results)])
  return float(np.quantile(size, 0.95)) if size.any() else survey.outlier_threshold


def _signs(ax: Axes, residuals: ResidualMap, known: np.ndarray, limit: float,
           survey: Survey) -> None:
  """Marks the cells that differ from 0."""
  z, r_mag = cells.wide_centers(survey), _row_edges(survey)[:-1] + 0.5 * survey.r_step
  mean = np.where(known, residuals.mean, 0.0)
  sure = np.abs(mean) > _SURE * np.where(known, residuals.error, 0.0)
  dark = np.abs(mean) > _DARK * limit
  for marker, own in (("+", mean > 0.0), ("_", mean < 0.0)):
    for color, shade in (("black", ~dark), ("white", dark)):
      row, column = np.nonzero(sure & own & shade)
      ax.plot(z[column], r_mag[row], linestyle="none", marker=marker, color=color,
              markersize=3.0, markeredgewidth=0.6)
