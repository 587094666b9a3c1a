"""The figure of a data set: its galaxies in redshift and magnitude."""

from __future__ import annotations

from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
import numpy as np

from data_tools.summary import galaxy_table
from pzbias_tf.report.figures import parts, style

# The training set is filled: the background that the others are compared with.
_LOOKS = {"train": dict(fill=True, color=style.Z_SPEC_COLOR),
          "validation": dict(color=style.style_of("step2").color, linewidth=0.9),
          "test": dict(color=style.style_of("step3").color, linewidth=1.4),
          "target": dict(color=style.style_of("reference").color, linestyle=":", linewidth=1.4)}
_R_LABEL = r"magnitude $r$"


@style.styled
def draw_distribution(galaxies: galaxy_table.Galaxies) -> Figure:
  """Draws galaxies in the plane of redshift and magnitude, and both distributions by split.

  The distributions are normalised, so that splits of different sizes can be compared.

  Args:
    galaxies: the galaxies.
  """
  figure = style.new_figure(2.5)
  plane, redshifts, magnitudes = figure.subplots(1, 3, width_ratios=(1.25, 1, 1))
  _draw_plane(figure, plane, galaxies)
  _draw_steps(redshifts, galaxies, galaxies.z_spec)
  _draw_steps(magnitudes, galaxies, galaxies.r_mag)
  redshifts.set(xlabel=style.Z_SPEC_LABEL, ylabel="galaxies, normalised")
  magnitudes.set(xlabel=_R_LABEL)
  for letter, axes in zip("abc", (plane, redshifts, magnitudes)):
    parts.letter(axes, letter)
  handles, labels = magnitudes.get_legend_handles_labels()
  figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
  return figure


def _draw_plane(figure, axes, galaxies) -> None:
  known = np.isfinite(galaxies.z_spec)
  bins = _number_of_bins(known.sum(), most=80)
  edges = [_fine_edges(values, bins) for values in (galaxies.r_mag[known], galaxies.z_spec)]
  numbers = galaxy_table.counts(galaxies, *edges)
  mesh = axes.pcolormesh(*edges, np.ma.masked_equal(numbers.T, 0),
                         norm=LogNorm(1, max(10, numbers.max())), cmap=style.galaxies_color_map(),
                         rasterized=True)
  axes.set(xlabel=_R_LABEL, ylabel=style.Z_SPEC_LABEL)
  bar = figure.colorbar(mesh, ax=axes, label="galaxies per cell", format="%d")
  bar.ax.yaxis.set_minor_formatter(NullFormatter())


def _draw_steps(axes, galaxies, values) -> None:
  """One normalised histogram per split that has finite values."""
  edges = _fine_edges(values, _number_of_bins(len(values), most=40))
  for split in galaxies.splits():
    mine = values[(galaxies.split == split) & np.isfinite(values)]
    if mine.size:
      numbers = np.histogram(mine, edges)[0]
      axes.stairs(numbers / mine.size / np.diff(edges), edges, label=f"{split} ({mine.size})",
                  **_LOOKS[split])
  axes.set_xlim(edges[[0, -1]])
  axes.set_ylim(bottom=0)


def _number_of_bins(num: int, most: int) -> int:
  """Number of bins: fewer for few galaxies, which would leave most bins empty."""
  return int(np.clip(np.sqrt(num), 10, most))


def _fine_edges(values: np.ndarray, bins: int) -> np.ndarray:
  """Edges of `bins` equal bins between round numbers that enclose all values."""
  first, *_, last = galaxy_table.round_edges(values, 10)
  return np.linspace(first, last, bins + 1)
