"""The door for HDF5 files of this package: each dataset has the SHA-256 of its values.

Files of older versions have none, and neither have those of others: they are read without this
check.  A file that points into other files is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import Any, Iterator

import h5py
import numpy as np

from pzbias_tf.guards import json_files, plain_files

_DIGEST = "sha256"


class ValuesDigest:
  """SHA-256 of an array that comes in parts along its first axis.

  Args:
    dtype: type of the stored values.
    shape: shape of the whole array.
  """

  def __init__(self, dtype: np.dtype, shape: tuple[int, ...]):
    self._dtype = np.dtype(dtype)
    self._digest = hashlib.sha256(repr((self._dtype.str, tuple(map(int, shape)))).encode())

  def update(self, values: np.ndarray) -> None:
    """Adds the next part."""
    self._digest.update(np.ascontiguousarray(values, self._dtype).data.cast("B")
                        if np.size(values) else b"")

  def seal(self, dataset: h5py.Dataset) -> None:
    """Writes the digest to the dataset, which is complete."""
    dataset.attrs[_DIGEST] = self._digest.hexdigest()

  def matches(self, dataset: h5py.Dataset) -> bool:
    """Whether the dataset has this digest, or none."""
    return dataset.attrs.get(_DIGEST, self._digest.hexdigest()) == self._digest.hexdigest()


def write(file: h5py.Group, name: str, values: np.ndarray) -> None:
  """Writes an array with its digest."""
  values = np.asarray(values)
  file[name] = values
  _digest_of(values).seal(file[name])


def read(file: h5py.Group, name: str) -> np.ndarray:
  """Reads an array and checks its digest.

  Raises:
    KeyError: there is none of that name.
    ValueError: it has changed since it was written, or lies in another file.
  """
  dataset = own_dataset(file, name)
  values = dataset[()]
  if _DIGEST in dataset.attrs and not _digest_of(values).matches(dataset):
    raise json_files.changed(file.file.filename)
  return values


def own_dataset(file: h5py.Group, name: str) -> h5py.Dataset:
  """A dataset that is stored in the file itself.

  Raises:
    KeyError: there is none of that name.
    ValueError: it lies in another file, or is no dataset.
  """
  path = file.file.filename
  place = file
  for part in name.split("/"):
    link = place.get(part, getlink=True)
    if isinstance(link, (h5py.ExternalLink, h5py.SoftLink)):
      raise ValueError(f"{path}: {name} points elsewhere; name a file that holds its own numbers")
    place = place[part]
  if not isinstance(place, h5py.Dataset) or place.external or place.is_virtual:
    raise ValueError(f"{path}: {name} is no table of numbers in the file itself")
  return place


@contextlib.contextmanager
def opened(path: str | os.PathLike, remedy: str) -> Iterator[h5py.File]:
  """Opens a file of this package for reading.

  Args:
    path: the file.
    remedy: what to do about a damaged one.

  Raises:
    FileNotFoundError: there is no such file.
    OSError: it is damaged, locked, or no HDF5 file.
  """
  path = os.fspath(path)
  plain_files.check(path)
  if not os.path.exists(path):
    raise FileNotFoundError(f"{path} is missing; {remedy}")
  try:
    with h5py.File(path, "r") as file:
      yield file
  except BlockingIOError as error:
    raise OSError(f"{path} is locked: another program writes to it. Wait for it, or set "
                  "HDF5_USE_FILE_LOCKING=FALSE if none does") from error
  except (RuntimeError, OSError) as error:  # what HDF5 says of damage
    if isinstance(error, FileNotFoundError) or str(error).startswith(path):
      raise
    raise OSError(f"{path}: damaged ({error}); {remedy}") from error


def seal(path: str) -> None:
  """Gives every dataset of a file the digest of what it holds now.

  Raises:
    OSError: it is no HDF5 file.
  """
  def renew(_: str, item: Any) -> None:
    if isinstance(item, h5py.Dataset):
      _digest_of(item[()]).seal(item)

  with h5py.File(path, "r+") as file:
    file.visititems(renew)


def _digest_of(values):
  values = np.asarray(values)
  digest = ValuesDigest(values.dtype, values.shape)
  digest.update(values)
  return digest
