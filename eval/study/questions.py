"""What the paper claims, as a table: one row per question, one column per sample."""

from __future__ import annotations

from typing import Any, Mapping

from eval.study.collect import RMS, SMOOTHED
from eval.study.sections import MAIN
from pzbias_tf.report.stage_table import value_and_error, with_error


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
  """The table in Markdown.

  Args:
    results: {name of a results file: its content}; missing samples have no column.
  """
  samples = {title: results[name]["variants"][-1]["stages"] for title, name in MAIN.items()
           if name in results}
  lines = ["| | " + " | ".join(samples) + " |", "|---" * (1 + len(samples)) + "|"]
  for title, (answer, stages) in _QUESTIONS.items():
    cells = [" -> ".join(answer(stages_of[stage]) for stage in stages)
             for stages_of in samples.values()]
    lines.append(f"| {title} | " + " | ".join(cells) + " |")
  return "\n".join(lines)


def _metric(key, digits):
  """A function that prints a metric of a summary with its error."""

  def answer(summary) -> str:
    value, error = value_and_error(with_error(summary, key))
    if value is None:
      return "-"
    return f"{value:.{digits}f}" + ("" if error is None else f" +- {error:.{digits}f}")

  return answer


_QUESTIONS = {
    "TV: Baseline -> Step 1 -> Step 3": (
        _metric("total_variation", 3), ("baseline", "step1", "step3")),
    "TV of Step 3 without mode collapse": (_metric("expected_total_variation", 3), ("step3",)),
    "slope(z_spec): Baseline -> Step 3": (_metric("slope_z_spec", 3), ("baseline", "step3")),
    "rms(z_photo): Baseline -> Step 3 -> Step 4": (
        _metric("rms_residual_z_photo", 4), ("baseline", "step3", "step4")),
    "the same, bins weighted by their galaxies": (
        _metric(RMS, 4), ("baseline", "step3", "step4")),
    "TV: Step 3 -> Step 4 -> Step 4, smoothed": (
        _metric("total_variation", 3), ("step3", "step4", SMOOTHED)),
    "sigma_MAD: Baseline -> Step 3": (_metric("sigma_mad", 4), ("baseline", "step3")),
}
