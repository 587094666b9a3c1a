"""Several evaluated runs side by side: one table, one figure, one page."""

from __future__ import annotations

import os
from typing import Any, Mapping, Sequence

from eval.evaluation.description import stage_settings
from pzbias_tf.data.galaxy_origin import MIXED, UNKNOWN, GalaxyOrigin
from pzbias_tf.guards import json_files
from pzbias_tf.guards.own_folders import output_folder
from pzbias_tf.metrics.stage_result import REFERENCE
from pzbias_tf.report import captions
from pzbias_tf.report.figures.comparison import draw_comparison
from pzbias_tf.report.page_files import (
  PAGE,
  TABLE,
  NamedFigure,
  RunDescription,
  words,
  write_page,
)
from pzbias_tf.report.stage_table import format_table
from pzbias_tf.report.verdict import about_estimates
from pzbias_tf.training.config import TrainConfig
from pzbias_tf.training.stages import STAGES

FOLDER = "comparison"
WRITTEN = (PAGE, TABLE, f"{FOLDER}.*")
"""Patterns of the names of its files."""

_SCHEMA = {"survey": {"name": str}, "settings": json_files.Each({}),
           "stages": json_files.Each({"galaxies?": int})}

_TITLES = {**{stage.name: stage.title for stage in STAGES}, "step4": "Step 4"}


def compare(runs: Sequence[str], output: str = "") -> str:
  """Compares the last stage of each run, and Step 4 where it has been fitted.

  Args:
    runs: folders of runs that eval.main has evaluated.
    output: folder of the page; "" for FOLDER beside the first run.

  Returns:
    The table and what was written, as text.

  Raises:
    FileNotFoundError: a run has not been evaluated.
    ValueError: fewer than two runs are named, or one twice.
  """
  paths = [os.path.abspath(run) for run in runs]
  if len(paths) < 2 or len(set(paths)) < len(paths):
    raise ValueError(f"--compare={','.join(runs)}: name two runs or more, each once")
  metrics = dict(zip(_labels(paths), map(_load, paths)))
  chosen = {f"{label}: {_TITLES[stage]}": (stage, own["stages"][stage])
            for label, own in metrics.items() for stage in _compared(own)}
  table = format_table({name: summary for name, (_, summary) in chosen.items()}, what="run")
  folder = output or os.path.join(os.path.dirname(paths[0]), FOLDER)
  remark = _remark(metrics)
  with output_folder(folder, WRITTEN):
    written = _write(folder, metrics, chosen, table, remark)
  return "\n".join([table, "", captions.DIRECTION, *([remark] if remark else []), "",
                    *(f"wrote {path}" for path in written)])


def _labels(paths):
  """Names of the runs, with their folder where two have the same."""
  names = [os.path.basename(path) for path in paths]
  return [name if names.count(name) == 1 else os.sep.join(path.split(os.sep)[-2:])
          for name, path in zip(names, paths)]


def _load(run) -> dict[str, Any]:
  path = os.path.join(run, "metrics.json")
  if not os.path.exists(path):
    raise FileNotFoundError(f"{path} is missing. Run first:\n  python -m eval.main --run={run}")
  metrics = json_files.read(path, _SCHEMA, f"{path}: damaged ({{problem}}); run python -m "
                            f"eval.main --run={run} again")
  if not _compared(metrics):
    raise ValueError(f"{path} holds no stage with a network; run python -m eval.main --run={run} "
                     "again")
  return metrics


def _compared(metrics) -> list[str]:
  """The last stage with a network, and Step 4."""
  networks = [name for name in metrics["stages"]
              if name != "step4" and not name.startswith(REFERENCE)]
  return networks[-1:] + [name for name in metrics["stages"] if name == "step4"]


def _remark(metrics: Mapping[str, Any]) -> str:
  """Why the numbers cannot be compared as they stand; "" if they can."""
  samples = {label: f"{own['stages'][_compared(own)[0]]['galaxies']} galaxies of "
                    f"{own['survey']['name']}" for label, own in metrics.items()}
  if len(set(samples.values())) == 1:
    return ""
  return "Not the same test galaxies: " + ", ".join(
      f"{label} {sample}" for label, sample in samples.items())


def _write(folder, metrics, chosen, table, remark):
  """Table, figure and page; returns the paths."""
  summaries = {name: summary for name, (_, summary) in chosen.items()}
  facts = {"Runs": ", ".join(metrics), **({"Mind": remark} if remark else {})}
  description = RunDescription(
      name=f"Comparison of {len(metrics)} runs", facts=facts, settings=_settings(metrics),
      origin=_origin(metrics), bootstraps=_bootstraps(metrics))
  networks = {name: summary for name, (stage, summary) in chosen.items() if stage != "step4"}
  content = words(description, summaries, next(iter(_configs(metrics).values())).survey,
                  verdict=[f"{remark}."] if remark else about_estimates(networks), stages=True,
                  same_galaxies=not remark, what="run", heading="Metrics")
  return write_page(folder, [NamedFigure(FOLDER, draw_comparison(chosen), captions.COMPARISON)],
                    content, table=table)


def _origin(metrics) -> GalaxyOrigin:
  """Whether the galaxies of all runs are real."""
  origins = {label: own.get("origin") for label, own in metrics.items()}
  missing = [label for label, origin in origins.items() if not origin]
  if missing:
    return GalaxyOrigin(kind=UNKNOWN, source=f"The metrics of {', '.join(missing)} do not say; "
                        "evaluate again with python -m eval.main --run=RUN.")
  found = {label: GalaxyOrigin(**origin) for label, origin in origins.items()}
  kinds = {origin.kind for origin in found.values()}
  if len(kinds) == 1:
    return next(iter(found.values()))
  differ = "; ".join(f"{label}: {origin.headline}" for label, origin in found.items())
  return GalaxyOrigin(kind=UNKNOWN if UNKNOWN in kinds else MIXED,
                      source=f"The runs differ: {differ}.")


def _bootstraps(metrics):
  """The smallest number behind an error; 0 where it is not known."""
  return min(own.get("bootstrap", {}).get("number", 0) for own in metrics.values())


def _settings(metrics):
  """{run: settings of its last stage}."""
  return {label: stage_settings(config) for label, config in _configs(metrics).items()}


def _configs(metrics):
  """{run: the settings of its last stage}."""
  return {label: TrainConfig.from_settings(own["settings"][_compared(own)[0]], origin=label)
          for label, own in metrics.items()}
