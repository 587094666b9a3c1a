"""The SDSS layout of the study's research code.

`label` (a legacy pickle) or label.npz holds the columns, data/<index>.py.npy
the images, and train.npy, val.npy, test.npy the indices of the published split.
"""

from __future__ import annotations

import collections
import os

import numpy as np

from data_tools.readers import base
from data_tools.readers import columns as columns_lib
from data_tools.readers import cube_files
from data_tools.readers import npy_access
from data_tools.readers import restricted_pickle
from data_tools.readers.images import FileImages
from pzbias_tf.survey import Survey

FILES = "label.npz or label, data/<index>.py.npy, and train.npy, val.npy, test.npy"
NAMES = {
    "z": ("z",), "ebv": ("EBV",), "r": ("dered_petro_r",), "r_err": ("petroMagErr_r",),
    "i": ("dered_petro_i",), "i_err": ("petroMagErr_i",), "z_photo": ("zphot",),
    "ra": ("ra",), "dec": ("dec",),
}
_SPLIT_FILES = {"train": "train.npy", "validation": "val.npy", "test": "test.npy"}
_SAMPLED_FILES = 64


def matches(path: str) -> bool:
  """A folder with labels and a folder of images."""
  return os.path.isdir(os.path.join(path, "data")) and any(
      os.path.isfile(os.path.join(path, name)) for name in ("label.npz", "label"))


def read(path: str, survey: Survey, options: base.ReaderOptions) -> base.CutoutSource:
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
  return base.CutoutSource(
      catalog=base.with_split(catalog, published_split(path, num)), images=images,
      image_shape=_usual_shape(images, num, default),
      description={"path": path, "layout": "sdss_research", "columns": chosen})


def load_label(path: str) -> base.Columns:
  """Reads label.npz, or a legacy pickle of columns, without executing anything.

  Raises:
    ValueError: the pickle holds no columns, or anything but plain data.
  """
  if path.endswith(".npz"):
    return cube_files.columns_of(path)
  with open(path, "rb") as file:
    label = restricted_pickle.load(file, path)
  if isinstance(label, np.ndarray) and label.dtype.names:
    return {name: label[name] for name in label.dtype.names}
  if not isinstance(label, dict) or not label:
    raise ValueError(f"{path}: expected a table of columns, found {type(label).__name__}")
  return {str(name): np.atleast_1d(np.asarray(values)) for name, values in label.items()}


def published_split(path: str, num: int) -> np.ndarray:
  """The split of each object from the index arrays, [num] str; "" in none.

  Without any index array all are "" (the converter then splits by hash).

  Raises:
    FileNotFoundError: one of the arrays is missing.
    ValueError: an index is out of range or stands in two splits.
  """
  split = np.full(num, "", "U10")
  files = {name: os.path.join(path, file) for name, file in _SPLIT_FILES.items()}
  missing = [file for file in files.values() if not os.path.isfile(file)]
  if len(missing) == len(files):
    return split
  if missing:
    raise FileNotFoundError(f"{', '.join(missing)} missing beside the other index arrays; "
                            "add it, or remove all three and use --split")
  for name, file in files.items():
    index = _indices(file, num)
    if np.any(split[index] != ""):
      first = index[split[index] != ""][0]
      raise ValueError(f"{file}: object {first} already stands in {split[first]}")
    split[index] = name
  return split


def _label_file(path: str) -> str:
  for name in ("label.npz", "label"):
    if os.path.isfile(os.path.join(path, name)):
      return os.path.join(path, name)
  raise FileNotFoundError(f"{path}: neither label.npz nor label is there")


def _indices(file: str, num: int) -> np.ndarray:
  index = npy_access.load(file)
  if index.ndim != 1 or not np.all(index == np.asarray(index, np.int64)):
    raise ValueError(f"{file}: expected one whole number an object, found {index.dtype} "
                     f"of shape {index.shape}")
  index = index.astype(np.int64)
  wrong = index[(index < 0) | (index >= num)]
  if len(wrong):
    raise ValueError(f"{file}: index {wrong[0]} is outside the {num} objects of the labels")
  return index


def _usual_shape(images: FileImages, num: int, default) -> tuple[int, int, int]:
  """The commonest shape of a sample of the images; `default` where none can be read."""
  shapes = collections.Counter()
  for row in np.unique(np.linspace(0, max(num - 1, 0), _SAMPLED_FILES).astype(int)):
    try:
      shapes[images(int(row)).shape] += 1
    except base.ImageError:
      continue  # listed in rejected.csv when all images are looked at
  shapes = collections.Counter({shape: n for shape, n in shapes.items() if len(shape) == 3})
  return shapes.most_common(1)[0][0] if shapes else default


READER = base.Reader(files=FILES, matches=matches, read=read)
