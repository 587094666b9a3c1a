"""The later releases: zphoto_catalog_<survey>.npz beside one .npy image per object.

The catalogue holds `zspec` and `ebv` of all objects, and the published split as row
numbers `id_train`, `id_test` and `id_validation`.  It has no magnitudes: r comes from a
further array of the catalogue, from --table, or from the images.
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
         "in the catalogue, in --table or by --r_from_image")
TEMPLATES = tuple(f"{folder}{{id}}{suffix}" for folder in ("images/", "data/", "")
                  for suffix in (".npy", ".py.npy"))
_SPLITS = {"train": "id_train", "validation": "id_validation", "test": "id_test"}


def matches(path: str) -> bool:
  """Whether the path is such a catalogue, or a folder with one."""
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
    raise ValueError(f"{file}: no array {', '.join(missing)}; the arrays are {', '.join(arrays)}")
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
    raise ValueError(f"--image_template={template}: these images hold all bands; "
                     f"leave out {{{templates.BAND}}}")
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
  catalogs = glob.glob(os.path.join(glob.escape(folder), "zphoto_catalog_*.npz"))
  return sorted(file for file in catalogs if name in ("*", os.path.basename(file)))


def _catalog(path: str, survey: Survey) -> str:
  """The only catalogue; of several, the one with the survey's name."""
  catalogs = _catalogs(path)
  if len(catalogs) > 1:
    wanted = f"zphoto_catalog_{survey.dataset}.npz".lower()
    catalogs = [file for file in catalogs if os.path.basename(file).lower() == wanted] or catalogs
  if len(catalogs) != 1:
    raise FileNotFoundError(f"{path}: {len(catalogs) or 'no'} catalogues zphoto_catalog_*.npz; "
                            "name the one to read with --input")
  return catalogs[0]


READER = Reader(files=FILES, matches=matches, read=read,
                uses=("table", "r_from_image", "image_template"))
