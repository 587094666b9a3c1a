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
    axes = draw_trends({"step3": ("Step 3", [summary, other])}, ["5", "50"], "threshold").axes
    variation = axes[0].get_lines()[1].get_ydata()
    self.assertAllClose(variation, [summary["total_variation"]["mean"], 0.5])
    scatter = np.concatenate([line.get_ydata() for line in axes[2].get_lines()])
    self.assertAllClose(scatter, [summary["sigma_mad"], np.nan])
    self.assertEqual([label.get_text() for label in axes[2].get_xticklabels()], ["5", "50"])


if __name__ == "__main__":
  tf.test.main()
