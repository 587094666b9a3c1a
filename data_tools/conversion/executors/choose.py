"""Chooses what runs the shard tasks: this process, several local processes, or a cluster."""

from __future__ import annotations

import contextlib
from typing import Callable, Sequence

from data_tools.conversion.executors import local

RUNNERS = ("DirectRunner", "FlinkRunner", "SparkRunner", "DataflowRunner")
"""Runners of Apache Beam."""


def shard_map(num_workers: int, runner: str = "",
              options: Sequence[str] = ()) -> contextlib.AbstractContextManager[Callable]:
  """A context manager that yields an ordered map over shard tasks.

  Args:
    num_workers: number of processes.
    runner: one of `RUNNERS`, or "" for local processes without Beam.
    options: options of the Beam pipeline, e.g. "flink_master=host:8081".

  Raises:
    ValueError: a runner is named, but Beam is not installed.
  """
  if not runner:
    return local.worker_map(num_workers)
  from data_tools.conversion.executors import beam  # an optional dependency

  return beam.beam_map(runner, num_workers, options)
