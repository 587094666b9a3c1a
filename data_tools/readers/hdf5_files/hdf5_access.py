"""Opens HDF5 files and lists their datasets, where the files may be damaged or made to do harm."""

from __future__ import annotations

import errno
import math
from typing import Any, Iterator

import h5py

from pzbias_tf.guards.hdf5_locks import open_hdf5

SYSTEM_ERROR = "errno = "
"""HDF5 quotes the error of the system in its own message."""
_DEEPEST, _MOST_NAMES = 32, 100_000
_USUAL_BYTES, _LARGEST_RATIO = 1 << 30, 1000  # of announced to stored numbers


def open_file(path: str) -> h5py.File:
  """An HDF5 file, open for reading.

  Raises:
    OSError: it is locked, damaged, or no such file.
  """
  try:
    return open_hdf5(path)
  except OSError as error:
    if error.errno == errno.EAGAIN:
      raise  # locked
    raise _damaged(path, error) from error


def _damaged(path: str, error: Exception) -> OSError:
  return OSError(f"{path}: not an HDF5 file, or truncated ({error}); fetch it again")


def datasets_of(file: h5py.File, path: str) -> dict[str, h5py.Dataset]:
  """All datasets by name.

  Raises:
    OSError: the list of datasets is damaged.
    ValueError: a dataset refers to another file, which could be any file of this machine.
  """
  datasets, outside = {}, []
  try:
    for name, item in _items(file, path):
      if item is None or isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
        outside.append(name)
      elif isinstance(item, h5py.Dataset):
        datasets[name] = item
  except (KeyError, OSError, RuntimeError) as error:
    raise _damaged(path, error) from error
  if outside:
    raise ValueError(f"{path}: {outside[0]} is stored in another file; copy all data into "
                     "one file, e.g. with h5repack")
  return dict(sorted(datasets.items()))


def _items(file: h5py.File, path: str) -> Iterator[tuple[str, Any]]:
  """(name, dataset or group) of everything in a file, each group once; None for another file's.

  Raises:
    ValueError: groups are nested too deeply, or there are too many names.  HDF5's own visitor
      would crash the process.
  """
  waiting, seen, count = [("", file["/"], 0)], set(), 0
  while waiting:
    place, group, depth = waiting.pop()
    for key in group:
      name, link, count = f"{place}{key}", group.get(key, getlink=True), count + 1
      if depth > _DEEPEST or count > _MOST_NAMES:
        raise ValueError(f"{path}: groups nested deeper than {_DEEPEST}, or more than "
                         f"{_MOST_NAMES} names; name a file with images and columns alone")
      if isinstance(link, h5py.ExternalLink):
        yield name, None
        continue
      # Of a link to nothing, `get` gives None; of damage, too.
      item = group[key] if isinstance(link, h5py.HardLink) else group.get(key)
      if item is not None:
        yield name, item
      if isinstance(item, h5py.Group) and isinstance(link, h5py.HardLink):
        address = h5py.h5o.get_info(item.id).addr
        if address not in seen:
          seen.add(address)
          waiting.append((f"{name}/", item, depth + 1))


def check_stored(dataset: h5py.Dataset, path: str) -> None:
  """Refuses a dataset that announces far more numbers than the file stores.

  Raises:
    ValueError: it does.
  """
  announced = math.prod(dataset.shape) * dataset.dtype.itemsize
  if announced > _USUAL_BYTES and announced > _LARGEST_RATIO * dataset.id.get_storage_size():
    raise ValueError(f"{path}: {dataset.name} announces {announced / 1e9:.3g} GB of numbers, but "
                     f"{dataset.id.get_storage_size()} bytes are stored; write it again")
