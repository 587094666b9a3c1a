"""The table of stages, for a terminal or a README."""

from __future__ import annotations

import math
from typing import Any, Mapping, Sequence

COLUMNS = (
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
"""(heading, key in the stage's summary, digits)."""


def format_table(summaries: Mapping[str, Mapping[str, Any]], *, what: str = "stage",
                 columns: Sequence[tuple[str, str, int]] = COLUMNS) -> str:
  """A Markdown table, aligned, one row per stage.

  Args:
    summaries: {title of the stage: its summary, as `summary.summarize` gives it,
      or as it stands in metrics.json}.
    what: heading of the titles.
    columns: as COLUMNS.

  Returns:
    Lines of text; "-" where a stage has no such number.
  """
  cells = [[what, *(heading for heading, _, _ in columns)]]
  for title, summary in summaries.items():
    cells.append([title, *(
        _cell(with_error(summary, key), digits) for _, key, digits in columns)])
  widths = [max(map(len, column)) for column in zip(*cells)]
  lines = ["| " + " | ".join(word.ljust(width) for word, width in zip(row, widths)) + " |"
           for row in cells]
  lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
  return "\n".join(lines)


def with_error(summary: Mapping[str, Any], key: str) -> Any:
  """A number of a summary, together with its error where that stands apart."""
  error = summary["errors"].get(key)
  return summary.get(key) if error is None else {"mean": summary[key], "error": error}


def _cell(value, digits):
  value, error = value_and_error(value)
  shown = _number(value, digits)
  return shown if error is None or shown == "-" else f"{shown} +- {_number(error, digits)}"


def value_and_error(value: Any) -> tuple[float | None, float | None]:
  """A number of a summary, and its error where it has one: of numbers, means and slopes."""
  value = value._asdict() if hasattr(value, "_asdict") else value
  if isinstance(value, Mapping):
    name = "slope" if "slope" in value else "mean"
    return value[name], value["slope_error" if name == "slope" else "error"]
  return value, None


def _number(value, digits):
  return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"
