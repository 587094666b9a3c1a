"""What a waiting person sees of a training run."""

from __future__ import annotations

import dataclasses
import time
from typing import Mapping

from absl import logging

from pzbias_tf import progress
from pzbias_tf.training.config import TrainConfig

LOG_EVERY_S = 15.0


class Progress:
  """Iterations, loss, examples/s, step time and ETA of one training run.

  Args:
    config: gives the stage, iterations and batch.
    step: iterations that are done already.
    galaxies: training records, for the opening line.
  """

  def __init__(self, config: TrainConfig, step: int, galaxies: int):
    self._batch_size, self._last_step = config.batch_size, step
    self._last_s, self._compiled = time.monotonic(), False
    self._since_log, self._after_first = _Sums(), _Sums()
    title = config.stage_spec.title
    self._shown = progress.Progress(config.iterations, title=title, unit="iterations", done=step,
                                    log_every_s=LOG_EVERY_S)
    logging.info("%s: %d records, %d iterations of %d, learning rate %g", title, galaxies,
                 config.iterations, config.batch_size, config.learning_rate)

  def __enter__(self) -> Progress:
    return self

  def __exit__(self, *unused) -> None:
    self._shown.__exit__()

  def update(self, step: int, losses: Mapping[str, float], waiting: float) -> None:
    """Tells that `step` iterations are done.

    Args:
      step: number of the last one.
      losses: "loss", the mean loss of those since the last call, and perhaps parts of it.
      waiting: share of their time that was spent waiting for input.
    """
    now_s = time.monotonic()
    steps, took_s = step - self._last_step, now_s - self._last_s
    # Of the latest iterations: the first ones hold the compilation.
    rate = max(1, steps) / took_s
    self._since_log.add(steps, losses, took_s, waiting)
    if self._compiled:
      self._after_first.add(steps, losses, took_s, waiting)
    self._compiled = True
    self._shown.advance(
        steps, f"loss {losses['loss']:.4f}, {self._batch_size * rate:.0f} examples/s, "
        f"{1e3 / rate:.1f} ms a step, {100 * waiting:.0f}% of it waiting for input", rate=rate)
    self._last_s, self._last_step = now_s, step

  @property
  def step_time_s(self) -> float:
    """Mean time of an iteration, without those of the first call, which compiles; NaN for none."""
    sums = self._after_first
    return sums.time_s / sums.steps if sums.steps else float("nan")

  def since_last_log(self) -> dict[str, float]:
    """Means since this was last asked: losses, examples_per_s, share_waiting_for_input."""
    sums, self._since_log = self._since_log, _Sums()
    return {**{name: loss / sums.steps for name, loss in sums.losses.items()},
            "examples_per_s": self._batch_size * sums.steps / sums.time_s,
            "share_waiting_for_input": sums.waited_s / sums.time_s}


@dataclasses.dataclass
class _Sums:
  """Steps and sums over them."""

  steps: int = 0
  losses: dict[str, float] = dataclasses.field(default_factory=dict)
  time_s: float = 0.0
  waited_s: float = 0.0

  def add(self, steps, losses, time_s, waiting):
    """Adds the means of some steps."""
    self.steps += steps
    for name, loss in losses.items():
      self.losses[name] = self.losses.get(name, 0.0) + loss * steps
    self.time_s += time_s
    self.waited_s += waiting * time_s
