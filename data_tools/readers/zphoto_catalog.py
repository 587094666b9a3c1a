"""The later releases: zphoto_catalog_<survey>.npz beside one .npy image an object.

The catalogue holds `zspec` and `ebv` of all objects and the published split as
their row numbers, `id_train`, `id_test`, `id_validation`.  It has no magnitudes: r
comes from a further array of the catalogue, a table beside it, or the images.
"""

from __future__ import annotations

import glob
import os

import numpy as np

from data_tools.readers.parts import columns as columns_lib
from data_tools.readers.parts import indices, table_files, templates
from data_tools.readers.parts.cutout_source import CutoutSource, Reader, ReaderOptions, with_split
from data_tools.readers.parts.images import NamedImages, usual_shape
from pzbias_tf.survey import Survey

FILES = ("zphoto_catalog_<survey>.npz and images/<row>.npy or data/<row>.npy; r magnitudes "
         "there, in --table or by --r_from_image")
TEMPLATES = tuple(f"{folder}{{id}}{suffix}" for folder in ("images/", "data/", "")
                  for suffix in (".npy", ".py.npy"))
_SPLITS = {"train": "id_train", "validation": "id_validation", "test": "id_test"}


def matches(path: str) -> bool:
  """A folder with such a catalogue, or the catalogue itself."""
  return bool(_catalogs(path))


def read(path: str, survey: Survey, options: ReaderOptions) -> CutoutSource:
  """Reads the catalogue; images are opened one by one.

  An object's id is its row in the catalogue, as in its index arrays.

  Raises:
    OSError: a file is missing.
    ValueError: an array is missing or damaged, or the splits overlap.
  """
  file = _catalog(path, survey)
  arrays = dict(table_files.columns_of(file))
  missing = sorted({"zspec", "ebv", *_SPLITS.values()} - set(arrays))
  if missing:
    raise ValueError(f"{file}: no array {', '.join(missing)}; there are {', '.join(arrays)}")
  rows = {split: arrays.pop(name) for split, name in _SPLITS.items()}
  if options.table:
    arrays = {**table_files.columns_of(options.table), **arrays}
  num = table_files.num_rows(arrays, f"{file} {options.table}".strip())
  catalog, chosen = columns_lib.build_catalog(
      arrays, columns_lib.USUAL_NAMES, num, options, origin=file, ids=np.arange(num).astype(str))
  folder, columns = os.path.dirname(file), {**arrays, "id": np.arange(num)}
  template = options.image_template or templates.first_that_fits(
      folder, TEMPLATES, columns, survey.bands)
  files = templates.ImageFiles(folder, template, columns)
  if files.per_band:
    raise ValueError(f"--image_template={template}: these images hold all bands, so no "
                     f"{{{templates.BAND}}} is possible")
  images = NamedImages(files)
  split = indices.split_of(
      rows, num, origins={name: f"{file}: {array}" for name, array in _SPLITS.items()})
  default = (survey.image_size, survey.image_size, len(survey.bands))
  return CutoutSource(
      catalog=with_split(catalog, split),
      images=images, image_shape=usual_shape(images, num, default),
      description={"path": path, "layout": "zphoto_catalog", "columns": chosen,
                   "image_template": template})


def _catalogs(path: str) -> list[str]:
  folder, name = os.path.split(path) if os.path.isfile(path) else (path, "*")
  found = glob.glob(os.path.join(glob.escape(folder), "zphoto_catalog_*.npz"))
  return sorted(file for file in found if name in ("*", os.path.basename(file)))


def _catalog(path: str, survey: Survey) -> str:
  """The one catalogue; of several that of the survey's name."""
  found = _catalogs(path)
  if len(found) > 1:
    wanted = f"zphoto_catalog_{survey.dataset}.npz".lower()
    found = [file for file in found if os.path.basename(file).lower() == wanted] or found
  if len(found) != 1:
    raise FileNotFoundError(f"{path}: {len(found) or 'no'} catalogues zphoto_catalog_*.npz; "
                            "name the one to read with --input")
  return found[0]


READER = Reader(files=FILES, matches=matches, read=read,
                     uses=("table", "r_from_image", "image_template"))
