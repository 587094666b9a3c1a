"""The SDSS layout of the research code of the published study.

`label` (a legacy pickle) or label.npz holds the columns, data/<index>.py.npy the images,
and train.npy, val.npy and test.npy the indices of the published split.
"""

from __future__ import annotations

import os

import numpy as np

from data_tools.readers.parts import columns as columns_lib
from data_tools.readers.parts import indices, npy_access, table_files
from data_tools.readers.parts.cutout_source import (
  EXCLUDED,
  Columns,
  CutoutSource,
  Reader,
  ReaderOptions,
  with_split,
)
from data_tools.readers.parts.images import FileImages, usual_shape
from data_tools.readers.pickles import restricted_pickle
from pzbias_tf.guards import plain_files
from pzbias_tf.survey import Survey

FILES = "label.npz or label, data/<index>.py.npy, and train.npy, val.npy, test.npy"
NAMES = {
    "z": ("z",), "ebv": ("EBV",), "r": ("dered_petro_r",), "r_err": ("petroMagErr_r",),
    "i": ("dered_petro_i",), "i_err": ("petroMagErr_i",), "z_photo": ("zphot",),
    "ra": ("ra",), "dec": ("dec",),
}
_SPLIT_FILES = {"train": "train.npy", "validation": "val.npy", "test": "test.npy"}
_PUBLISHED_SIZE = 516_525
_EXCLUDED_ROW = 281_531
"""A galaxy of the published test set that the study leaves out."""


def matches(path: str) -> bool:
  """Whether the path holds labels and a folder of images."""
  return os.path.isdir(os.path.join(path, "data")) and any(
      os.path.isfile(os.path.join(path, name)) for name in ("label.npz", "label"))


def read(path: str, survey: Survey, options: ReaderOptions) -> CutoutSource:
  """Reads the research layout; images are opened one by one.

  An object's id is its index, unless --id_column names a column.

  Raises:
    OSError: a file is missing.
    ValueError: a column or index array is damaged, or the splits overlap.
  """
  label = _label_file(path)
  table = load_label(label)
  lengths = {name: len(values) for name, values in table.items()}
  if len(set(lengths.values())) != 1:
    raise ValueError(f"{label}: columns of different lengths: {lengths}")
  num = next(iter(lengths.values()))
  ids = None if "id" in options.columns else np.arange(num).astype(str)
  catalog, chosen = columns_lib.build_catalog(
      table, NAMES, num, options, origin=label, ids=ids)
  images = FileImages(os.path.join(path, "data"))
  default = (survey.image_size, survey.image_size, len(survey.bands))
  split = published_split(path, num)
  return CutoutSource(
      catalog=with_split(catalog, split), images=images, rejected=_excluded(split),
      image_shape=usual_shape(images, num, default),
      description={"path": path, "layout": "sdss_research", "columns": chosen})


def load_label(path: str) -> Columns:
  """Reads label.npz, or a legacy pickle of columns, without executing anything from it.

  Raises:
    ValueError: the pickle holds no columns, or anything but plain data.
  """
  if path.endswith(".npz"):
    return table_files.columns_of(path)
  with plain_files.opened(path) as file:
    label = restricted_pickle.load(file, path)
  if isinstance(label, np.ndarray) and label.dtype.names:
    return {name: label[name] for name in label.dtype.names}
  if not isinstance(label, dict) or not label:
    raise ValueError(f"{path}: expected a table of columns, found {type(label).__name__}")
  return {str(name): np.atleast_1d(np.asarray(values)) for name, values in label.items()}


def published_split(path: str, num: int) -> np.ndarray:
  """The split of each object from the index arrays, [num] str; "" for an object in none.

  Without any index array all are "", and the conversion splits by hash.

  Raises:
    FileNotFoundError: one of the arrays is missing.
    ValueError: an index is out of range or in two splits.
  """
  files = {name: os.path.join(path, file) for name, file in _SPLIT_FILES.items()}
  missing = [file for file in files.values() if not os.path.isfile(file)]
  if len(missing) == len(files):
    return np.full(num, "", "U10")
  if missing:
    raise FileNotFoundError(f"{', '.join(missing)} missing beside the other index arrays; "
                            "add it, or remove all three and use --split")
  return indices.split_of({name: npy_access.load(file) for name, file in files.items()}, num,
                          origins=files)


def _excluded(split: np.ndarray) -> dict[int, str]:
  """The galaxy that the study leaves out, {row: reason}; none in another sample than its own."""
  if len(split) != _PUBLISHED_SIZE or split[_EXCLUDED_ROW] != "test":
    return {}
  return {_EXCLUDED_ROW: EXCLUDED}


def _label_file(path: str) -> str:
  for name in ("label.npz", "label"):
    if os.path.isfile(os.path.join(path, name)):
      return os.path.join(path, name)
  raise FileNotFoundError(f"{path}: neither label.npz nor label exists; name another --layout")


READER = Reader(files=FILES, matches=matches, read=read)
