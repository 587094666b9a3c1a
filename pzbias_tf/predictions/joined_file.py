"""The predictions of several shards, joined into one file while further shards are predicted."""

from __future__ import annotations

import contextlib
import os
from typing import Iterator, Mapping

import h5py
import numpy as np

from pzbias_tf.files import flush_folder, whole_file
from pzbias_tf.guards import hdf5_files
from pzbias_tf.guards.hdf5_locks import open_hdf5
from pzbias_tf.predictions.predictions_file import (
  PREDICT_AGAIN,
  GrowingDataset,
  without_room,
  write_columns,
)

NAME = "joined"
"""Of the file in its folder, until it is complete."""

_PIECE_BYTES = 8 << 20  # copied at a time


class JoinedFile:
  """Predictions files of the same kind, joined one by one.

  Args:
    file: empty, open for writing.
    num: number of galaxies of all files.
  """

  def __init__(self, file: h5py.File, num: int):
    self._file, self._num = file, num
    self._data: dict[str, GrowingDataset] = {}
    self._columns: list[Mapping[str, np.ndarray]] = []

  def add(self, path: str, columns: Mapping[str, np.ndarray]) -> None:
    """Appends the next file.

    Args:
      path: the file; p(z) is copied from it.
      columns: its columns of `ancil`, which are kept until all files have come.
    """
    with hdf5_files.opened(path, PREDICT_AGAIN) as part:
      if not self._columns:
        self._begin(part)
      for name, dataset in self._data.items():
        _copy(part[name], dataset)
    self._columns.append(columns)

  def columns(self) -> dict[str, np.ndarray]:
    """The columns of all files that have come."""
    return {name: without_room(np.concatenate([part[name] for part in self._columns]))
            for name in self._columns[0]}

  def finish(self, columns: Mapping[str, np.ndarray]) -> None:
    """Completes the file with the columns of all galaxies."""
    for dataset in self._data.values():
      dataset.seal()
    write_columns(self._file, columns)

  def _begin(self, part):
    """Takes over what all files have in common, and makes room for p(z)."""
    self._file.attrs.update(part.attrs)
    if "meta" in part:
      part.copy("meta", self._file)
    self._data = {f"data/{name}": GrowingDataset(
        self._file, f"data/{name}", (self._num, *values.shape[1:]), values.dtype)
                  for name, values in part.get("data", {}).items()}


@contextlib.contextmanager
def joined_file(path: str, folder: str, num: int) -> Iterator[JoinedFile]:
  """A file to join others into; it appears at `path` at the end, whole or not at all.

  Args:
    path: the file.
    folder: a folder on the same file system, which holds it until it is complete.
    num: number of galaxies of all files.
  """
  complete = os.path.join(folder, NAME)
  with whole_file(complete) as hidden, open_hdf5(hidden, "w") as file:
    yield JoinedFile(file, num)
  os.replace(complete, path)
  flush_folder(os.path.dirname(path))


def _copy(values, dataset):
  """Copies rows piece by piece, in little memory."""
  step = max(1, _PIECE_BYTES // max(1, values.dtype.itemsize * int(np.prod(values.shape[1:]))))
  for start in range(0, len(values), step):
    dataset.append(values[start:start + step])
