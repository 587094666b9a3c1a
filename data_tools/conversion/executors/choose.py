"""Who writes the shards: this process, processes of this machine, or a cluster."""

from __future__ import annotations

import contextlib
from typing import Callable, Sequence

from data_tools.conversion.executors import local

RUNNERS = ("DirectRunner", "FlinkRunner", "SparkRunner", "DataflowRunner")
"""Runners of Apache Beam."""


def shard_map(num_workers: int, runner: str = "",
              options: Sequence[str] = ()) -> contextlib.AbstractContextManager[Callable]:
  """An ordered map over shard tasks, as a context.

  Args:
    num_workers: processes of this machine.
    runner: one of `RUNNERS`, or "" for no Beam.
    options: options of the Beam pipeline, e.g. "flink_master=host:8081".

  Raises:
    ValueError: Beam is wanted and not installed.
  """
  if not runner:
    return local.worker_map(num_workers)
  from data_tools.conversion.executors import beam  # an extra that others need not have

  return beam.beam_map(runner, num_workers, options)
