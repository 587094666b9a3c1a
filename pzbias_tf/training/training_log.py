"""What a training reports: progress, loss and rates; and the time of an iteration, once done.

That time is kept in the stage's folder, for plans of other runs.
"""

from __future__ import annotations

import dataclasses
import math
import os
import time
from typing import Mapping

from absl import logging

from pzbias_tf.guards import json_files
from pzbias_tf.progress import Progress
from pzbias_tf.training.config import TrainConfig
from pzbias_tf.training.run_folder import TIMING

LOG_EVERY_S = 15.0


class TrainingLog:
  """Iterations, loss, examples/s, step time and ETA while a stage trains.

  Args:
    config: gives the stage, its iterations and batch size.
    step: number of iterations already done.
    galaxies: number of training records, for the first line.
  """

  def __init__(self, config: TrainConfig, step: int, galaxies: int):
    self._batch_size, self._last_step = config.batch_size, step
    self._last_s, self._compiled = time.monotonic(), False
    self._since_log, self._after_first = _Sums(), _Sums()
    title = config.stage_spec.title
    self._progress = Progress(config.iterations, title=title, unit="iterations", done=step,
                              log_every_s=LOG_EVERY_S)
    logging.info("%s: %d records, %d iterations with batches of %d, learning rate %g", title,
                 galaxies, config.iterations, config.batch_size, config.learning_rate)

  def __enter__(self) -> TrainingLog:
    return self

  def __exit__(self, *unused) -> None:
    self._progress.__exit__()

  def update(self, step: int, losses: Mapping[str, float], waiting: float) -> None:
    """Reports that `step` iterations are done.

    Args:
      step: the number of iterations done.
      losses: "loss", the mean loss since the last update, and its parts where there are several.
      waiting: share of the time since then that was spent waiting for input.
    """
    now_s = time.monotonic()
    steps, took_s = step - self._last_step, now_s - self._last_s
    # Of the latest iterations alone: the first ones include the compilation.
    rate = max(1, steps) / took_s
    self._since_log.add(steps, losses, took_s, waiting)
    if self._compiled:
      self._after_first.add(steps, losses, took_s, waiting)
    self._compiled = True
    self._progress.advance(
        steps, f"loss {losses['loss']:.4f}, {self._batch_size * rate:.0f} examples/s, "
        f"{1e3 / rate:.1f} ms per step, {100 * waiting:.0f}% of it waiting for input", rate=rate)
    self._last_s, self._last_step = now_s, step

  @property
  def step_time_s(self) -> float:
    """Mean time of an iteration after the first update, which includes compilation; else NaN."""
    sums = self._after_first
    return sums.time_s / sums.steps if sums.steps else float("nan")

  def since_last_log(self) -> dict[str, float]:
    """Means since the last call: losses, examples_per_s, share_waiting_for_input."""
    sums, self._since_log = self._since_log, _Sums()
    return {**{name: loss / sums.steps for name, loss in sums.losses.items()},
            "examples_per_s": self._batch_size * sums.steps / sums.time_s,
            "share_waiting_for_input": sums.waited_s / sums.time_s}


@dataclasses.dataclass
class _Sums:
  """A number of steps, and sums over them."""

  steps: int = 0
  losses: dict[str, float] = dataclasses.field(default_factory=dict)
  time_s: float = 0.0
  waited_s: float = 0.0

  def add(self, steps, losses, time_s, waiting):
    """Adds some steps, given their mean losses, total time and share of waiting."""
    self.steps += steps
    for name, loss in losses.items():
      self.losses[name] = self.losses.get(name, 0.0) + loss * steps
    self.time_s += time_s
    self.waited_s += waiting * time_s


def timing_kind(stage: str, net: int, image_size: int, batch_size: int, bins: int) -> str:
  """A name shared by all stages whose iterations take the same time on one machine."""
  return f"{stage} net{net} {image_size}pixels batch{batch_size} bins{bins}"


def save_timing(config: TrainConfig, stage_dir: str, step_time_s: float) -> None:
  """Writes how long an iteration of a stage took; nothing where that is not known (NaN)."""
  if not math.isfinite(step_time_s):
    return
  kind = timing_kind(config.stage, config.net, config.image_size, config.batch_size,
                     config.survey.bins)
  json_files.write(os.path.join(stage_dir, TIMING), {"kind": kind, "step_time_s": step_time_s})


def load_timing(path: str) -> tuple[str, float]:
  """Kind of a stage's iterations, and the time of one, s, from a file of `save_timing`.

  Raises:
    OSError: it cannot be read.
    ValueError: it holds something else.
  """
  fields = json_files.read(path, {"kind": str, "step_time_s": float},
                           f"{path}: damaged ({{problem}}); delete it")
  return fields["kind"], fields["step_time_s"]
