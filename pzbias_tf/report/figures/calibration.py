"""Figure 2: residuals against z_spec and z_photo, before and after Step 4."""

from __future__ import annotations

from typing import Sequence

from matplotlib.figure import Figure

from pzbias_tf.metrics.stage_result import StageResult
from pzbias_tf.report.figures import parts, style
from pzbias_tf.survey import Survey

_HEIGHT = 2.9


@style.styled
def draw_calibration(results: Sequence[StageResult], survey: Survey) -> Figure:
  """Two panels: mean residual in wide bins of z_spec, and of z_photo.

  Args:
    results: the results to compare, at least one: Step 3, Step 4, and the
      references where the catalogue has some.
    survey: the survey.
  """
  figure = style.new_figure(_HEIGHT)
  for index, (key, label) in enumerate((("residual_z_spec", style.Z_SPEC_LABEL),
                                        ("residual_z_photo", style.Z_PHOTO_LABEL))):
    ax = figure.add_subplot(1, 2, index + 1)
    parts.draw_residuals(ax, results, key, survey)
    ax.set_xlabel(label)
    parts.letter(ax, "ab"[index])
  handles = [style.legend_line(result.name, result.title) for result in results]
  for handle in handles:
    handle.set_linestyle("none")
  figure.legend(handles=handles, loc="outside upper center",
                ncols=style.legend_columns(handles))
  return figure
