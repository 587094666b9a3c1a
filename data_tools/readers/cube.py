"""Any cube of cutouts with a table: the layout for surveys without a reader of their own."""

from __future__ import annotations

from data_tools.fits_headers import sky_columns
from data_tools.readers.parts import columns as columns_lib
from data_tools.readers.parts import cube_files, npy_access, table_files
from data_tools.readers.parts.cutout_source import CutoutSource, Reader, ReaderOptions, with_split
from data_tools.readers.parts.images import CubeImages
from pzbias_tf.survey import Survey

FILES = ("a .npz file with cube and columns, or cube.npy beside labels or catalog as .npy, "
         ".npz, .fits, .csv or .parquet")


def matches(path: str) -> bool:
  """Whether the path holds a cube; `read` looks for its table."""
  try:
    return cube_files.find(path) is not None
  except FileNotFoundError:
    return True  # a cube without a table: `read` reports what is missing


def read(path: str, survey: Survey, options: ReaderOptions) -> CutoutSource:
  """Reads a cube and its table; the cube stays on disk.

  Raises:
    OSError: a file is missing.
    ValueError: a column is missing, or cube and table do not fit each other.
  """
  del survey  # the caller checks the bands of the images
  files = cube_files.find(path, table=options.table)
  if files is None:
    raise FileNotFoundError(f"{path}: no cube; expected {FILES}")
  table = table_files.columns_of(files.table, options.scratch)
  num = cube_files.check_shape(table, files)
  catalog, chosen = columns_lib.build_catalog(
      table, columns_lib.USUAL_NAMES, num, options, origin=files.table)
  sky_columns.correct(catalog, chosen, table, files.table, options.scratch)
  location = npy_access.locate(files.cube, files.member, scratch=options.scratch)
  return CutoutSource(
      catalog=with_split(catalog), images=CubeImages((location,)),
      image_shape=location.shape[1:],
      description={"path": path, "layout": "cube", "columns": chosen})


READER = Reader(
    files=FILES, matches=matches, read=read, uses=("table", "r_from_image"))
