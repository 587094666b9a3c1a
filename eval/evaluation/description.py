"""What was run, in words: the head of a report."""

from __future__ import annotations

import os
from typing import Sequence

from data_tools.conversion.command_line.command_again import conversion_command
from eval.run import EvaluatedRun
from pzbias_tf.metrics.stage_metrics import Bootstrap
from pzbias_tf.metrics.stage_result import StageResult
from pzbias_tf.models.representation import network_name
from pzbias_tf.predictions.domain import count_flags
from pzbias_tf.report.page_files import RunDescription
from pzbias_tf.training.config import TrainConfig, trained_revision
from pzbias_tf.versions import for_others, made_with


def describe_run(run: EvaluatedRun, results: Sequence[StageResult], bootstrap: Bootstrap, *,
                 weights: str = "", commands: Sequence[str] = (),
                 metrics: str = "") -> RunDescription:
  """Names the run, its sample, the versions and each stage's settings.

  Args:
    run: the run.
    results: what was evaluated.
    bootstrap: how errors are estimated.
    weights: file of the weights of galaxies; "" where all weigh the same.
    commands: `commands_of` the run.
    metrics: file of its metrics, which the page is to hold; "" for none.
  """
  survey, flags, data_set = run.survey, run.last.test.ancil.get("flags"), run.last.data_set
  facts = {
      "Data set": data_set.in_words() if data_set else
                  f"{run_name(run.last.data_dir)}, which cannot be read any more",
      **({"Training galaxies": _training(run, data_set)} if data_set else {}),
      "Test galaxies": _galaxies(results) + (
          f", weighted by {os.path.basename(weights)}" if weights else ""),
      **({} if flags is None else {"Outside of the training": count_flags(flags)}),
      "Survey": f"{survey.name}: {survey.bins} redshift bins in [{survey.z_min:g}, "
                f"{survey.z_max:g}], r from {survey.r_min:g} to {survey.r_max:g} mag, "
                f"{survey.outputs} outputs",
      "Errors": f"{bootstrap.number} bootstraps, seed {bootstrap.seed}", **made_with()}
  return RunDescription(
      name=run_name(run.folder), facts=facts, origin=run.last.origin, commands=commands,
      metrics=metrics, bootstraps=bootstrap.number,
      reference=data_set.reference if data_set else "", settings={
          stage.spec.title: {"run": run_name(os.path.dirname(stage.folder)),
                             **stage_settings(stage.config),
                             "trained at revision": trained_revision(stage.folder)}
          for stage in run.stages})


def commands_of(run: EvaluatedRun, evaluation: str) -> list[str]:
  """The commands that make a run again, from the data set on, as far as they are known.

  Args:
    run: the run.
    evaluation: the command that evaluates it.
  """
  last, commands = run.last, []
  if last.manifest:
    commands.append(conversion_command(
        last.manifest, source=str(last.manifest.source.get("path", "")), output=last.data_dir))
  commands += [stage.command for stage in run.stages if stage.command]
  return [for_others(command) for command in [*commands, evaluation]]


def _training(run, data_set):
  """Their number; that of the balanced subset beside it, which Steps 2 and 3 train on."""
  balanced = [f"{stage.spec.title}: {stage.num_balanced}, nearly balanced in redshift"
              for stage in run.stages if stage.num_balanced]
  return f"{data_set.training}" + (f" ({'; '.join(balanced)})" if balanced else "")


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
