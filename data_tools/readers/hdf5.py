"""An HDF5 file with a dataset of images and datasets of columns, read lazily.

The images are [objects, height, width, band] or [objects, band, height, width]; the
columns are one-dimensional datasets or the fields of one, or stand in --table.
"""

from __future__ import annotations

import os

import h5py
import numpy as np

from data_tools.readers.parts import columns as columns_lib
from data_tools.readers.parts import table_files
from data_tools.readers.parts.cutout_source import (
  Columns,
  CutoutSource,
  ImageError,
  Reader,
  ReaderOptions,
  with_split,
)
from pzbias_tf.survey import Survey

FILES = "one .h5 or .hdf5 file with a 4-D dataset of images and one-dimensional datasets"
REASON_DAMAGED = "image unreadable in the HDF5 file"
_SUFFIXES = (".h5", ".hdf5")
_SYSTEM_ERROR = "errno = "  # HDF5 passes on what the system said within its own words
_USUAL = ("cube", "images", "image")
_CACHE_BYTES = 1 << 26  # unpacked chunks; one chunk may hold many images


class Hdf5Images:
  """Images by row; each process opens the file for itself."""

  def __init__(self, path: str, dataset: str, *, bands_first: bool):
    self._path, self._name, self._bands_first = path, dataset, bands_first
    self._dataset: h5py.Dataset | None = None

  def __call__(self, row: int) -> np.ndarray:
    if self._dataset is None:
      self._dataset = h5py.File(self._path, "r", rdcc_nbytes=_CACHE_BYTES)[self._name]
    try:
      image = self._dataset[row]
    except OSError as error:
      if error.errno or _SYSTEM_ERROR in str(error):
        raise  # of the disk or the network
      raise ImageError(REASON_DAMAGED) from error  # a damaged chunk
    return np.moveaxis(image, 0, -1) if self._bands_first else image

  def __getstate__(self):
    return {**self.__dict__, "_dataset": None}


def matches(path: str) -> bool:
  """An HDF5 file, or a folder with one."""
  return len(_files(path)) == 1


def read(path: str, survey: Survey, options: ReaderOptions) -> CutoutSource:
  """Reads the columns; the images stay on disk.

  Raises:
    OSError: the file is missing or damaged.
    ValueError: no dataset of images, a column is missing, or lengths differ.
  """
  found = _files(path)
  if len(found) != 1:
    raise FileNotFoundError(f"{path}: {len(found) or 'no'} HDF5 files; expected {FILES}")
  with _open(found[0]) as file:
    datasets = _datasets(file, found[0])
    name = _image_dataset(datasets, options.image_dataset, found[0])
    shape = datasets[name].shape
    origin = options.table or found[0]
    table = (table_files.columns_of(options.table) if options.table
             else _columns(datasets, shape[0]))
  num = table_files.num_rows(table, origin)
  if num != shape[0]:
    raise ValueError(f"{found[0]}: {shape[0]} images in {name}, but {num} rows in {origin}")
  catalog, chosen = columns_lib.build_catalog(
      table, columns_lib.USUAL_NAMES, num, options, origin=origin)
  bands_first = shape[1] == len(survey.bands) != shape[3]
  image_shape = (*shape[2:], shape[1]) if bands_first else shape[1:]
  return CutoutSource(
      catalog=with_split(catalog), image_shape=image_shape,
      images=Hdf5Images(found[0], name, bands_first=bands_first),
      description={"path": path, "layout": "hdf5", "columns": chosen, "image_dataset": name})


def _files(path: str) -> list[str]:
  if os.path.isfile(path):
    return [path] if path.endswith(_SUFFIXES) else []
  if not os.path.isdir(path):
    return []
  return [os.path.join(path, name) for name in sorted(os.listdir(path))
          if name.endswith(_SUFFIXES)]


def _open(path: str) -> h5py.File:
  try:
    return h5py.File(path, "r")
  except OSError as error:
    raise _damaged(path, error) from error


def _damaged(path: str, error: Exception) -> OSError:
  return OSError(f"{path}: no HDF5 file, or cut short ({error}); fetch it again")


def _datasets(file: h5py.File, path: str) -> dict[str, h5py.Dataset]:
  """All datasets by name.

  Raises:
    OSError: what lists them is damaged.
    ValueError: one of them stands in another file, which could be any file at all.
  """
  found, outside = {}, []

  def visit(name: str, link) -> None:  # must not raise: it is called from C
    item = None if isinstance(link, h5py.ExternalLink) else file.get(name)
    if isinstance(link, h5py.ExternalLink) or isinstance(item, h5py.Dataset) and (
        item.external or item.is_virtual):
      outside.append(name)
    elif isinstance(item, h5py.Dataset):
      found[name] = item

  try:
    file.visititems_links(visit)
  except RuntimeError as error:
    raise _damaged(path, error) from error
  if outside:
    raise ValueError(f"{path}: {outside[0]} stands in another file; copy the data into one, "
                     "e.g. with h5repack")
  return found


def _image_dataset(datasets, wanted: str, path: str) -> str:
  cubes = [name for name, dataset in datasets.items() if dataset.ndim == 4]
  if wanted and wanted.strip("/") in cubes:
    return wanted.strip("/")
  usual = [name for name in _USUAL if name in cubes]
  if wanted or not (usual or len(cubes) == 1):
    raise ValueError(f"{path}: {f'no 4-D dataset {wanted}' if wanted else 'which images?'} The "
                     f"4-D datasets are {', '.join(cubes) or 'none at all'}; name one with "
                     "--image_dataset")
  return usual[0] if usual else cubes[0]


def _columns(datasets, num: int) -> Columns:
  """The one-dimensional datasets of as many rows as there are images, by last name."""
  columns = {}
  for name, dataset in datasets.items():
    if dataset.shape != (num,):
      continue
    values = dataset.asstr()[()] if h5py.check_string_dtype(dataset.dtype) else dataset[()]
    if values.dtype.names:
      columns.update({field: values[field] for field in values.dtype.names
                      if values[field].ndim == 1})
    else:
      columns[name.rpartition("/")[2]] = (
          values.astype(str) if values.dtype == object else values)
  return columns


READER = Reader(files=FILES, matches=matches, read=read,
                     uses=("table", "r_from_image", "image_dataset"))
