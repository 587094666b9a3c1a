"""Interleaved timings: where others use the machine too, ratios need measurements side by side."""

from __future__ import annotations

import dataclasses
import time
from typing import Callable, Mapping


@dataclasses.dataclass(frozen=True)
class Timing:
  """The fastest of some measurements of one thing.

  Attributes:
    time_s: seconds by the clock.
    cpu_s: seconds of processor time, over all threads of this process.
  """

  time_s: float
  cpu_s: float

  def __str__(self) -> str:
    return f"{1e3 * self.time_s:8.2f} ms ({1e3 * self.cpu_s:8.2f} ms of processor time)"


def interleaved(todo: Mapping[str, Callable[[int], object]], *, repeats: int,
                block_s: float = 0.3) -> dict[str, Timing]:
  """Times several things in turns, and keeps the fastest of each.

  Args:
    todo: functions of how many times to do it.
    repeats: rounds.
    block_s: about how long one measurement lasts.

  Returns:
    Time of doing it once, by name.
  """
  counts = {}
  for name, do in todo.items():
    do(1)  # traces and warms up
    counts[name] = max(1, round(block_s / max(1e-6, _measure(do, 1).time_s)))
  rounds = [{name: _measure(do, counts[name]) for name, do in todo.items()}
            for _ in range(repeats)]
  return {name: Timing(min(r[name].time_s for r in rounds), min(r[name].cpu_s for r in rounds))
          for name in todo}


def _measure(do, count):
  start_s, start_cpu_s = time.perf_counter(), time.process_time()
  do(count)
  return Timing((time.perf_counter() - start_s) / count,
                (time.process_time() - start_cpu_s) / count)
