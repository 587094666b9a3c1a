"""Any cube of cutouts with a table: the layout for surveys that have no own reader."""

from __future__ import annotations

import dataclasses

from absl import logging
import numpy as np

from data_tools.readers import base
from data_tools.readers import columns as columns_lib
from data_tools.readers import cube_files
from data_tools.readers import npy_access
from data_tools.readers.images import CubeImages
from pzbias_tf.survey import Survey

FILES = ("a .npz file with cube and columns, or cube.npy beside labels or catalog as .npy, "
         ".npz, .fits or .csv")
NAMES = {
    "id": ("id", "objid", "name"), "z": ("z", "z_spec", "zspec", "redshift"),
    "ebv": ("ebv", "E(B-V)"), "r": ("r", "r_mag", "mag_r"),
    "r_err": ("r_err", "mag_err_r"), "i": ("i", "i_mag", "mag_i"),
    "i_err": ("i_err", "mag_err_i"), "z_photo": ("z_photo", "zphot"),
    "ra": ("ra",), "dec": ("dec",),
}
_NANOMAGGY_ZERO_POINT = 22.5  # AB magnitude of a flux of one nanomaggy


def matches(path: str) -> bool:
  """Whether there is a cube; its table is looked for on reading."""
  try:
    return cube_files.find(path) is not None
  except FileNotFoundError:
    return True  # a cube without a table: reading it says what is missing


def read(path: str, survey: Survey, options: base.ReaderOptions) -> base.CutoutSource:
  """Reads a cube and its table; the cube stays on disk.

  Raises:
    OSError: a file is missing.
    ValueError: a column is missing, or cube and table do not belong together.
  """
  files = cube_files.find(path, table=options.table)
  if files is None:
    raise FileNotFoundError(f"{path}: no cube; expected {FILES}")
  table = cube_files.columns_of(files.table)
  num = cube_files.check_shape(table, files)
  catalog, chosen = columns_lib.build_catalog(
      table, NAMES, num, _without_r(options), origin=files.table)
  location = npy_access.locate(files.cube, files.member, scratch=options.scratch)
  images = CubeImages((location,))
  if options.r_from_image:
    catalog["r_mag"] = r_from_images(images, num, survey)
    chosen["r"] = "sum of the r band of the image, nanomaggies"
    logging.warning("%s: r magnitudes are summed from the images, as --r_from_image asks",
                    files.cube)
  return base.CutoutSource(
      catalog=base.with_split(catalog), images=images, image_shape=location.shape[1:],
      description={"path": path, "layout": "cube", "columns": chosen})


def r_from_images(images, num: int, survey: Survey) -> np.ndarray:
  """22.5 - 2.5 log10(summed r flux, nanomaggies), [num]; NaN where not positive.

  Raises:
    ValueError: the survey has no r band.
  """
  if "r" not in survey.bands:
    raise ValueError(f"--r_from_image: survey {survey.name} has no band r, its bands are "
                     f"{', '.join(survey.bands)}")
  band = survey.bands.index("r")
  flux = np.array([np.sum(images(row)[..., band], dtype=np.float64) for row in range(num)])
  flux = np.where(flux > 0, flux / survey.flux_divisor, np.nan)
  return _NANOMAGGY_ZERO_POINT - 2.5 * np.log10(flux)


def _without_r(options: base.ReaderOptions) -> base.ReaderOptions:
  """With --r_from_image a column of magnitudes, if there is one, is not used."""
  if not options.r_from_image:
    return options
  return dataclasses.replace(options, columns={**options.columns, "r": columns_lib.NONE})


READER = base.Reader(files=FILES, matches=matches, read=read)
