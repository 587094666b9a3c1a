"""Shards written by the workers of an Apache Beam runner, in place of local processes.

The pipeline does for each shard what a local process does, on a file system that all
workers share.  What became of a shard stands beside it, and is read back from there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import os
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

try:
  import apache_beam as beam
except ImportError as import_error:
  raise ValueError("--runner needs Apache Beam: pip install '.[beam]'") from import_error
from apache_beam.options.pipeline_options import PipelineOptions

from data_tools.conversion import resume
from data_tools.conversion.shard_writer import ShardResult, ShardTask
from pzbias_tf import storage

SHARED = ("folder", "images", "rules", "dtype", "divisor", "compression")
"""What all tasks of a conversion have in common; it is not in the files."""

_FOLDER = "tasks"
_ARRAYS = ("rows", "elements", "ids", "z_spec", "r_mag", "ebv")


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
      shared = {name: getattr(task, name) for name in SHARED}
      places.append((task.folder, task.name))
      paths.append(save_task(task))
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
    self._function(load_task(path, self._shared))


def save_task(task: ShardTask) -> str:
  """Writes a task beside the shard that it is for; returns the file."""
  folder = os.path.join(task.folder, _FOLDER)
  storage.make_folders(folder)
  path = os.path.join(folder, f"{task.name}.npz")
  own = {field.name: getattr(task, field.name) for field in dataclasses.fields(task)
         if field.name not in SHARED}
  with storage.whole_file(path) as hidden, open(hidden, "wb") as file:
    np.savez(file, **own)
  return path


def load_task(path: str, shared: Mapping[str, Any]) -> ShardTask:
  """Reads a task.

  Args:
    path: a file of `save_task`.
    shared: the fields of `SHARED`.
  """
  with np.load(io.BytesIO(storage.read_bytes(path)), allow_pickle=False) as file:
    own = {name: file[name] for name in file.files}
  words = {name: value.tolist() for name, value in own.items() if name not in _ARRAYS}
  return ShardTask(**{**own, **words, "left_out": tuple(words["left_out"])}, **shared)
