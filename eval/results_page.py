"""The results page: tables and figures of the study, written from its results files."""

from __future__ import annotations

import json
import math
import os
from typing import Any, Mapping, Sequence

from eval.collect import SMOOTHED
from eval.results_sections import MAIN, SECTIONS, Section
from eval.step4 import STEP4
from pzbias_tf.evaluation.captions import DIRECTION
from pzbias_tf.evaluation.figures.comparison import draw_comparison
from pzbias_tf.evaluation.figures.experiments import WEIGHTED_RMS, draw_main, draw_trends
from pzbias_tf.evaluation.figures.files import save_figure
from pzbias_tf.evaluation.table import COLUMNS, format_table, value_and_error, with_error
from pzbias_tf.training.stages import STAGES

FIGURES = "figures"
TITLES = {**{stage.name: stage.title for stage in STAGES}, STEP4: "Step 4",
          SMOOTHED: "Step 4, smoothed"}

_HEAD = """# Results on simulated surveys

Every experiment of Lin et al. 2022 (arXiv:2202.09964), on simulated galaxies and at a scale that a
CPU can do: central 16 x 16 pixels, the small network Net_Q, {train} training galaxies of SDSS in place
of 393,000. What can be compared with the paper are directions and orders, not values; and no number
here says how well the redshifts of real galaxies are estimated. Those of the section on real galaxies
have real redshifts and magnitudes, and simulated images.

`make study` makes all of it again. Tables and figures are written by `python -m eval.results` from the
files in `results/`; what stands beside them is in `results/remarks.json`. {direction} Errors are one
standard deviation, of {bootstrap} bootstraps of the test galaxies unless another source is named.
"""


def render(folder: str) -> str:
  """Writes all figures and returns the page.

  Args:
    folder: of the results files and the remarks; figures go into `FIGURES` there.

  Returns:
    The page as Markdown; sections without results are left out.

  Raises:
    OSError: a file is missing.
    ValueError: no results are there, or a section has no remarks.
  """
  results = load_results(folder)
  if not results:
    raise ValueError(f"{folder} holds no results; run python -m train.experiments and python -m "
                     "eval.results --workdir=FOLDER OF ITS RUNS")
  with open(os.path.join(folder, "remarks.json"), encoding="utf-8") as file:
    remarks = json.load(file)
  os.makedirs(os.path.join(folder, FIGURES), exist_ok=True)
  first = next(iter(results.values()))
  train = max(result["data"]["train"] for name, result in results.items() if "sdss" in name)
  parts = [_HEAD.format(train=f"{train:,}", direction=DIRECTION, bootstrap=first["bootstrap"]),
           _questions(results, remarks)]
  for section in SECTIONS:
    own = {name: results[name] for name in section.results if name in results}
    if own and section.results[-1] in own:
      parts.append(_section(section, own, remarks, folder))
  return "\n".join(parts)


def load_results(folder: str) -> dict[str, dict[str, Any]]:
  """{folder and name without ending: results}, sorted."""
  results = {}
  for path, _, files in sorted(os.walk(folder)):
    for name in sorted(files):
      if name.endswith(".json") and path != folder:
        with open(os.path.join(path, name), encoding="utf-8") as file:
          key = os.path.join(os.path.relpath(path, folder), name.removesuffix(".json"))
          results[key.replace(os.sep, "/")] = json.load(file)
  return results


def _section(section: Section, results, remarks, folder) -> str:
  """Heading, remarks, table, figure and how it was made."""
  if section.slug not in remarks:
    raise ValueError(f"{folder}/remarks.json says nothing about {section.slug}")
  table, figure, caption = _CONTENTS[section.kind](section, results)
  save_figure(figure, os.path.join(folder, FIGURES), section.slug, formats=("png",))
  result = list(results.values())[-1]
  picture = f"results/{FIGURES}/{section.slug}.png"
  return "\n".join([
      f"## {section.title}", "",
      *([f"Beside {section.published} of the paper.", ""] if section.published else []),
      *remarks[section.slug], "", table, "", f"![{section.title}]({picture})", "", caption, "",
      _made(results, result), ""])


def _made(results, result) -> str:
  """The commands, the galaxies, and how long it took."""
  commands = "\n".join(f"    {one['command']}" for one in results.values())
  taken_s = {}  # by the stage's folder: variants share some
  for one in results.values():
    for variant in one["variants"]:
      taken_s.update(variant["training_s"])
  minutes = sum(filter(None, taken_s.values())) / 60
  return (f"{result['data']['train']:,} training and {_tested(result):,} test galaxies, seed "
          f"{result['seed']}; {minutes:.0f} min of training, the sum over runs, those shared "
          f"with other experiments included.\n\n{commands}")


def _tested(result) -> int:
  return list(result["variants"][-1]["stages"].values())[-1]["galaxies"]


def _main(section: Section, results):
  stages = next(iter(results.values()))["variants"][-1]["stages"]
  shown = {name: (TITLES[name], stages[name]) for name in section.stages if name in stages}
  caption = ("(a), (b) Mean residual in bins of z_spec and z_photo; (c) scatter by r magnitude; (d) "
             "total variation against the slope of (a), open symbols: without mode collapse.")
  table = format_table({TITLES[name]: stage for name, stage in stages.items()})
  return table, draw_main(shown), caption


def _trends(section: Section, results):
  result = next(iter(results.values()))
  variants = sorted(result["variants"], key=lambda variant: _place(section, variant["value"]))
  names = [section.words.get(variant["value"], variant["value"]) for variant in variants]
  shown = {name: (TITLES[name], [variant["stages"][name] for variant in variants])
           for name in section.stages if name in variants[0]["stages"]}
  table = format_table({
      f"{word}: {title}": summaries[place] for place, word in enumerate(names)
      for title, summaries in shown.values()}, what=f"{section.label}: stage")
  caption = f"Against {section.label}; open symbols: total variation without mode collapse."
  return table, draw_trends(shown, names, section.label.replace("`", "")), caption


def _place(section, value):
  """Order of the values; one with a word of its own, such as 0 for all, stands last."""
  return (value in section.words, float(value))


def _folds(section: Section, results):
  """Mean over the experiments and their standard deviation, one row a stage."""
  _, figure, caption = _trends(section, results)
  variants = next(iter(results.values()))["variants"]
  rows = {TITLES[name]: _mean([variant["stages"][name] for variant in variants])
          for name in section.stages if name in variants[0]["stages"]}
  return (format_table(rows, what=f"mean of {len(variants)}"), figure,
          "Errors of the table are standard deviations over the experiments. " + caption)


def _mean(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
  """Each metric's mean and its standard deviation over several runs."""
  mean = {"errors": {}, "galaxies": summaries[0]["galaxies"]}
  for _, key, _ in COLUMNS[1:]:
    values = [value_and_error(with_error(summary, key))[0] for summary in summaries]
    if None in values:
      mean[key] = None
      continue
    center = sum(values) / len(values)
    spread = math.sqrt(sum((value - center)**2 for value in values) / max(1, len(values) - 1))
    mean[key] = {"mean": center, "error": spread}
  return mean


def _rows(section: Section, results):
  words = dict(zip(section.results, section.names))
  shown = {words[name]: (stage, result["variants"][-1]["stages"][stage])
           for name, result in results.items() for stage in section.stages}
  table = format_table({word: summary for word, (_, summary) in shown.items()}, what="labels")
  return table, draw_comparison(shown), "Open symbols: total variation without mode collapse."


_CONTENTS = {"main": _main, "trends": _trends, "folds": _folds, "rows": _rows}


def _questions(results, remarks) -> str:
  """What the paper claims, one row a question, one column a sample."""
  found = {title: results[name]["variants"][-1]["stages"] for title, name in MAIN.items()
           if name in results}
  lines = ["## In short", "", *remarks["in_short"], "",
           "| | " + " | ".join(found) + " |", "|---" * (1 + len(found)) + "|"]
  for title, (answer, stages) in _QUESTIONS.items():
    cells = [" -> ".join(answer(stages_of[stage]) for stage in stages)
             for stages_of in found.values()]
    lines.append(f"| {title} | " + " | ".join(cells) + " |")
  return "\n".join([*lines, ""])


def _metric(key, digits):
  """A function that prints a metric of a summary with its error."""

  def answer(summary) -> str:
    value, error = value_and_error(with_error(summary, key))
    return f"{value:.{digits}f}" + ("" if error is None else f" +- {error:.{digits}f}")

  return answer


_QUESTIONS = {
    "TV: Baseline -> Step 1 -> Step 3": (
        _metric("total_variation", 3), ("baseline", "step1", "step3")),
    "TV of Step 3 without mode collapse": (_metric("expected_total_variation", 3), ("step3",)),
    "slope(z_spec): Baseline -> Step 3": (_metric("slope_z_spec", 3), ("baseline", "step3")),
    "rms(z_photo): Baseline -> Step 3 -> Step 4": (
        _metric("rms_residual_z_photo", 4), ("baseline", "step3", "step4")),
    "the same, bins weighted with 1 / error^2": (
        _metric(WEIGHTED_RMS, 4), ("baseline", "step3", "step4")),
    "TV: Step 3 -> Step 4 -> Step 4, smoothed": (
        _metric("total_variation", 3), ("step3", "step4", SMOOTHED)),
    "sigma_MAD: Baseline -> Step 3": (_metric("sigma_mad", 4), ("baseline", "step3")),
}
