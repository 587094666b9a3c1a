"""Shards written by the workers of an Apache Beam runner instead of local processes.

For each shard, the pipeline does what a local process does, on a file system that all
workers share.  A task travels as a file beside its shard; its result is the progress file
that the worker leaves there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from data_tools.conversion import resume
from data_tools.conversion.executors import pipelines
from data_tools.conversion.shard_writer import ShardResult, ShardTask
from pzbias_tf import storage

SHARED_FIELDS = ("folder", "images", "rules", "dtype", "divisor", "compression")
"""Fields of a task that all tasks of a conversion share; they are not in the task files."""

_ARRAY_FIELDS = ("rows", "elements", "ids", "z_spec", "r_mag", "ebv")
_TASK_FOLDER = "tasks"


@contextlib.contextmanager
def beam_map(runner: str, num_workers: int, options: Sequence[str]) -> Iterator[Callable]:
  """Yields an ordered map of a function of `resume` over a runner's workers.

  The function is `resume.write_unless_finished` or `resume.rewrite`.

  Args:
    runner: name of the runner.
    num_workers: processes of the DirectRunner.
    options: further options of the pipeline, e.g. "flink_master=host:8081".

  Raises:
    OSError: the pipeline failed while the map was used.
  """
  pipeline_options = pipelines.options_for(runner, num_workers, options)

  def mapper(function: Callable, tasks: Iterable[ShardTask]) -> Iterator[ShardResult]:
    shared, places, paths = {}, [], []
    for task in tasks:
      shared = {name: getattr(task, name) for name in SHARED_FIELDS}
      places.append((task.folder, task.name))
      paths.append(save_task(task))
    run_pipeline(function, paths, shared, pipeline_options)
    yield from (resume.read_progress(*place) for place in places)

  yield mapper


def run_pipeline(function: Callable, paths: Sequence[str], shared: Mapping[str, Any],
                 options: pipelines.PipelineOptions) -> None:
  """Calls a function with each task, spread over all workers.

  Args:
    function: takes a `ShardTask`.
    paths: the files of the tasks.
    shared: the tasks' `SHARED_FIELDS`.
    options: options of the pipeline.
  """
  pipelines.run(_RunTask(function, shared), paths, options)


class _RunTask:
  """Calls a function with the task of a file."""

  def __init__(self, function: Callable, shared: Mapping[str, Any]):
    self._function, self._shared = function, shared

  def __call__(self, path: str) -> None:
    self._function(load_task(path, self._shared))


def save_task(task: ShardTask) -> str:
  """Writes a task, without its shared fields, to a file beside its shard; returns the path."""
  folder = os.path.join(task.folder, _TASK_FOLDER)
  storage.make_folders(folder)
  path = os.path.join(folder, f"{task.name}.npz")
  own = {field.name: getattr(task, field.name) for field in dataclasses.fields(task)
         if field.name not in SHARED_FIELDS}
  with storage.whole_file(path) as hidden, open(hidden, "wb") as file:
    np.savez(file, **own)
  return path


def load_task(path: str, shared: Mapping[str, Any]) -> ShardTask:
  """Reads a task.

  Args:
    path: a file of `save_task`.
    shared: the task's `SHARED_FIELDS`.
  """
  with np.load(io.BytesIO(storage.read_bytes(path)), allow_pickle=False) as file:
    own = {name: file[name] for name in file.files}
  plain = {name: value.tolist() for name, value in own.items() if name not in _ARRAY_FIELDS}
  return ShardTask(**{**own, **plain, "left_out": tuple(plain["left_out"])}, **shared)
