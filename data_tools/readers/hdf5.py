"""An HDF5 file with a dataset of images and datasets of columns; images are read on demand.

The images are [objects, height, width, band] or [objects, band, height, width]; the
columns are one-dimensional datasets, the fields of such a dataset, or those of --table.  Several
files count as one, in the order of their names; their columns are read file by file.
"""

from __future__ import annotations

import bisect
import collections
import dataclasses
import glob
import math
import os
from typing import Any, BinaryIO, Sequence

import h5py
import numpy as np

from data_tools.fits_headers import band_words, pixel_units
from data_tools.readers.hdf5_files import hdf5_access, hdf5_columns
from data_tools.readers.parts import folder_listing, stacked_parts, table_files
from data_tools.readers.parts.cutout_source import (
  CutoutSource,
  ImageError,
  Reader,
  ReaderOptions,
  with_split,
)
from pzbias_tf.guards.hdf5_locks import open_hdf5
from pzbias_tf.survey import Survey

FILES = ("one .h5 or .hdf5 file with a 4-D dataset of images and one-dimensional datasets, or a "
         "folder of such files, also as healpix=*/*.hdf5")
REASON_DAMAGED = "image unreadable in the HDF5 file"
_SUFFIXES = (".h5", ".hdf5")
_USUAL = ("cube", "images", "image", "image_array")  # the last one of MultimodalUniverse
_CACHE_BYTES = 1 << 26  # of unpacked chunks; one chunk may hold many images
_MOST_OPEN = 64  # files of a process
_DEEPEST_FOLDER = 3  # as in sample/healpix=17/001-of-001.hdf5


@dataclasses.dataclass(frozen=True)
class _Place:
  """Where a dataset that is stored in one piece lies in its file, so that HDF5 is not needed.

  An open HDF5 file takes half a megabyte, and to open one takes as long as to convert five images.
  """

  offset: int
  shape: tuple[int, ...]
  dtype: np.dtype

  @classmethod
  def of(cls, dataset: h5py.Dataset) -> _Place | None:
    """The place; None if the numbers are packed, in pieces, elsewhere or of a kind of their own."""
    stored = dataset.id.get_type()
    plain = (dataset.dtype.kind in "iuf" and h5py.h5t.py_create(dataset.dtype).equal(stored)
             and dataset.chunks is None and dataset.external is None and not dataset.is_virtual
             and dataset.id.get_storage_size() == dataset.nbytes)
    offset = dataset.id.get_offset() if plain else None
    return None if offset is None else cls(offset, dataset.shape[1:], dataset.dtype)

  def read(self, file: BinaryIO, row: int) -> np.ndarray:
    """One image.

    Raises:
      ImageError: the file has become shorter.
      OSError: an error of the disk or the network, which names the file.
    """
    size = math.prod(self.shape) * self.dtype.itemsize
    try:
      content = os.pread(file.fileno(), size, self.offset + row * size)
    except OSError as error:
      raise OSError(error.errno, error.strerror, file.name) from error
    if len(content) < size:
      raise ImageError(REASON_DAMAGED)
    return np.frombuffer(content, self.dtype).reshape(self.shape)


class Hdf5Images:
  """Images by row of one or several files, one after another; each process opens them itself."""

  def __init__(self, paths: Sequence[str], starts: Sequence[int], dataset: str, *,
               bands_first: bool):
    """Stores where the images are.

    Args:
      paths: the files.
      starts: row of the first image of each file.
      dataset: the dataset of images in each of them.
      bands_first: the images are stored as [band, height, width].
    """
    self._paths, self._starts, self._name = tuple(paths), tuple(starts), dataset
    self._bands_first = bands_first
    self._places: dict[int, _Place | None] = {}
    self._open: collections.OrderedDict[int, Any] = collections.OrderedDict()

  def __call__(self, row: int) -> np.ndarray:
    number = bisect.bisect_right(self._starts, row) - 1
    image = self._image(number, row - self._starts[number])
    return np.moveaxis(image, 0, -1) if self._bands_first else image

  def _image(self, number, row):
    """An image as it is stored."""
    stored = self._stored(number)
    place = self._places[number]
    if place:
      return place.read(stored, row)
    try:
      return stored[row]
    except OSError as error:
      if error.errno or hdf5_access.SYSTEM_ERROR in str(error):
        raise  # an error of the disk or the network
      raise ImageError(REASON_DAMAGED) from error  # a damaged chunk

  def _stored(self, number: int) -> Any:
    """The dataset of a file, or the file itself where its place is known.

    Of many files, those that were used last stay open.
    """
    if number not in self._open:
      if len(self._open) == _MOST_OPEN:
        _close(self._open.popitem(last=False)[1])
      self._open[number] = self._opened(number)
    self._open.move_to_end(number)
    return self._open[number]

  def _opened(self, number):
    if number not in self._places:
      with open_hdf5(self._paths[number]) as file:
        self._places[number] = _Place.of(file[self._name])
    if self._places[number]:
      return open(self._paths[number], "rb", buffering=0)
    cache = _CACHE_BYTES // min(len(self._paths), _MOST_OPEN)
    return open_hdf5(self._paths[number], rdcc_nbytes=cache)[self._name]

  def __getstate__(self):
    return {**self.__dict__, "_open": collections.OrderedDict()}


def _close(stored: h5py.Dataset | BinaryIO) -> None:
  (stored.file if isinstance(stored, h5py.Dataset) else stored).close()


def matches(path: str) -> bool:
  """Whether the path is an HDF5 file, or a folder of such files and without a table of its own."""
  files = _files(path)
  return len(files) == 1 or bool(files) and not table_files.find(path)


def read(path: str, survey: Survey, options: ReaderOptions) -> CutoutSource:
  """Reads the columns; the images stay on disk.

  Raises:
    OSError: a file is missing or damaged.
    ValueError: no dataset of images, a column is missing, or lengths or files differ.
  """
  files = _files(path)
  if not files:
    raise FileNotFoundError(f"{path}: no HDF5 files; expected {FILES}")
  bands = tuple(survey.bands)
  parts = stacked_parts.Parts(files)
  image_parts: list[ImagePart] = []
  for file in files:
    with hdf5_access.open_file(file) as opened:
      datasets = hdf5_access.datasets_of(opened, file)
      part = _image_part(datasets, options.image_dataset, file, bands)
      image_parts.append(part)
      if not options.table:
        parts.add(file, hdf5_columns.columns_of(datasets, part.num), part.num, options)
  first, num = _alike(image_parts, files), sum(part.num for part in image_parts)
  if options.table:
    table = table_files.columns_of(options.table, options.scratch)
    if table_files.num_rows(table, options.table) != num:
      raise ValueError(f"{path}: {num} images in {first.name}, but "
                       f"{table_files.num_rows(table, options.table)} rows in {options.table}")
    parts.add(options.table, table, num, options)
  catalog, chosen = parts.catalog()
  bands_first = first.shape[0] == len(bands) != first.shape[2]
  starts = np.cumsum([0, *(part.num for part in image_parts)])[:-1].tolist()
  return CutoutSource(
      catalog=with_split(catalog),
      image_shape=(*first.shape[1:], first.shape[0]) if bands_first else first.shape,
      images=Hdf5Images(files, starts, first.name, bands_first=bands_first),
      description={"path": path, "layout": "hdf5", "columns": chosen,
                   "image_dataset": first.name})


def _files(path: str) -> list[str]:
  """The path itself, or the HDF5 files of a folder, else those of its partitions, sorted."""
  if os.path.isfile(path):
    return [path] if path.endswith(_SUFFIXES) else []
  if not os.path.isdir(path):
    return []
  pattern = glob.escape(path)
  for _ in range(_DEEPEST_FOLDER):
    pattern = os.path.join(pattern, "*")
    files = sorted(name for suffix in _SUFFIXES for name in glob.iglob(pattern + suffix)
                   if folder_listing.counts(os.path.relpath(name, path)))
    if files:
      return files
  return []


@dataclasses.dataclass(frozen=True)
class ImagePart:
  """The images of one file: dataset, number, the shape of one image, and the unit of pixels."""

  name: str
  num: int
  shape: tuple[int, ...]
  unit: str


def _image_part(datasets, wanted: str, path: str, bands: tuple[str, ...]) -> ImagePart:
  name = _image_dataset(datasets, wanted, path)
  dataset = datasets[name]
  hdf5_access.check_stored(dataset, path)
  labels = datasets.get(f"{name.removesuffix('array')}band")
  if labels is not None and h5py.check_string_dtype(labels.dtype) and labels.ndim == 2:
    _check_bands(labels, bands, path)
  unit = hdf5_columns.unit_of(dataset)
  if pixel_units.kind_of(unit) == pixel_units.PixelUnit.MAGNITUDE:
    raise ValueError(f"{path}: {name} has the unit {unit!r}; convert its pixels to flux")
  return ImagePart(name, dataset.shape[0], dataset.shape[1:], unit)


def _check_bands(labels: h5py.Dataset, bands: tuple[str, ...], path: str) -> None:
  """Refuses images whose bands are named, as those of MultimodalUniverse, in another order."""
  for row in sorted(set(map(tuple, labels.asstr()[()]))):
    words = [band_words.word_of(text, bands) for text in row]
    if any(word.band for word in words) and tuple(word.band for word in words) != bands:
      raise ValueError(f"{path}: {labels.name} has the bands {', '.join(row)}, but the survey has "
                       f"{', '.join(bands)}; give a --survey with these bands in this order")


def _alike(parts: Sequence[ImagePart], files: Sequence[str]) -> ImagePart:
  """The first file's images, which those of the other files must be like."""
  first = parts[0]
  for part, file in zip(parts, files):
    if (part.name, part.shape) != (first.name, first.shape):
      raise ValueError(f"{file}: images of {list(part.shape)} in {part.name}, but {files[0]} has "
                       f"{list(first.shape)} in {first.name}; convert them as two data sets, or "
                       "move one of these files out of the folder")
  stated = [(part.unit, file) for part, file in zip(parts, files) if part.unit]
  for unit, file in stated:
    if unit != stated[0][0]:
      raise ValueError(f"{file}: images in the unit {unit!r}, but {stated[0][1]} has "
                       f"{stated[0][0]!r}; convert them to one unit, or spell it alike")
  return first


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


READER = Reader(files=FILES, matches=matches, read=read,
                uses=("table", "r_from_image", "image_dataset"))
