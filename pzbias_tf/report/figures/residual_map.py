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
_FEWEST = 10  # galaxies in a cell that sets the colour scale
_SURE = 3.0  # standard errors from 0 of a marked cell
_DARK = 0.6  # fraction of the colour scale above which signs are white


@style.styled
def draw_residual_map(results: Sequence[StageResult], survey: Survey) -> Figure:
  """Mean residual in each cell of (r, z_photo), one panel per stage, with one colour scale.

  A sign marks the cells whose mean is more than three standard errors from 0.  It
  shows the direction without colours, and what is more than noise.

  Args:
    results: the stages, at least one.
    survey: the survey.
  """
  limit = _limit(results, survey)
  figure = style.new_figure(_PANEL[1], _PANEL[0] * len(results) + 0.6)
  axes = figure.subplots(1, len(results), sharex=True, sharey=True, squeeze=False)[0]
  z_edges, r_edges = survey.wide_edges(), _magnitude_edges(survey)
  for index, (ax, result) in enumerate(zip(axes, results)):
    residuals = result.summary["residual_map"]
    known = np.nan_to_num(residuals.error, nan=np.inf) <= limit
    mesh = ax.pcolormesh(z_edges, r_edges, np.ma.masked_where(~known, residuals.mean),
                         cmap="PuOr", vmin=-limit, vmax=limit, rasterized=True)
    _signs(ax, residuals, known, limit, survey)
    ax.set_xlabel(style.Z_PHOTO_LABEL)
    ax.set_title(f"({'abcdef'[index]}) {style.plain(result.title)}", loc="left")
  axes[0].set(ylabel="r [mag]", xlim=parts.redshift_range(results, survey),
              ylim=_drawn_magnitudes(results, r_edges))
  figure.colorbar(mesh, ax=axes, label=style.RESIDUAL_LABEL, extend="both", aspect=30)
  return figure


def _magnitude_edges(survey):
  return survey.r_min + survey.r_step * np.arange(survey.rows + 1)


def _drawn_magnitudes(results, edges):
  """Range of magnitudes from the faintest to the brightest magnitude row with galaxies."""
  filled = np.flatnonzero(sum(result.summary["residual_map"].galaxies.sum(axis=1)
                              for result in results))
  first, last = (filled[0], filled[-1]) if filled.size else (0, edges.size - 2)
  return edges[last + 1], edges[first]


def _limit(results, survey):
  """End of the colour scale, which covers 95% of the well-filled cells."""
  size = np.concatenate([
      np.abs(residuals.mean[residuals.galaxies >= _FEWEST])
      for residuals in (result.summary["residual_map"] for result in results)])
  return float(np.quantile(size, 0.95)) if size.any() else survey.outlier_threshold


def _signs(ax: Axes, residuals: ResidualMap, known: np.ndarray, limit: float,
           survey: Survey) -> None:
  """Marks the cells whose mean differs from 0."""
  z, r_mag = cells.wide_centers(survey), _magnitude_edges(survey)[:-1] + 0.5 * survey.r_step
  mean = np.where(known, residuals.mean, 0.0)
  sure = np.abs(mean) > _SURE * np.where(known, residuals.error, 0.0)
  dark = np.abs(mean) > _DARK * limit
  for marker, own in (("+", mean > 0.0), ("_", mean < 0.0)):
    for color, shade in (("black", ~dark), ("white", dark)):
      magnitude_row, wide_bin = np.nonzero(sure & own & shade)
      ax.plot(z[wide_bin], r_mag[magnitude_row], linestyle="none", marker=marker, color=color,
              markersize=3.0, markeredgewidth=0.6)
