"""`train.main --dry_run`: the settings and where each comes from, the folder, data and time."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import tensorflow as tf

from pzbias_tf.choices import NETWORKS
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.manifest import SPLITS
from pzbias_tf.models.representation import network_name
from pzbias_tf.training.checkpoints import StageFiles
from pzbias_tf.training.config import TrainConfig
from pzbias_tf.training.run_folder import is_stage
from pzbias_tf.training.training_log import timing_kind
from train.flags import Request
from train.plan import timed
from train.settings import chosen_columns, of_photometry, what_the_stage_uses, with_origins
from train.variants import Variant, find_inputs

_NOT_SETTINGS = ("stage", "given", "dry_run", "testphase")  # of a request
_CPU_NETWORKS = ("Net_Q", "Net_C")
_CPU_PIXELS = 32
_CPU_FLAGS = "--net=net_q --image_size=16 --input_scaling=sqrt_whitened --batch_size=64"


def describe(request: Request, variant: Variant, data: Dataset, stage_dir: str) -> str:
  """All that is known of a stage before it trains; nothing is written.

  Args:
    request: the flags.
    variant: of `variant_of`.
    data: the data set.
    stage_dir: the stage's folder.

  Returns:
    The text that --dry_run prints.
  """
  rows = settings_table(request, data)
  widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
  settings = {name: value for name, (value, _) in with_origins(request, data).items()}
  return "\n".join([
      f"{request.stage.title} -> {stage_dir} ({_state(stage_dir)}); nothing is written",
      f"data set: {data.folder}, {_size(data)}", *_inputs(request, variant, stage_dir), "",
      *(f"  {name:{widths[0]}}  {value:{widths[1]}}  {origin}" for name, value, origin in rows), "",
      f"time: {expected_time(request, settings)}", *cpu_advice(request, settings)])


def settings_table(request: Request, data: Dataset) -> list[tuple[str, str, str]]:
  """Each setting of the stage: its name, its value, where that comes from."""
  resolved = with_origins(request, data)
  given = {word.split("=")[0].removeprefix("--") for word in request.given}
  used = what_the_stage_uses(request, {name: value for name, (value, _) in resolved.items()})
  survey = used.pop("survey", request.survey)
  rows = [("survey", survey.name, _given_by(given, "survey", "usecfht", "usecfhtd")),
          ("bins", str(survey.bins), _given_by(given, "bins", other="survey")),
          ("extra_columns", ",".join(chosen_columns(request, data)) or "none",
           _given_by(given, "extra_columns", other="data set"))]
  flags = {field.name for field in dataclasses.fields(Request)}
  for field in dataclasses.fields(TrainConfig):
    if field.name in resolved:
      value, origin = resolved[field.name]
    elif field.name in flags and field.name not in ("survey", "stage", "extra_columns"):
      value, origin = getattr(request, field.name), _given_by(given, field.name,
                                                              f"no{field.name}")
    else:
      continue
    if used.get(field.name, value) != value:
      value, origin = used[field.name], f"{request.stage.title} does not use it"
    if field.name in of_photometry(data):
      value, origin = of_photometry(data)[field.name], "photometry"
    rows.append((field.name, _text(field.name, value), origin))
  others = sorted(flags - {name for name, *_ in rows} - set(_NOT_SETTINGS))
  return rows + [(name, _text(name, getattr(request, name)),
                  _given_by(given, name, f"no{name}", other="survey" if name == "data_dir" else
                            "default")) for name in others]


def _given_by(given, *names, other="default"):
  return "flag" if given & set(names) else other


def _text(name, value: Any) -> str:
  if name == "net":
    return network_name(value)
  if isinstance(value, (tuple, list)):
    value = ",".join(map(str, value))
  return str(value) if value not in ("", None) else "none"


def _state(stage_dir):
  if os.path.exists(StageFiles(stage_dir).last):
    return "trained already"
  return "has begun: it would go on" if is_stage(stage_dir) else "new"


def _size(data):
  records = ", ".join(f"{data.manifest.records(split)} {split}" for split in SPLITS
                      if data.manifest.records(split))
  size = sum(shard.bytes for shard in data.manifest.shards)
  return f"{records or 'no records'}" + f", {size / 1e6:.1f} MB" * bool(size)


def _inputs(request, variant, stage_dir):
  """What the stage starts from, or which command makes that."""
  try:
    inputs = find_inputs(request, variant, os.path.dirname(stage_dir))
  except FileNotFoundError as error:
    return [f"missing: {error}"]
  paths = {"starts from": inputs.init_weights, "labels from": inputs.label_predictions}
  return [f"{what}: {path}" for what, path in paths.items() if path]


def expected_time(request: Request, settings: dict[str, Any]) -> str:
  """Iterations of a stage and the time that they take, as far as such a stage has been timed."""
  kind = timing_kind(request.stage.name, settings["net"], settings["image_size"],
                     settings["batch_size"], request.survey.bins)
  step_time_s = timed(kind, request.stage.name, request.workdir)
  if step_time_s is None:
    return (f"{settings['iterations']} iterations, unknown: no such stage under "
            f"{request.workdir} has been timed")
  return f"{settings['iterations']} iterations, {_words(settings['iterations'] * step_time_s)}"


def _words(seconds):
  for unit, size in (("days", 86400), ("hours", 3600), ("min", 60)):
    if seconds >= 2 * size:
      return f"{seconds / size:.1f} {unit}"
  return f"{seconds:.0f} s"


def cpu_advice(request: Request, settings: dict[str, Any]) -> list[str]:
  """Which flags suit a CPU, where there is no GPU for a schedule that wants one; else []."""
  small = (NETWORKS[settings["net"]] in _CPU_NETWORKS or settings["image_size"] <= _CPU_PIXELS)
  if small or tf.config.list_physical_devices("GPU"):
    return []
  return [f"There is no GPU, and {network_name(settings['net'])} on {settings['image_size']} x "
          f"{settings['image_size']} pixels wants one: {expected_time(request, settings)}. For a "
          f"CPU: {_CPU_FLAGS} --iterations=10000 --learning_rate=1e-3 (docs/training.md, "
          '"On a CPU")']
