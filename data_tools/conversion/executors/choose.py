"""Chooses what runs the shard tasks: this process, several local processes, or a cluster."""

from __future__ import annotations

import contextlib
from typing import Callable, Sequence

from data_tools.conversion.executors import local
from data_tools.conversion.executors.runners import DASK, PORTABLE

# Without these, Beam would start workers of its own on this machine.
_NEEDED = {DASK: ("dask_client_address=tcp://HOST:8786", "dask_scheduler_file=FILE"),
           PORTABLE: ("job_endpoint=HOST:8099",)}


def shard_map(num_workers: int, runner: str = "",
              options: Sequence[str] = ()) -> contextlib.AbstractContextManager[Callable]:
  """A context manager that yields an ordered map over shard tasks.

  Args:
    num_workers: number of processes.
    runner: one of `runners.RUNNERS`, or "" for local processes without Beam.
    options: options of the Beam pipeline, e.g. "flink_master=host:8081".

  Raises:
    ValueError: a runner is named, but Beam is not installed.
  """
  if not runner:
    return local.worker_map(num_workers)
  from data_tools.conversion.executors import beam  # an optional dependency

  return beam.beam_map(runner, num_workers, options)


def check_options(runner: str, num_workers: int, options: Sequence[str]) -> None:
  """Refuses options that do not fit the runner.

  Args:
    runner, num_workers, options: as for `shard_map`.

  Raises:
    ValueError: they do not.
  """
  if options and not runner:
    raise ValueError(f"--runner_option={options[0]} needs a --runner")
  if num_workers > 1 and runner not in ("", "DirectRunner"):
    raise ValueError(f"--num_workers={num_workers}: {runner} takes its number of workers from "
                     "its cluster or its own options, e.g. --runner_option=parallelism=8")
  needed = _NEEDED.get(runner, ())
  names = {option.partition("=")[0] for option in options}
  if needed and not names & {option.partition("=")[0] for option in needed}:
    raise ValueError(f"--runner={runner} needs the address of its cluster: --runner_option="
                     + " or --runner_option=".join(needed))
