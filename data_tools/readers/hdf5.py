"""An HDF5 file with a dataset of images and datasets of columns; images are read on demand.

The images are [objects, height, width, band] or [objects, band, height, width]; the
columns are one-dimensional datasets, the fields of such a dataset, or those of --table.
"""

from __future__ import annotations

import collections
import errno
import math
import os
from typing import Any, Iterator

import h5py
import numpy as np

from data_tools.fits_headers import sky_columns
from data_tools.readers.parts import columns as columns_lib
from data_tools.readers.parts import folder_listing, table_files
from data_tools.readers.parts.cutout_source import (
  CutoutSource,
  ImageError,
  Reader,
  ReaderOptions,
  with_split,
)
from pzbias_tf.guards.hdf5_locks import open_hdf5
from pzbias_tf.survey import Survey
from pzbias_tf.tables import TableColumns
from pzbias_tf.tables.table_contents import MANY

FILES = "one .h5 or .hdf5 file with a 4-D dataset of images and one-dimensional datasets"
REASON_DAMAGED = "image unreadable in the HDF5 file"
_SUFFIXES = (".h5", ".hdf5")
_SYSTEM_ERROR = "errno = "  # HDF5 quotes the error of the system in its own message
_USUAL = ("cube", "images", "image")
_DEEPEST, _MOST_NAMES = 32, 100_000
_USUAL_BYTES, _LARGEST_RATIO = 1 << 30, 1000  # of announced to stored numbers
_CACHE_BYTES = 1 << 26  # of unpacked chunks; one chunk may hold many images


class Hdf5Images:
  """Images by row; each process opens the file itself."""

  def __init__(self, path: str, dataset: str, *, bands_first: bool):
    self._path, self._name, self._bands_first = path, dataset, bands_first
    self._dataset: h5py.Dataset | None = None

  def __call__(self, row: int) -> np.ndarray:
    if self._dataset is None:
      self._dataset = open_hdf5(self._path, rdcc_nbytes=_CACHE_BYTES)[self._name]
    try:
      image = self._dataset[row]
    except OSError as error:
      if error.errno or _SYSTEM_ERROR in str(error):
        raise  # an error of the disk or the network
      raise ImageError(REASON_DAMAGED) from error  # a damaged chunk
    return np.moveaxis(image, 0, -1) if self._bands_first else image

  def __getstate__(self):
    return {**self.__dict__, "_dataset": None}


def matches(path: str) -> bool:
  """Whether the path is an HDF5 file, or a folder with exactly one."""
  return len(_files(path)) == 1


def read(path: str, survey: Survey, options: ReaderOptions) -> CutoutSource:
  """Reads the columns; the images stay on disk.

  Raises:
    OSError: the file is missing or damaged.
    ValueError: no dataset of images, a column is missing, or lengths differ.
  """
  files = _files(path)
  if len(files) != 1:
    raise FileNotFoundError(f"{path}: {len(files) or 'no'} HDF5 files; expected {FILES}")
  [image_file] = files
  with _open(image_file) as file:
    datasets = _datasets(file, image_file)
    name = _image_dataset(datasets, options.image_dataset, image_file)
    check_stored(datasets[name], image_file)
    shape = datasets[name].shape
    origin = options.table or image_file
    table = (table_files.columns_of(options.table) if options.table
             else _columns(datasets, shape[0]))
  num = table_files.num_rows(table, origin)
  if num != shape[0]:
    raise ValueError(f"{image_file}: {shape[0]} images in {name}, but {num} rows in {origin}")
  catalog, chosen = columns_lib.build_catalog(
      table, columns_lib.USUAL_NAMES, num, options, origin=origin)
  sky_columns.correct(catalog, chosen, table, origin)
  bands_first = shape[1] == len(survey.bands) != shape[3]
  image_shape = (*shape[2:], shape[1]) if bands_first else shape[1:]
  return CutoutSource(
      catalog=with_split(catalog), image_shape=image_shape,
      images=Hdf5Images(image_file, name, bands_first=bands_first),
      description={"path": path, "layout": "hdf5", "columns": chosen, "image_dataset": name})


def _files(path: str) -> list[str]:
  if os.path.isfile(path):
    return [path] if path.endswith(_SUFFIXES) else []
  if not os.path.isdir(path):
    return []
  return [os.path.join(path, name) for name in folder_listing.listed(path)
          if name.endswith(_SUFFIXES)]


def _open(path: str) -> h5py.File:
  try:
    return open_hdf5(path)
  except OSError as error:
    if error.errno == errno.EAGAIN:
      raise  # locked
    raise _damaged(path, error) from error


def _damaged(path: str, error: Exception) -> OSError:
  return OSError(f"{path}: not an HDF5 file, or truncated ({error}); fetch it again")


def _datasets(file: h5py.File, path: str) -> dict[str, h5py.Dataset]:
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


def _image_dataset(datasets, wanted: str, path: str) -> str:
  """Name of the dataset of images: the wanted one, a usual one, or the only one."""
  cubes = [name for name, dataset in datasets.items() if dataset.ndim == 4]
  if wanted and wanted.strip("/") in cubes:
    return wanted.strip("/")
  usual = [name for name in _USUAL if name in cubes]
  if wanted or not (usual or len(cubes) == 1):
    raise ValueError(f"{path}: {f'no 4-D dataset {wanted}.' if wanted else 'which images?'} The "
                     f"4-D datasets are {', '.join(cubes) or 'none at all'}; name one with "
                     "--image_dataset")
  return usual[0] if usual else cubes[0]


def _columns(datasets, num: int) -> TableColumns:
  """The datasets of one value per image, and the fields of those.

  A column has the last part of its path as its name where no other has; else that at the top has
  it, and the others have their whole paths.
  """
  values: dict[str, np.ndarray] = {}
  columns = TableColumns()
  for path, dataset in datasets.items():
    if dataset.shape in ((num,), (num, 1)):
      _read_dataset(values, columns, path, dataset)
    elif dataset.shape and dataset.shape[0] == num and dataset.ndim < 4:
      columns.skip(path, MANY.format(" x ".join(map(str, dataset.shape[1:]))))
  ends = collections.Counter(path.rpartition("/")[2] for path in values)
  for path, array in values.items():
    name = path.rpartition("/")[2]
    name = name if ends[name] == 1 else path
    columns.add(name, array)
    columns.aliases.update({path: name} if path != name else {})
    columns.set_unit(name, _unit(datasets.get(path)))
  return columns.apply_masks()


def _read_dataset(values, columns, path, dataset) -> None:
  """Adds a dataset, or its fields, to the values; skips what is no text."""
  check_stored(dataset, dataset.file.filename)
  try:
    array = dataset.asstr()[()] if h5py.check_string_dtype(dataset.dtype) else dataset[()]
  except (UnicodeDecodeError, TypeError, OSError) as error:
    if isinstance(error, OSError) and (error.errno or _SYSTEM_ERROR in str(error)):
      raise  # an error of the disk or the network
    columns.skip(path, str(error))
    return
  for field in array.dtype.names or ():
    values[f"{path}/{field}"] = array[field]
  if not array.dtype.names:
    values[path] = array.astype(str) if array.dtype == object else _as_netcdf(array, dataset.attrs)


def _as_netcdf(array: np.ndarray, attributes) -> np.ndarray:
  """Numbers as netCDF means them: masked where they are a fill value, scaled, with an offset."""
  if array.dtype.kind not in "iuf":
    return array
  fills = [np.ravel(attributes[name]) for name in ("_FillValue", "missing_value")
           if name in attributes and np.asarray(attributes[name]).dtype.kind in "iuf"]
  mask = np.isin(array, np.concatenate(fills)) if fills else np.zeros(array.shape, bool)
  scale, offset = (float(np.ravel(attributes.get(name, neutral))[0])
                   for name, neutral in (("scale_factor", 1), ("add_offset", 0)))
  if (scale, offset) != (1, 0):
    array = array * scale + offset
  return np.ma.MaskedArray(array, mask) if mask.any() else array


def _unit(dataset) -> str:
  """The unit of a dataset, where an attribute names one."""
  for name, value in dataset.attrs.items() if dataset is not None else ():
    if name.lower() in ("unit", "units"):
      unit = np.ravel(value)[0] if np.size(value) == 1 else ""
      return unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)
  return ""


READER = Reader(files=FILES, matches=matches, read=read,
                uses=("table", "r_from_image", "image_dataset"))
