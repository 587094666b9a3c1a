"""What a waiting person sees: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

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
    self._bar = tqdm.tqdm(total=config.iterations, initial=step, desc=config.stage_spec.title,
                          unit="it", disable=not sys.stderr.isatty())
    self.examples_per_s = 0.0
    logging.info("%s: %d records, %d iterations of %d, learning rate %g", config.stage_spec.title,
                 galaxies, config.iterations, config.batch_size, config.learning_rate)

  def __enter__(self) -> Progress:
    return self

  def __exit__(self, *unused) -> None:
    self._bar.close()

  def update(self, step: int, loss: float) -> None:
    """Tells that `step` iterations are done, and the loss of the last ones."""
    now = time.monotonic()
    # Of the latest iterations: the first ones hold the compilation.
    step_time_s = (now - self._last_time) / max(1, step - self._last_step)
    self._last_time, self._last_step = now, step
    self.examples_per_s = self._config.batch_size / step_time_s
    self._bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
    self._bar.update(step - self._bar.n)
    finished = step == self._config.iterations
    if self._bar.disable and (finished or now - self._last_log > LOG_EVERY_S):
      self._last_log = now
      logging.info("%s: iteration %d of %d, loss %.4f, %.0f examples/s, %.1f ms a step, ETA %.0f s",
                   self._config.stage_spec.title, step, self._config.iterations, loss,
                   self.examples_per_s, 1e3 * step_time_s,
                   step_time_s * (self._config.iterations - step))
