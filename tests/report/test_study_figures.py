"""Figures of study items: they show the numbers of JSON files, and allow missing ones."""

import copy

import numpy as np
import tensorflow as tf

from pzbias_tf.metrics.stage_metrics import to_json
from pzbias_tf.report.figures.study import draw_main, draw_trends
from tests.report.sample_results import make_results


def summaries(*stages):
  """{name: (title, summary as in a JSON file)}."""
  return {result.name: (result.title, {**to_json(result.summary), "rms_by_galaxies": 0.01})
          for result in make_results(*stages, num=300)}


class StudyFiguresTest(tf.test.TestCase):

  def test_main(self):
    stages = summaries("baseline", "step3")
    axes = draw_main(stages).axes
    self.assertLen(axes, 4)
    _, summary = stages["step3"]
    slopes = [line.get_xdata()[0] for line in axes[3].get_lines() if len(line.get_xdata()) == 1]
    self.assertIn(summary["slope_z_spec"]["slope"], slopes)

  def test_main_without_slopes_and_curves(self):
    stages = copy.deepcopy(summaries("baseline"))
    _, summary = stages["baseline"]
    summary["slope_z_spec"] = dict.fromkeys(summary["slope_z_spec"])
    for key in ("residual_z_spec", "residual_z_photo"):
      summary[key]["mean"] = [None] * len(summary[key]["mean"])
    axes = draw_main(stages).axes
    self.assertEqual(axes[0].get_ylim(), axes[1].get_ylim())

  def test_trends(self):
    (_, summary), = summaries("step3").values()
    other = {**summary, "sigma_mad": None, "errors": {**summary["errors"], "sigma_mad": None},
             "total_variation": {"mean": 0.5, "error": 0.01}}
    stages = {"step3": ("Step 3", [summary, other])}
    axes = draw_trends(stages, ["5", "50"], "threshold", [True, True]).axes
    variation = axes[0].get_lines()[1].get_ydata()
    self.assertAllClose(variation, [summary["total_variation"]["mean"], 0.5])
    for line in axes[2].get_lines():
      self.assertAllClose(line.get_ydata(), [summary["sigma_mad"], np.nan])
    self.assertEqual([label.get_text() for label in axes[2].get_xticklabels()], ["5", "50"])

  def test_lines_lead_to_values_on_a_scale_alone(self):
    (_, summary), = summaries("step3").values()
    stages = {"step3": ("Step 3", [summary] * 3)}
    for joined, linestyle in (([True, True, False], "--"), ([False] * 3, "None")):
      figure = draw_trends(stages, ["1", "2", "auto"], "width", joined)
      points, line = figure.axes[2].get_lines()
      self.assertEqual(points.get_linestyle(), "None")
      self.assertAllClose(points.get_ydata(), [summary["sigma_mad"]] * 3)
      self.assertAllEqual(np.isfinite(line.get_ydata()), joined)
      self.assertEqual(figure.legends[0].get_lines()[0].get_linestyle(), linestyle)

  def test_curves_end_at_bins_of_a_few_galaxies(self):
    stages = summaries("baseline")
    _, summary = stages["baseline"]
    curve = summary["residual_z_photo"]
    curve["mean"], curve["error"] = [0.01] * len(curve["z"]), [0.001] * len(curve["z"])
    curve["error"][-3] = 0.1
    (points, *_) = [line for line in draw_main(stages).axes[1].get_lines()
                    if line.get_marker() == "o"]
    self.assertAllClose(points.get_xdata(), curve["z"][:-3])


if __name__ == "__main__":
  tf.test.main()
