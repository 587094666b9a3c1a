"""The table of stages in Markdown, from their summaries: for terminals, README and report."""

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
  """An aligned Markdown table, one line per stage; arguments as `table_cells`."""
  cells = [[cell.replace("|", "\\|") for cell in row]
           for row in table_cells(summaries, what=what, columns=columns)]
  widths = [max(map(len, column)) for column in zip(*cells)]
  lines = ["| " + " | ".join(word.ljust(width) for word, width in zip(row, widths)) + " |"
           for row in cells]
  lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
  return "\n".join(lines)


def table_cells(summaries: Mapping[str, Mapping[str, Any]], *, what: str = "stage",
                columns: Sequence[tuple[str, str, int]] = COLUMNS) -> list[list[str]]:
  """The cells of the table: the heading, then one row per stage.

  Args:
    summaries: {title of the stage: its summary, as `stage_metrics.summarize`
      returns it, or as read from metrics.json}.
    what: heading of the column of titles.
    columns: the columns, as in COLUMNS.

  Returns:
    Texts, errors after " +- "; "-" where a stage has no such number.
  """
  return [[what, *(heading for heading, _, _ in columns)],
          *([title, *(cell(with_error(summary, key), digits) for _, key, digits in columns)]
            for title, summary in summaries.items())]


def with_error(summary: Mapping[str, Any], key: str) -> Any:
  """An entry of a summary; a plain number gets its error from "errors"."""
  error = summary["errors"].get(key)
  return summary.get(key) if error is None else {"mean": summary[key], "error": error}


def cell(value: Any, digits: int) -> str:
  """A number and its error, as `value_and_error` takes them, with so many digits; "-" for none."""
  value, error = value_and_error(value)
  shown = _number(value, digits)
  return shown if error is None or shown == "-" else f"{shown} +- {_number(error, digits)}"


def value_and_error(value: Any) -> tuple[float | None, float | None]:
  """The number of a summary's entry, and its error if it has one.

  Args:
    value: a plain number, or a mean or slope with its error, as a named tuple or a
      dictionary.
  """
  value = value._asdict() if hasattr(value, "_asdict") else value
  if isinstance(value, Mapping):
    name = "slope" if "slope" in value else "mean"
    return value[name], value["slope_error" if name == "slope" else "error"]
  return value, None


def _number(value, digits):
  if value is None or not math.isfinite(value):
    return "-"
  return f"{value:z.{digits}f}"  # z: no minus sign before 0.0000
