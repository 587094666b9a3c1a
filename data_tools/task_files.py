"""Tasks as files: a cluster's workers fetch their own, so the plan needs no room in a pipeline."""

from __future__ import annotations

import dataclasses
import io
import os
from typing import Any, Mapping

import numpy as np

from data_tools.conversion.shard_writer import ShardTask
from pzbias_tf import storage

SHARED = ("folder", "images", "rules", "dtype", "divisor", "compression")
"""What all tasks of a conversion have in common; it is not in the files."""

_FOLDER = "tasks"
_ARRAYS = ("rows", "elements", "ids", "z_spec", "r_mag", "ebv")


def save(task: ShardTask) -> str:
  """Writes a task beside the shard that it is for; returns the file."""
  folder = os.path.join(task.folder, _FOLDER)
  storage.make_folders(folder)
  path = os.path.join(folder, f"{task.name}.npz")
  own = {field.name: getattr(task, field.name) for field in dataclasses.fields(task)
         if field.name not in SHARED}
  with storage.whole_file(path) as hidden, open(hidden, "wb") as file:
    np.savez(file, **own)
  return path


def load(path: str, shared: Mapping[str, Any]) -> ShardTask:
  """Reads a task.

  Args:
    path: a file of `save`.
    shared: the fields of `SHARED`.
  """
  with np.load(io.BytesIO(storage.read_bytes(path)), allow_pickle=False) as file:
    own = {name: file[name] for name in file.files}
  words = {name: value.tolist() for name, value in own.items() if name not in _ARRAYS}
  return ShardTask(**{**own, **words, "left_out": tuple(words["left_out"])}, **shared)
