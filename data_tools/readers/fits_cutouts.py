"""FITS cutouts with a catalogue: one file per galaxy, or per galaxy and band.

The catalogue (labels or catalog as .fits, .csv, .parquet, .npy or .npz, or --table) lists
ids, z, r and ebv; a template such as `{id}.fits` gives the names of the images, or the catalogue
itself does, with one row per object, band and file.
"""

from __future__ import annotations

import glob
import os

from absl import logging
from astropy.table import Table, vstack
import numpy as np

from data_tools.fits_headers import sky_columns
from data_tools.readers.parts import columns as columns_lib
from data_tools.readers.parts import (
  compact_ids,
  folder_listing,
  listed_files,
  table_files,
  templates,
)
from data_tools.readers.parts.cutout_source import (
  REASON_NO_ROW,
  CutoutSource,
  Reader,
  ReaderOptions,
  with_split,
)
from data_tools.readers.parts.fits_images import FitsImages
from data_tools.readers.parts.images import usual_shape
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data.reference_columns import columns_in
from pzbias_tf.survey import Survey

FILES = ("a catalogue (labels or catalog as .fits, .csv, .parquet, .npy or .npz) beside FITS "
         "images {id}.fits or {id}_{band}.fits, there or in images/ or cutouts/, also packed; or a "
         "catalogue with one row per object, band and file")
_FOLDERS = ("", "images/", "cutouts/")
TEMPLATES = tuple(f"{folder}{name}{suffix}" for folder in _FOLDERS
                  for suffix in (".fits", ".fits.gz", ".fits.fz", ".fits.bz2")
                  for name in ("{id}", "{id}_{band}", "{id}-{band}"))


def matches(path: str) -> bool:
  """Whether the path is a folder with a catalogue and other FITS files."""
  table = table_files.find(path) if os.path.isdir(path) else ""
  return bool(table) and any(
      file != table and folder_listing.counts(os.path.relpath(file, path))
      for pattern in ("*.fits*", "*/*.fits*", "*/*/*.fits*")
      for file in glob.iglob(os.path.join(glob.escape(path), pattern)))


def read(path: str, survey: Survey, options: ReaderOptions) -> CutoutSource:
  """Reads the catalogue; images are opened one by one.

  Images that no row of the catalogue names are added as rejected objects.

  Raises:
    OSError: a file is missing.
    ValueError: a column is missing, the template does not fit, or no image has the survey's
      bands by its header.
  """
  file = options.table or table_files.find(path)
  if not os.path.isdir(path) or not os.path.exists(file):
    raise FileNotFoundError(f"{path}: expected {FILES}; name another catalogue with --table")
  table = table_files.columns_of(file, options.scratch)
  listed = None if options.image_template else listed_files.gather(
      table, options.columns, survey.bands, file,
      [os.path.join(path, folder) for folder in _FOLDERS])
  table = listed[0] if listed else table
  num = table_files.num_rows(table, file)
  catalog, chosen = columns_lib.build_catalog(
      table, columns_lib.USUAL_NAMES, num, options, origin=file)
  compact_ids.unpack(catalog)  # images are looked for by them
  sky_columns.correct(catalog, chosen, table, file, options.scratch)
  files, template = (listed[1], f"column {listed[2]}") if listed else _by_template(
      path, {**table, "id": _ids(table, catalog, chosen)}, survey, options)
  images = FitsImages(files, tuple(survey.bands), options.extension)
  default = (survey.image_size, survey.image_size, len(survey.bands))
  left = [name for name in files.without_row(catalog["id"], survey.bands)
          if template.format(id=name, band="") != os.path.relpath(file, path)]
  shape = usual_shape(images, num, default)
  images.check_layout()
  return CutoutSource(
      catalog=with_split(_with_rows(catalog, left, options.extra_columns)), images=images,
      image_shape=shape,
      rejected=dict.fromkeys(range(num, num + len(left)), REASON_NO_ROW),
      description={"path": path, "layout": "fits_cutouts", "columns": chosen,
                   "image_template": template,
                   **({"extension": list(options.extension)} if options.extension else {})})


def _by_template(path, columns, survey, options) -> tuple[templates.ImageFiles, str]:
  template = options.image_template or templates.first_that_fits(
      path, TEMPLATES, columns, survey.bands)
  return templates.ImageFiles(path, template, columns), template


def _ids(table, catalog, chosen) -> np.ndarray:
  """Ids for the template: numbers if they are whole numbers, so that {id:06d} works."""
  if chosen.get("id", "") in table.texts:
    return np.asarray(catalog["id"])
  values = np.asarray(table[chosen["id"]]) if "id" in chosen else np.arange(len(catalog))
  return values if values.dtype.kind in "iu" else np.asarray(catalog["id"])


def _with_rows(catalog: Table, ids: list[str], extra: tuple[str, ...]) -> Table:
  """The catalogue with further rows, of which only the ids are known."""
  if not ids:
    return catalog
  logging.warning("%d images have no row in the catalogue, e.g. %s", len(ids), ids[0])
  references = {name: np.full(len(ids), np.nan) for name in columns_in(catalog.colnames)}
  further = catalog_lib.object_table(len(ids), id=np.array(ids), **references)
  for name in extra:
    further[name] = np.nan
  return vstack([catalog, further], metadata_conflicts="silent", join_type="outer")


READER = Reader(files=FILES, matches=matches, read=read,
                uses=("table", "r_from_image", "image_template", "extension"))
