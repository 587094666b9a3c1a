"""What was run, in words: the head of a report."""

from __future__ import annotations

import os
from typing import Sequence

from eval.run import EvaluatedRun
import pzbias_tf
from pzbias_tf.metrics.stage_metrics import Bootstrap
from pzbias_tf.metrics.stage_result import StageResult
from pzbias_tf.models.representation import network_name
from pzbias_tf.predictions.domain import count_flags
from pzbias_tf.report.run_report import RunDescription
from pzbias_tf.training.config import TrainConfig, package_versions


def describe_run(run: EvaluatedRun, results: Sequence[StageResult], bootstrap: Bootstrap, *,
                 weights: str = "") -> RunDescription:
  """Names the run, its sample, the versions and each stage's settings.

  Args:
    run: the run.
    results: what was evaluated.
    bootstrap: how errors are estimated.
    weights: file of the weights of galaxies; "" where all weigh the same.
  """
  survey, flags = run.survey, run.last.test.ancil.get("flags")
  versions = {"pzbias_tf": pzbias_tf.__version__, **package_versions()}
  facts = {
      "Survey": f"{survey.name}: {survey.bins} redshift bins in [{survey.z_min:g}, "
                f"{survey.z_max:g}], r from {survey.r_min:g} to {survey.r_max:g} mag, "
                f"{survey.outputs} outputs",
      "Test galaxies": _galaxies(results) + (
          f", weighted by {os.path.basename(weights)}" if weights else ""),
      **({} if flags is None else {"Outside of the training": count_flags(flags)}),
      "Errors": f"{bootstrap.number} bootstraps, seed {bootstrap.seed}",
      "Versions": ", ".join(f"{name} {version}" for name, version in versions.items())}
  return RunDescription(name=run_name(run.folder), facts=facts, settings={
      stage.spec.title: {"run": run_name(os.path.dirname(stage.folder)),
                         **stage_settings(stage.config)}
      for stage in run.stages})


def run_name(folder: str) -> str:
  """Name of a run: that of its folder."""
  return os.path.basename(os.path.abspath(folder))


def _galaxies(results):
  """Their number; that of a result that has fewer is named."""
  number = results[0].summary["galaxies"]
  others = [f"{result.title}: {result.summary['galaxies']}" for result in results
            if result.summary["galaxies"] != number]
  return f"{number} ({', '.join(others)})" if others else f"{number}"


def stage_settings(config: TrainConfig) -> dict[str, str]:
  """The settings of a stage that a reader asks for first."""
  spec, shown = config.stage_spec, {
      "network": network_name(config.net), **_input(config), "iterations": str(config.iterations),
      "batch": str(config.batch_size), "learning rate": f"{config.learning_rate:g}",
      "falls at": ", ".join(f"{100 * drop:g}%" for drop in config.lr_drops) or "-",
      "seed": str(config.seed), "ne": str(config.ne)}
  if config.extra_columns.names:
    shown["extra columns"] = ", ".join(config.extra_columns.names)
  if not spec.trains_all:
    shown["threshold"] = str(config.fth)
  if spec.labels_from:
    shown["labels"] = ", ".join(["soft" if config.softlabel else "hard",
                                 "shifted" if config.shiftlabel else "unshifted"])
  return shown


def _input(config):
  """What the network takes of a galaxy."""
  if config.photometry is None:
    return {"pixels": f"{config.image_size} x {config.image_size}",
            "input": config.input_scaling.kind}
  errors = " with errors" if config.photometry.with_errors else ""
  return {"input": f"magnitudes in {' '.join(config.photometry.bands)}{errors}"}
