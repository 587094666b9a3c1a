"""The SDSS public release: `cube` and `labels`, as sdss.npz or a pair of .npy files.

The cube is (659857, 64, 64, 5) float32 ugriz, `labels` a record array of 64
columns (Pasquet et al. 2019).  Usual cuts: z <= 0.4, r <= 17.8.
"""

from __future__ import annotations

import dataclasses

from absl import logging

from data_tools.fits_headers import sky_columns
from data_tools.readers.parts import columns as columns_lib
from data_tools.readers.parts import cube_files, npy_access, table_files
from data_tools.readers.parts.cutout_source import CutoutSource, Reader, ReaderOptions, with_split
from data_tools.readers.parts.images import CubeImages
from pzbias_tf import table_columns, table_ids
from pzbias_tf.survey import Survey

FILES = "sdss.npz with cube and labels, or cube.npy beside labels.npy"
NAMES = {
    "id": ("objid", "bestobjid", "specobjid", "dr7objid", "dr8objid"),
    "z": ("z",), "ebv": ("EBV",), "r": ("dered_petro_r",), "r_err": ("petroMagErr_r",),
    "i": ("dered_petro_i",), "i_err": ("petroMagErr_i",), "z_photo": ("zphot",),
    "ra": ("ra",), "dec": ("dec",),
}


def matches(path: str) -> bool:
  """Whether the path holds a cube whose table has the release's magnitude column."""
  try:
    files = cube_files.find(path)
  except FileNotFoundError:
    return False
  return files is not None and "dered_petro_r" in table_files.column_names(files.table)


def read(path: str, survey: Survey, options: ReaderOptions) -> CutoutSource:
  """Reads the public release; the cube stays on disk.

  Raises:
    OSError: a file is missing.
    ValueError: a column is missing, or cube and labels do not fit each other.
  """
  del survey  # the caller checks the bands of the images
  files = cube_files.find(path, table=options.table)
  if files is None:
    raise FileNotFoundError(f"{path}: no {FILES}")
  table = table_files.columns_of(files.table, options.scratch)
  num = cube_files.check_shape(table, files)
  catalog, chosen = columns_lib.build_catalog(
      table, NAMES, num, _without_lost_ids(table, options, files.table), origin=files.table)
  sky_columns.correct(catalog, chosen, table, files.table, options.scratch)
  location = npy_access.locate(files.cube, files.member, scratch=options.scratch)
  return CutoutSource(
      catalog=with_split(catalog), images=CubeImages((location,)),
      image_shape=location.shape[1:],
      description={"path": path, "layout": "sdss_public", "columns": chosen})


def _without_lost_ids(table, options: ReaderOptions, path: str) -> ReaderOptions:
  """The options; copies of the release whose ids have become doubles go by the rows' numbers."""
  name = table_columns.find(table, NAMES["id"])
  if "id" in options.columns or not name:
    return options
  try:
    table_ids.ids_of(table, name, path)
    return options
  except ValueError as error:
    logging.warning("%s. The numbers of the rows are the ids", error)
    return dataclasses.replace(options, columns={**options.columns, "id": table_columns.NONE})


READER = Reader(files=FILES, matches=matches, read=read, uses=("table",))
