"""What a waiting person sees of a training run."""

from __future__ import annotations

import time

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
    self._last_s = time.monotonic()
    title = config.stage_spec.title
    self._shown = progress.Progress(config.iterations, title=title, unit="iterations", done=step,
                                    log_every_s=LOG_EVERY_S)
    self.examples_per_s = 0.0
    logging.info("%s: %d records, %d iterations of %d, learning rate %g", title, galaxies,
                 config.iterations, config.batch_size, config.learning_rate)

  def __enter__(self) -> Progress:
    return self

  def __exit__(self, *unused) -> None:
    self._shown.__exit__()

  def update(self, step: int, loss: float) -> None:
    """Tells that `step` iterations are done, and the loss of the last ones."""
    now_s = time.monotonic()
    # Of the latest iterations: the first ones hold the compilation.
    rate = max(1, step - self._last_step) / (now_s - self._last_s)
    self.examples_per_s = self._batch_size * rate
    self._shown.advance(
        step - self._last_step, f"loss {loss:.4f}, {self.examples_per_s:.0f} examples/s, "
        f"{1e3 / rate:.1f} ms a step", rate=rate)
    self._last_s, self._last_step = now_s, step
