"""The CFHTLS cubes: CUBE_WD_ZHQ_0001.npz ... (HQ) and CUBE_WD_ZLR_0001.npz ... (LR).

Each file holds `cube` and a record array `info`.  The files contain no ids, so an object's
id is "<file name>:<row>".  HQ galaxies whose FIELD is neither W nor D are rejected; LR
galaxies are kept whatever their FIELD; ZFLAG is not used.
"""

from __future__ import annotations

import os
import re

from astropy.table import vstack
import numpy as np

from data_tools.readers.parts import columns as columns_lib
from data_tools.readers.parts import (
  compact_ids,
  cube_files,
  folder_listing,
  npy_access,
  table_files,
)
from data_tools.readers.parts.cutout_source import CutoutSource, Reader, ReaderOptions, with_split
from data_tools.readers.parts.images import CubeImages
from pzbias_tf.survey import Survey

FILES = "CUBE_WD_ZHQ_0001.npz ... and CUBE_WD_ZLR_0001.npz ..., each with cube and info"
NAMES = {
    "HQ": {"z": ("ZSPEC",), "ebv": ("EBV",), "z_photo": ("zphot",), "r": ("R",),
           "r_err": ("Rerr",), "i": ("I",), "i_err": ("Ierr",)},
    "LR": {"z": ("ZSPEC",), "ebv": ("EBV",), "z_photo": ("ZPHOT",), "r": ("R",),
           "r_err": ("ERRR",), "i": ("Ip_2",), "i_err": ("ERRIp_2",)},
}
NO_FIELD = "HQ galaxy with neither W nor D in FIELD"
TOO_FAR = "z outside the redshift grid"
_NAME = re.compile(r"CUBE_WD_Z(HQ|LR)_\d+\.npz")


def matches(path: str) -> bool:
  """Whether the path is a file of the release, or a folder with such files."""
  return bool(_files(path))


def read(path: str, survey: Survey, options: ReaderOptions) -> CutoutSource:
  """Reads all files of a folder, or one file; the cubes stay on disk.

  Raises:
    OSError: a file is missing.
    ValueError: a column is missing, or the cubes differ in shape.
  """
  files = _files(path)
  if not files:
    raise FileNotFoundError(f"{path}: no {FILES}")
  catalogs, locations, chosen = [], [], {}
  for file in files:
    catalog, location, names = _read_file(file, options)
    catalogs.append(catalog)
    locations.append(location)
    chosen[str(catalog["sample"][0]) if len(catalog) else _sample(file)] = names
  shapes = {location.shape[1:] for location in locations}
  if len(shapes) > 1:
    raise ValueError(f"{path}: cubes of different image shapes {sorted(shapes)}; "
                     "convert each shape into its own data set")
  catalog = vstack(catalogs, metadata_conflicts="silent")
  return CutoutSource(
      catalog=with_split(catalog), images=CubeImages(tuple(locations)),
      image_shape=shapes.pop(), rejected=_rejected(catalog, survey),
      description={"path": path, "layout": "cfhtls", "columns": chosen,
                   "files": [os.path.basename(file) for file in files]})


def field_of(values: np.ndarray) -> np.ndarray:
  """"W" or "D" if FIELD contains the letter, else ""."""
  text = np.asarray(values)
  text = np.char.decode(text, "latin1") if text.dtype.kind == "S" else text.astype(str)
  return np.where(np.char.find(text, "W") >= 0, "W",
                  np.where(np.char.find(text, "D") >= 0, "D", ""))


def _files(path: str) -> list[str]:
  if os.path.isfile(path):
    return [path] if _NAME.fullmatch(os.path.basename(path)) else []
  if not os.path.isdir(path):
    return []
  return [os.path.join(path, name) for name in folder_listing.listed(path)
          if _NAME.fullmatch(name)]


def _sample(file: str) -> str:
  return _NAME.sub(r"\1", os.path.basename(file))


def _read_file(file: str, options: ReaderOptions):
  """Catalogue, location of the cube, and chosen columns of one file."""
  sample = _sample(file)
  table = table_files.columns_of(file, options.scratch)
  num = cube_files.check_shape(table, cube_files.CubeFiles(file, file))
  ids = np.array([f"{os.path.basename(file)}:{row}" for row in range(num)], str)
  catalog, chosen = columns_lib.build_catalog(
      table, NAMES[sample], num, options, origin=file,
      ids=None if "id" in options.columns else ids)
  compact_ids.unpack(catalog)  # several files are joined
  catalog["sample"] = np.full(num, sample)
  if "FIELD" in table:
    catalog["field"] = field_of(table["FIELD"])
  elif sample == "HQ":
    raise ValueError(f"{file}: no column FIELD, which distinguishes WIDE from DEEP; add "
                     f"it to the columns {', '.join(table)}")
  location = npy_access.locate(file, cube_files.CUBE, scratch=options.scratch)
  return catalog, location, chosen


def _rejected(catalog, survey: Survey) -> dict[int, str]:
  """The rules of the release: HQ galaxies have a field, and z is below the end of the grid."""
  no_field = np.flatnonzero((catalog["sample"] == "HQ") & (catalog["field"] == ""))
  too_far = np.flatnonzero(catalog["z_spec"] >= survey.z_max)
  return {**{int(row): TOO_FAR for row in too_far}, **{int(row): NO_FIELD for row in no_field}}


READER = Reader(files=FILES, matches=matches, read=read)
