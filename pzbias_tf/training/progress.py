"""What a waiting person sees: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import dataclasses
import sys
import time

from absl import logging
import tqdm

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
    self._config, self._last_step = config, step
    self._last_time = self._last_log = time.monotonic()
    self._since_log = _Sums()
    self._bar = tqdm.tqdm(total=config.iterations, initial=step, desc=config.stage_spec.title,
                          unit="it", disable=not sys.stderr.isatty())
    logging.info("%s: %d records, %d iterations of %d, learning rate %g", config.stage_spec.title,
                 galaxies, config.iterations, config.batch_size, config.learning_rate)

  def __enter__(self) -> Progress:
    return self

  def __exit__(self, *unused) -> None:
    self._bar.close()

  def update(self, step: int, loss: float, waiting: float) -> None:
    """Tells that `step` iterations are done.

    Args:
      step: number of the last one.
      loss: mean loss of those since the last call.
      waiting: share of their time that was spent waiting for input.
    """
    now = time.monotonic()
    steps, took_s = step - self._last_step, now - self._last_time
    # Of the latest iterations: the first ones hold the compilation.
    step_time_s = took_s / max(1, steps)
    self._last_time, self._last_step = now, step
    self._since_log.add(steps, loss, took_s, waiting)
    self._bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
    self._bar.update(step - self._bar.n)
    finished = step == self._config.iterations
    if self._bar.disable and (finished or now - self._last_log > LOG_EVERY_S):
      self._last_log = now
      logging.info("%s: iteration %d of %d, loss %.4f, %.0f examples/s, %.1f ms a step "
                   "(%.0f%% waiting for input), ETA %.0f s", self._config.stage_spec.title, step,
                   self._config.iterations, loss, self._config.batch_size / step_time_s,
                   1e3 * step_time_s, 100 * waiting,
                   step_time_s * (self._config.iterations - step))

  def since_last_log(self) -> dict[str, float]:
    """Means since this was last asked: loss, examples_per_s, share_waiting_for_input."""
    sums, self._since_log = self._since_log, _Sums()
    return {"loss": sums.loss / sums.steps,
            "examples_per_s": self._config.batch_size * sums.steps / sums.time_s,
            "share_waiting_for_input": sums.waited_s / sums.time_s}


@dataclasses.dataclass
class _Sums:
  """Steps and sums over them."""

  steps: int = 0
  loss: float = 0.0
  time_s: float = 0.0
  waited_s: float = 0.0

  def add(self, steps, loss, time_s, waiting):
    """Adds the means of some steps."""
    self.steps += steps
    self.loss += loss * steps
    self.time_s += time_s
    self.waited_s += waiting * time_s
