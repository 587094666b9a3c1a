"""Progress of long work: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import sys
import time

from absl import logging
import tqdm


class Progress:
  """Shows how much of a long piece of work is done, its speed, and the time left.

  Args:
    total: number of units to do.
    title: what is being done.
    unit: name of the units, in the plural.
    done: units that were done before.
    log_every_s: seconds between log lines, where there is no terminal.
  """

  def __init__(self, total: int, *, title: str, unit: str, done: int = 0,
               log_every_s: float = 10.0):
    self._total, self._title, self._unit = total, title, unit
    self._first = self._done = done
    self._log_every_s = log_every_s
    self._start_s = self._last_log_s = time.monotonic()
    self._bar = tqdm.tqdm(total=total, initial=done, desc=title, unit=f" {unit}",
                          disable=not sys.stderr.isatty())

  def __enter__(self) -> Progress:
    return self

  def __exit__(self, *unused) -> None:
    self._bar.close()

  def advance(self, count: int, words: str = "", *, rate: float | None = None) -> None:
    """Reports `count` further units as done.

    Args:
      count: number of units.
      words: text to show beside the progress.
      rate: units per second for the log line; None takes the mean since the start.
    """
    self._done += count
    self._bar.set_postfix_str(words, refresh=False)
    self._bar.update(count)
    now_s = time.monotonic()
    if self._bar.disable and (self._done >= self._total
                              or now_s - self._last_log_s > self._log_every_s):
      self._last_log_s = now_s
      self._log(words, rate or (self._done - self._first) / max(now_s - self._start_s, 1e-9))

  def _log(self, words, rate):
    left_s = (self._total - self._done) / rate if rate else float("inf")
    logging.info("%s: %d of %d %s, %.4g/s%s, ETA %.0f s", self._title, self._done, self._total,
                 self._unit, rate, f", {words}" if words else "", left_s)
