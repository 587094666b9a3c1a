"""Shards written by the workers of an Apache Beam runner, in place of local processes.

The pipeline does for each shard what a local process does, on a file system that all
workers share.  What became of a shard stands beside it, and is read back from there.
"""

from __future__ import annotations

import contextlib
import logging
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

try:
  import apache_beam as beam
except ImportError as import_error:
  raise ValueError("--runner needs Apache Beam: pip install '.[beam]'") from import_error
from apache_beam.options.pipeline_options import PipelineOptions

from data_tools import task_files
from data_tools.conversion import resume
from data_tools.conversion.shard_writer import ShardResult, ShardTask


@contextlib.contextmanager
def beam_map(runner: str, num_workers: int, options: Sequence[str]) -> Iterator[Callable]:
  """An ordered map of `resume.finish_shard` or `renew_shard` over a runner's workers.

  Args:
    runner: name of the runner.
    num_workers: processes of the DirectRunner.
    options: further options of the pipeline, e.g. "flink_master=host:8081".

  Raises:
    OSError: while the map is used, the pipeline failed.
  """
  words = [f"--runner={runner}", *(f"--{option}" for option in options)]
  if runner == "DirectRunner":
    # It passes on each line of its processes, which say little, as a line of its own.
    logging.getLogger("apache_beam.runners.portability").setLevel(logging.WARNING)
    mode = "multi_processing" if num_workers > 1 else "in_memory"
    words += [f"--direct_running_mode={mode}", f"--direct_num_workers={num_workers}"]

  def mapper(function: Callable, tasks: Iterable[ShardTask]) -> Iterator[ShardResult]:
    shared, places, paths = {}, [], []
    for task in tasks:
      shared = {name: getattr(task, name) for name in task_files.SHARED}
      places.append((task.folder, task.name))
      paths.append(task_files.save(task))
    try:
      run(function, paths, shared, PipelineOptions(words))
    except RuntimeError as error:
      raise OSError(f"{runner}: the pipeline failed, the same command goes on where it ended: "
                    f"{str(error).strip().splitlines()[-1]}") from error
    yield from (resume.recorded(*place) for place in places)

  yield mapper


def run(function: Callable, paths: Sequence[str], shared: Mapping[str, Any],
        options: PipelineOptions) -> None:
  """Runs the pipeline: one element a task, spread over all workers."""
  with beam.Pipeline(options=options) as pipeline:
    _ = (pipeline | "tasks" >> beam.Create(paths) | beam.Reshuffle()
         | "write shards" >> beam.ParDo(_Shards(function, shared)))


class _Shards(beam.DoFn):
  """Does one task after another.

  Args:
    function: what is done with a task.
    shared: what all tasks have in common.
  """

  def __init__(self, function: Callable, shared: Mapping[str, Any]):
    super().__init__()
    self._function, self._shared = function, shared

  def process(self, path: str) -> None:
    self._function(task_files.load(path, self._shared))
