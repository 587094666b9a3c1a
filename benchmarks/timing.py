"""Interleaved timings: on a shared machine, only measurements side by side give fair ratios."""

from __future__ import annotations

import dataclasses
import time
from typing import Callable, Mapping


@dataclasses.dataclass(frozen=True)
class Timing:
  """Times of one task: the smallest of several measurements each.

  Attributes:
    time_s: seconds by the clock.
    cpu_s: seconds of processor time, summed over all threads of this process.
  """

  time_s: float
  cpu_s: float

  def __str__(self) -> str:
    return f"{1e3 * self.time_s:8.2f} ms ({1e3 * self.cpu_s:8.2f} ms of processor time)"


def interleaved(todo: Mapping[str, Callable[[int], object]], *, repeats: int,
                block_s: float = 0.3) -> dict[str, Timing]:
  """Times several tasks in turns, and keeps the smallest times of each.

  Args:
    todo: {name of the task: function that does it so many times}.
    repeats: number of rounds.
    block_s: approximate seconds per measurement.

  Returns:
    {name of the task: time of doing it once}.
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
