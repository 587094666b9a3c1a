"""Progress of long work: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import contextlib
import logging as standard_logging
import sys
import time
from typing import Iterator

from absl import logging
import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

_SHAPE = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{remaining}, {rate_fmt}{postfix}]"
_SHORTEST = 8  # characters of the bar itself


def short(number: float) -> str:
  """Four digits or all of a larger number, never an exponent of ten."""
  return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.4g}"


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
                          bar_format=_SHAPE, dynamic_ncols=True, disable=not sys.stderr.isatty())
    self._logs = contextlib.ExitStack()
    if not self._bar.disable:
      self._logs.enter_context(_logs_above_bars())

  def __enter__(self) -> Progress:
    return self

  def __exit__(self, *unused) -> None:
    self._bar.close()
    self._logs.close()

  def advance(self, count: int, words: str = "", *, rate: float | None = None) -> None:
    """Reports `count` further units as done.

    Args:
      count: number of units.
      words: text to show beside the progress, in parts separated by commas; on a narrow
        terminal the last ones are left out.
      rate: units per second for the log line; None takes the mean since the start.
    """
    self._done += count
    if not self._bar.disable:
      self._bar.set_postfix_str(self._fitting(words), refresh=False)
    self._bar.update(count)
    now_s = time.monotonic()
    if self._bar.disable and (self._done >= self._total
                              or now_s - self._last_log_s > self._log_every_s):
      self._last_log_s = now_s
      self._log(words, rate or (self._done - self._first) / max(now_s - self._start_s, 1e-9))

  def _log(self, words, rate):
    left_s = (self._total - self._done) / rate if rate else float("inf")
    logging.info("%s: %d of %d %s, %s/s%s, ETA %.0f s", self._title, self._done, self._total,
                 self._unit, short(rate), f", {words}" if words else "", left_s)

  def _fitting(self, words):
    """As many parts of the words as leave room for the bar."""
    state = self._bar.format_dict
    if not state["ncols"]:
      return words
    shape = _SHAPE.replace("{bar}", " " * _SHORTEST)
    others = self._bar.format_meter(**{**state, "ncols": None, "postfix": "", "bar_format": shape})
    kept: list[str] = []
    for part in words.split(", "):
      if len(", ".join([others, *kept, part])) > state["ncols"]:
        break
      kept.append(part)
    return ", ".join(kept)


@contextlib.contextmanager
def _logs_above_bars() -> Iterator[None]:
  """Writes log lines above the bars that are shown, in absl's format."""
  root = standard_logging.getLogger()
  handlers = root.handlers
  # absl hides its stream handler, which tqdm has to find, inside of another one.
  root.handlers = [getattr(handler, "python_handler", handler) for handler in handlers]
  loggers = [logger for logger in (root, standard_logging.getLogger("tensorflow"))
             if logger.handlers]
  try:
    with logging_redirect_tqdm(loggers):
      yield
  finally:
    root.handlers = handlers
