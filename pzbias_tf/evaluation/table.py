"""The table of stages, for a terminal or a README."""

from __future__ import annotations

import math
from typing import Any, Mapping

# (heading, key in the stage's summary, digits); a number or a pair with an error.
_COLUMNS = (
    ("galaxies", "galaxies", 0),
    ("mean residual", "mean_residual", 4),
    ("sigma_MAD", "sigma_mad", 4),
    ("eta", "outlier_fraction", 4),
    ("CRPS", "crps", 4),
    ("PIT-KS", "pit_ks", 3),
    ("TV", "total_variation", 3),
    ("expected TV", "expected_total_variation", 3),
    ("slope(z_spec)", "slope_z_spec", 3),
    ("slope(z_photo)", "slope_z_photo", 3),
    ("rms(z_photo)", "rms_residual_z_photo", 4),
)


def format_table(summaries: Mapping[str, Mapping[str, Any]]) -> str:
  """A Markdown table, aligned, one row a stage.

  Args:
    summaries: {title of the stage: its summary, as `summary.summarize` gives it}.

  Returns:
    Lines of text; "-" where a stage has no such number.
  """
  cells = [["stage", *(heading for heading, _, _ in _COLUMNS)]]
  for title, summary in summaries.items():
    cells.append([title, *(
        _cell(_with_error(summary, key), digits) for _, key, digits in _COLUMNS)])
  widths = [max(map(len, column)) for column in zip(*cells)]
  lines = ["| " + " | ".join(word.ljust(width) for word, width in zip(row, widths)) + " |"
           for row in cells]
  lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
  return "\n".join(lines)


def _with_error(summary, key):
  """A number, as a pair with its error where it has one."""
  error = summary["errors"].get(key)
  return summary.get(key) if error is None else (summary[key], error)


def _cell(value, digits):
  if value is None:
    return "-"
  if hasattr(value, "slope"):
    value = (value.slope, value.slope_error)
  if isinstance(value, tuple):
    mean, error = value
    return f"{_number(mean, digits)} +- {_number(error, digits)}" if math.isfinite(mean) else "-"
  return _number(value, digits)


def _number(value, digits):
  return f"{value:.{digits}f}" if math.isfinite(value) else "-"
