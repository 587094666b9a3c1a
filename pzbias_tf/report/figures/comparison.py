"""Figure that compares several runs: one panel per metric, one line per run."""

from __future__ import annotations

from typing import Any, Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
import numpy as np

from pzbias_tf.report.figures import style
from pzbias_tf.report.stage_table import COLUMNS, value_and_error, with_error

_EXPECTED = "expected_total_variation"
_SHOWN = [(heading, key) for heading, key, _ in COLUMNS if key not in ("galaxies", _EXPECTED)]
_LABELS = {
    "mean_residual": style.RESIDUAL_LABEL, "sigma_mad": r"scatter $\sigma_\mathrm{MAD}$",
    "outlier_fraction": r"outlier fraction $\eta$", "total_variation": "total variation (TV)",
    "slope_z_spec": style.SLOPE_LABEL,
    "slope_z_photo": r"slope of $\langle\Delta z\rangle$ against $z_\mathrm{photo}$",
    "rms_residual_z_photo": r"rms of $\langle\Delta z\rangle(z_\mathrm{photo})$"}
_GRID = (3, 3)
_LINE, _REST = 0.17, 0.75  # height of a run in a panel, and of the labels, inches


@style.styled
def draw_comparison(summaries: Mapping[str, tuple[str, Mapping[str, Any]]]) -> Figure:
  """Every metric of several stages of several runs.

  Args:
    summaries: {label of the axis: (name of the stage, its summary as
      `stage_table.format_table` takes it)}, at least one.
  """
  figure = style.new_figure(_GRID[0] * (_REST + _LINE * len(summaries)))
  axes = figure.subplots(*_GRID, sharey=True)
  for ax, (heading, key) in zip(axes.ravel(), _SHOWN, strict=True):
    _draw(ax, summaries, key)
    ax.set_xlabel(_LABELS.get(key, heading))
  axes[0, 0].set(yticks=range(len(summaries)), ylim=(len(summaries) - 0.5, -0.5))
  axes[0, 0].set_yticklabels([style.plain_text(name) for name in summaries], fontsize=6.5)
  return figure


def _draw(ax: Axes, summaries, key) -> None:
  """One metric of all runs."""
  shown = []
  for place, (stage, summary) in enumerate(summaries.values()):
    look = style.style_of(stage)
    value, error = value_and_error(with_error(summary, key))
    if value is not None and np.isfinite(value):
      ax.errorbar(value, place, xerr=error, fmt=look.marker, color=look.color, elinewidth=0.8)
      shown.append(value)
    if key == "total_variation":
      ax.plot(value_and_error(summary[_EXPECTED])[0], place, marker=look.marker, color=look.color,
              markerfacecolor="none", markeredgewidth=0.8)
  if shown and min(shown) < 0.0:
    ax.axvline(0.0, **style.GUIDE)
  ax.tick_params(axis="y", length=0)
  ax.grid(axis="y", color="0.92", linewidth=0.6)
  ax.set_axisbelow(True)
  ax.locator_params(axis="x", nbins=4)
  ax.margins(x=0.12)
