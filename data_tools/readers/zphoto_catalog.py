"""The later releases: zphoto_catalog_<survey>.npz beside its images.

The images are one .npy file per object, or all in one images_<survey>.npz.  The catalogue
holds `zspec` and `ebv` of all objects, and the published split as row numbers `id_train`,
`id_test` and `id_validation`.  It need not have r magnitudes: these come from a further array
of the catalogue, from --table, or from the images.
"""

from __future__ import annotations

import glob
import os

from absl import logging
import numpy as np

from data_tools.fits_headers import sky_columns
from data_tools.readers.parts import columns as columns_lib
from data_tools.readers.parts import image_archive, indices, table_files, templates
from data_tools.readers.parts.cutout_source import (
  Columns,
  CutoutSource,
  Reader,
  ReaderOptions,
  with_split,
)
from data_tools.readers.parts.images import Images, NamedImages, usual_shape
from pzbias_tf.survey import Survey

FILES = ("zphoto_catalog_<survey>.npz and images/<row>.npy, data/<row>.npy or "
         "images_<survey>.npz; r magnitudes in the catalogue, in --table or by --r_from_image")
TEMPLATES = tuple(f"{folder}{{id}}{suffix}" for folder in ("images/", "data/", "")
                  for suffix in (".npy", ".py.npy"))
_SPLITS = {"train": "id_train", "validation": "id_validation", "test": "id_test"}


def matches(path: str) -> bool:
  """Whether the path is such a catalogue, or a folder with one."""
  return bool(_catalogs(path))


def read(path: str, survey: Survey, options: ReaderOptions) -> CutoutSource:
  """Reads the catalogue; images are opened one by one, or read row by row.

  An object's id is its row in the catalogue, as in its index arrays, unless --id_column names a
  column.

  Raises:
    OSError: a file is missing.
    ValueError: an array is missing or damaged, the splits overlap, or the images are of
      another number than the rows.
  """
  file = _catalog(path, survey)
  arrays = table_files.columns_of(file)
  missing = sorted({"zspec", "ebv", *_SPLITS.values()} - set(arrays))
  if missing:
    raise ValueError(f"{file}: no array {', '.join(missing)}; the arrays are {', '.join(arrays)}")
  rows = {split: arrays.pop(name) for split, name in _SPLITS.items()}
  own = set(arrays)
  if options.table:
    arrays = table_files.columns_of(options.table, options.scratch).joined(arrays)
  num = table_files.num_rows(arrays, f"{file} {options.table}".strip())
  catalog, chosen = columns_lib.build_catalog(
      arrays, {**columns_lib.USUAL_NAMES, "id": ()}, num, options, origin=file,
      ids=None if "id" in options.columns else np.arange(num).astype(str))
  if chosen.get("ra") not in own:  # units are those of --table
    sky_columns.correct(catalog, chosen, arrays, options.table, options.scratch)
  template, images = _images(file, {**arrays, "id": np.arange(num)}, survey, options)
  split = indices.split_of(
      rows, num, origins={name: f"{file}: {array}" for name, array in _SPLITS.items()})
  default = (survey.image_size, survey.image_size, len(survey.bands))
  return CutoutSource(
      catalog=with_split(catalog, split),
      images=images, image_shape=usual_shape(images, num, default),
      description={"path": path, "layout": "zphoto_catalog", "columns": chosen,
                   "image_template": template})


def _images(catalog: str, columns: Columns, survey: Survey,
            options: ReaderOptions) -> tuple[str, Images]:
  """The name of the images, with braces where there are several files, and the images."""
  folder = os.path.dirname(catalog)
  template = options.image_template or _usual_template(catalog, columns, survey)
  files = templates.ImageFiles(folder, template, columns)
  if template.endswith(".npz") and not templates.fields(template):
    return template, image_archive.open_images(
        os.path.join(folder, template), len(columns["id"]), catalog=catalog,
        scratch=options.scratch)
  if files.per_band:
    raise ValueError(f"--image_template={template}: these images hold all bands; "
                     f"leave out {{{templates.BAND}}}")
  return template, NamedImages(files)


def _usual_template(catalog: str, columns: Columns, survey: Survey) -> str:
  """One file per object where there are such files, else the one .npz file of all images."""
  folder = os.path.dirname(catalog)
  archives = sorted(os.path.basename(file) for file in glob.glob(
      os.path.join(glob.escape(folder), "images_*.npz")))
  try:
    template = templates.first_that_fits(folder, TEMPLATES, columns, survey.bands)
  except FileNotFoundError:
    if not archives:
      raise
    return _archive_of(catalog, archives, survey)
  if archives:
    logging.warning("%s: the images are %s, not %s; --image_template=%s takes those", folder,
                    template, ", ".join(archives), archives[0])
  return template


def _archive_of(catalog: str, archives: list[str], survey: Survey) -> str:
  """The only file of images; of several, the one with the catalogue's or the survey's name."""
  name = os.path.basename(catalog).removeprefix("zphoto_catalog_").removesuffix(".npz")
  for wanted in (name, survey.name, survey.dataset):
    for archive in archives:
      if archive.lower() == f"images_{wanted}.npz".lower():
        return archive
  if len(archives) > 1:
    raise ValueError(f"{catalog}: which of {', '.join(archives)} holds its images? Name it with "
                     "--image_template")
  return archives[0]


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
