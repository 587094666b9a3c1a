"""Figure of the validation galaxies while a stage trains: residuals and mode collapse."""

from __future__ import annotations

from matplotlib.figure import Figure
import numpy as np

from pzbias_tf.metrics.residuals import residual_vs_z_photo, residual_vs_z_spec
from pzbias_tf.report.figures import parts, style
from pzbias_tf.survey import Survey

_HEIGHT = 2.6


@style.styled
def draw_validation(z_spec: np.ndarray, z_photo: np.ndarray, survey: Survey, stage: str) -> Figure:
  """Three panels: mean residual against z_spec and z_photo, and n(z) of both.

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    survey: the survey.
    stage: name of the stage, which decides the colour.
  """
  figure, look = style.new_figure(_HEIGHT), style.style_of(stage)
  curves = ((residual_vs_z_spec(z_spec, z_photo, np.ones_like(z_spec), survey), style.Z_SPEC_LABEL),
            (residual_vs_z_photo(z_spec, z_photo, survey), style.Z_PHOTO_LABEL))
  for number, (curve, label) in enumerate(curves, 1):
    ax = figure.add_subplot(1, 3, number)
    z, mean, _ = parts.measured(curve)
    ax.axhline(0.0, **style.GUIDE)
    ax.plot(z, mean, color=look.color, marker=look.marker, linestyle="none")
    limit = survey.outlier_threshold  # fixed, so that pictures of iterations can be compared
    ax.set(xlabel=label, ylabel=style.RESIDUAL_LABEL, ylim=(-limit, limit))
  ax = figure.add_subplot(1, 3, 3)
  edges = survey.edges()
  ax.hist(z_spec, edges, density=True, histtype="stepfilled", color=style.Z_SPEC_COLOR,
          label=r"$z_\mathrm{spec}$")  # one shape: bars take ten times as long to draw
  ax.hist(z_photo, edges, density=True, histtype="step", color=look.color,
          label=r"$z_\mathrm{photo}$")
  ax.set(xlabel="redshift", ylabel="n(z)")
  ax.legend()
  return figure
