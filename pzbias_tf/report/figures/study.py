"""Figures of study items, drawn from the numbers in their results files alone."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
import numpy as np

from pzbias_tf.metrics.residuals import Curve
from pzbias_tf.report.figures import parts, style
from pzbias_tf.report.stage_table import value_and_error, with_error

Summary = Mapping[str, Any]
"""A stage's summary as read from a JSON file."""

_SIGMA_LABEL = r"$\sigma_\mathrm{MAD}$"
_TRENDS = (("total_variation", "total variation"), ("slope_z_spec", style.SLOPE_LABEL),
           ("sigma_mad", _SIGMA_LABEL),
           ("rms_by_galaxies", r"weighted rms of $\langle\Delta z\rangle(z_\mathrm{photo})$"))
_OPEN = dict(markerfacecolor="white", markeredgewidth=0.8)
# Half the height of an axis: relative to its highest point, and without any points.
_MARGIN, _WITHOUT_POINTS = 1.1, 0.05
FEW = 5.0
"""A residual curve is drawn as far as no error exceeds the median so many times: the bins beyond
hold a handful of galaxies, and a deep survey has many of them."""


@style.styled
def draw_main(stages: Mapping[str, tuple[str, Summary]]) -> Figure:
  """Four panels that compare the stages of one run.

  (a) Mean residual by z_spec and (b) by z_photo; (c) scatter by magnitude; (d)
  total variation against slope, with what is expected without mode collapse.

  Args:
    stages: {name of the stage: (its title, its summary)}, in the order of the method.
  """
  figure = style.new_figure(5.2)
  axes = figure.subplots(2, 2)
  for ax, key, label in ((axes[0, 0], "residual_z_spec", style.Z_SPEC_LABEL),
                         (axes[0, 1], "residual_z_photo", style.Z_PHOTO_LABEL)):
    curves = [(name, title, _known(_curve(summary[key], "z")))
              for name, (title, summary) in stages.items()]
    parts.draw_curves(ax, curves, _limit(curves))
    ax.set_xlabel(label)
  _draw_scatter(axes[1, 0], stages)
  _draw_collapse(axes[1, 1], stages)
  for ax, text in zip(axes.ravel(), "abcd"):
    parts.letter(ax, text)
  return _with_legend(figure, stages, lines=True)


@style.styled
def draw_trends(stages: Mapping[str, tuple[str, Sequence[Summary]]], values: Sequence[str],
                label: str, joined: Sequence[bool]) -> Figure:
  """Four panels against the values of a setting: TV, slope, scatter, residual by z_photo.

  Args:
    stages: {name of the stage: (its title, its summary at each value)}.
    values: the values of the setting, evenly spaced on the axis in this order.
    label: name of the setting.
    joined: of each value, whether it lies on a scale: a line leads through those that do.
  """
  figure = style.new_figure(4.6)
  axes = figure.subplots(2, 2, sharex=True)
  for ax, (key, title), text in zip(axes.ravel(), _TRENDS, "abcd"):
    for place, (name, (_, summaries)) in enumerate(stages.items()):
      _draw_trend(ax, name, summaries, key, 0.06 * (place - 0.5 * (len(stages) - 1)), joined)
    ax.set(ylabel=title, xticks=range(len(values)), xticklabels=values)
    ax.margins(x=0.06)
    if key == "slope_z_spec":
      ax.axhline(0.0, **style.GUIDE)
    parts.letter(ax, text)
  for ax in axes[1]:
    ax.set_xlabel(label)
  return _with_legend(figure, stages, lines=sum(joined) > 1)


def _with_legend(figure, stages, *, lines):
  handles = [style.legend_line(name, title) for name, (title, _) in stages.items()]
  if not lines:
    for handle in handles:
      handle.set_linestyle("none")
  figure.legend(handles=handles, loc="outside upper center", ncols=len(stages),
                handlelength=3.2 if lines else 1.0)
  return figure


def _draw_trend(ax: Axes, name, summaries, key, offset, joined):
  """One metric of one stage; open symbols mark the expected total variation."""
  look = style.style_of(name)
  numbers = [value_and_error(with_error(summary, key)) for summary in summaries]
  value, error = (np.array(column, float) for column in zip(*numbers))
  place = np.arange(len(value)) + offset
  if key == "total_variation":
    expected = [value_and_error(summary["expected_total_variation"])[0] for summary in summaries]
    ax.plot(place, np.array(expected, float), linestyle="none", marker=look.marker,
            color=look.color, **_OPEN)
  ax.errorbar(place, value, np.nan_to_num(error), fmt=look.marker, color=look.color,
              linestyle="none", elinewidth=0.8)
  ax.plot(place, np.where(joined, value, np.nan), color=look.color, linestyle=look.linestyle)


def _draw_scatter(ax: Axes, stages):
  for name, (_, summary) in stages.items():
    r_mag, mean, error = _curve(summary["sigma_mad_by_magnitude"], "r_mag")
    look, good = style.style_of(name), np.isfinite(mean) & np.isfinite(error)
    ax.errorbar(r_mag[good], mean[good], error[good], fmt=look.marker, color=look.color,
                linestyle=look.linestyle, elinewidth=0.8)
  ax.set(xlabel="r [mag]", ylabel=_SIGMA_LABEL, ylim=(0.0, None))


def _draw_collapse(ax: Axes, stages):
  ax.axvline(0.0, **style.GUIDE)
  for name, (_, summary) in stages.items():
    look = style.style_of(name)
    slope, slope_error = value_and_error(summary["slope_z_spec"])
    measured, error = value_and_error(summary["total_variation"])
    expected, _ = value_and_error(summary["expected_total_variation"])
    if slope is None:
      continue
    ax.plot([slope, slope], [expected, measured], color=look.color, linewidth=0.8, linestyle=":",
            zorder=1)
    ax.plot(slope, expected, marker=look.marker, color=look.color, **_OPEN)
    ax.errorbar(slope, measured, error, slope_error, fmt=look.marker, color=look.color,
                elinewidth=0.8)
  ax.set(xlabel=style.SLOPE_LABEL, ylabel="total variation", ylim=(0.0, None))


def _curve(curve, axis) -> Curve:
  """A curve of a JSON file as arrays, NaN for missing numbers."""
  return Curve(*(np.array(curve[name], float) for name in (axis, "mean", "error")))


def _known(curve) -> Curve:
  """The longest part of a curve without bins of a few galaxies; the others become NaN."""
  _, _, error = parts.measured(curve)
  good = curve.error <= FEW * np.median(error) if error.size else np.zeros(len(curve.z), bool)
  part = np.cumsum(~good)[good]  # all bins between two bad ones have the same number
  longest = np.argmax(np.bincount(part)) if part.size else 0
  return curve._replace(mean=np.where(good & (np.cumsum(~good) == longest), curve.mean, np.nan))


def _limit(curves) -> float:
  """Half the height of an axis that shows all bins and errors."""
  heights = []
  for _, _, curve in curves:
    _, mean, error = parts.measured(curve)
    heights += (np.abs(mean) + error).tolist()
  return _MARGIN * max(heights, default=_WITHOUT_POINTS)
