"""What a section of the results page shows: a table and a figure."""

from __future__ import annotations

import math
from typing import Any, Mapping, Sequence

from matplotlib.figure import Figure

from eval.evaluation.calibrations import STEP4
from eval.study.collect import MEDIAN, PEAKS, SMOOTHED
from eval.study.sections import Section
from pzbias_tf.report.figures.comparison import draw_comparison
from pzbias_tf.report.figures.study import FEW, draw_main, draw_trends
from pzbias_tf.report.stage_table import COLUMNS, format_table, value_and_error, with_error
from pzbias_tf.training.stages import STAGES

TITLES = {**{stage.name: stage.title for stage in STAGES}, STEP4: "Step 4",
          SMOOTHED: "Step 4, smoothed"}

Results = Mapping[str, Mapping[str, Any]]
"""{name of a results file: its content}."""


def contents(section: Section, results: Results) -> tuple[str, Figure, str]:
  """Table, figure and caption of a section.

  Args:
    section: the section.
    results: the existing ones of `section.results`.
  """
  return _KINDS[section.kind](section, results)


def _main(section: Section, results):
  stages = next(iter(results.values()))["variants"][-1]["stages"]
  shown = {name: (TITLES[name], stages[name]) for name in section.stages if name in stages}
  caption = ("(a), (b) Mean residual in bins of z_spec and z_photo, as far as no error exceeds "
             f"the median {FEW:g} times; (c) scatter by r magnitude; (d) total variation against "
             "the slope of (a), open symbols: without mode collapse.")
  table = _tables({TITLES[name]: stage for name, stage in stages.items()}, "stage")
  return table, draw_main(shown), caption


def _trends(section: Section, results):
  result = next(iter(results.values()))
  variants = sorted(result["variants"], key=lambda variant: _place(section, variant["value"]))
  names = [section.words.get(variant["value"], variant["value"]) for variant in variants]
  joined = [variant["value"] not in section.apart for variant in variants]
  return _along(section, variants, names, joined)


def _along(section: Section, variants, names, joined):
  """Table, figure and caption of variants that have names; lines lead to those `joined`."""
  shown = {name: (TITLES[name], [variant["stages"][name] for variant in variants])
           for name in section.stages if name in variants[0]["stages"]}
  table = _tables({
      f"{word}: {title}": summaries[place] for place, word in enumerate(names)
      for title, summaries in shown.values()}, f"{section.label}: stage")
  caption = f"Against {section.label}; open symbols: total variation without mode collapse."
  return table, draw_trends(shown, names, section.label.replace("`", ""), joined), caption


def _tables(summaries, what) -> str:
  """The table of metrics and, where p(z) was analysed, that of its peaks."""
  tables = [format_table(summaries, what=what)]
  peaks = {title: summary for title, summary in summaries.items() if PEAKS[0][1] in summary}
  if peaks:
    known = [column for column in (*PEAKS, *MEDIAN) if all(column[1] in peak for peak in
                                                           peaks.values())]
    tables.append(format_table(peaks, what=what, columns=known))
  return "\n\n".join(tables)


def _place(section, value):
  """Order of the values; those with a name of their own, such as 0 for all, come last."""
  words = list(section.words)
  return (True, words.index(value)) if value in words else (False, float(value))


def _folds(section: Section, results):
  """Mean and standard deviation over the folds of all results, one row per stage."""
  splits = [sorted(result["variants"], key=lambda variant: _place(section, variant["value"]))
            for result in results.values()]
  variants = [variant for split in splits for variant in split]
  names = [(f"{number}." if len(splits) > 1 else "") + variant["value"]
           for number, split in enumerate(splits, 1) for variant in split]
  _, figure, caption = _along(section, variants, names, [False] * len(variants))
  rows = {TITLES[name]: _mean([variant["stages"][name] for variant in variants])
          for name in section.stages if name in variants[0]["stages"]}
  return (_tables(rows, f"mean of {len(variants)}"), figure,
          "Errors of the table are standard deviations over the folds. " + caption)


def _mean(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
  """Mean and standard deviation of each metric over several folds."""
  mean: dict[str, Any] = {"errors": {}, "galaxies": summaries[0]["galaxies"]}
  for _, key, _ in (*COLUMNS[1:], *PEAKS, *MEDIAN):
    if not all(key in summary for summary in summaries):
      continue
    values = [value_and_error(with_error(summary, key))[0] for summary in summaries]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
      mean[key] = None
      continue
    center = sum(known) / len(known)
    spread = math.sqrt(sum((value - center)**2 for value in known) / max(1, len(known) - 1))
    mean[key] = {"mean": center, "error": spread}
  return mean


def _rows(section: Section, results):
  words = dict(zip(section.results, section.names))
  shown = {words[name]: (stage, result["variants"][-1]["stages"][stage])
           for name, result in results.items() for stage in section.stages}
  table = _tables({word: summary for word, (_, summary) in shown.items()}, "labels")
  return table, draw_comparison(shown), "Open symbols: total variation without mode collapse."


_KINDS = {"main": _main, "trends": _trends, "folds": _folds, "rows": _rows}
