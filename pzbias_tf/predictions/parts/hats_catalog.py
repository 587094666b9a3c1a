"""Parts become a HATS catalogue, which LSDB and the IVOA's tools for large catalogues read.

HATS (Hierarchical Adaptive Tiling Scheme) has one file per HEALPix pixel.  hats-import sorts the
galaxies into them: file by file, then pixel by pixel, so that memory holds one pixel at a time.
It goes on where it was interrupted.
"""

from __future__ import annotations

import importlib.util
import logging as python_logging
import os
import re
import shutil
import sys

from absl import logging

from pzbias_tf.predictions.parts.part_folder import COMMON, part_paths

HIGHEST_ORDER = 12
"""Of pixels: 200 million of 0.9 arcmin; more files than any disk likes."""

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_BATCH = 100_000  # galaxies that are sorted into pixels at a time
_COMPRESSION = {"compression": "ZSTD", "compression_level": 3}  # its default is 15


def check_can_write(name: str, order: int) -> None:
  """Refuses a catalogue that could not be written in the end.

  Args:
    name: name of its folder.
    order: HEALPix order of the pixels.

  Raises:
    ValueError: the name or the order is not possible, or hats-import is not installed.
  """
  if not 0 <= order <= HIGHEST_ORDER:
    raise ValueError(f"--healpix_order={order}: choose one from 0 (12 pixels of the sky) to "
                     f"{HIGHEST_ORDER}; galaxies of one pixel must fit into memory")
  if not _NAME.fullmatch(name):
    raise ValueError(f"--output: a HATS catalogue is named by letters, digits and . _ -, not "
                     f"{name!r}")
  if importlib.util.find_spec("hats_import") is None:
    if sys.version_info < (3, 12):
      raise ValueError("--healpix_order needs hats-import, which needs Python 3.12 or newer with "
                       "this package: it takes numpy 2, TensorFlow 2.15 takes numpy 1. Leave the "
                       "flag out: the parts that are then written can be imported elsewhere")
    raise ValueError("--healpix_order needs hats-import: pip install '.[hats]'")


def write_hats(parts: str, output: str, order: int, scratch: str) -> None:
  """Writes a HATS catalogue; a second call goes on with an interrupted one.

  Args:
    parts: folder of finished parts with "ra" and "dec", all of them finite.
    output: folder of the catalogue; its last name is that of the catalogue.
    order: HEALPix order of all pixels.
    scratch: folder for intermediate files, removed at the end.

  Raises:
    OSError: a stage failed, for instance since the disk is full; what is finished
      is kept.
  """
  goes_on = os.path.isdir(scratch) or os.path.isdir(output)
  try:
    try:
      _import(parts, output, order, scratch)
    except Exception as error:  # hats-import raises many kinds of errors
      if not goes_on:
        raise
      # What a killed process or a full disk left half-written cannot be told from what is whole.
      logging.warning("%s: the unfinished import cannot go on (%s); it begins anew", output, error)
      for folder in (scratch, output):
        shutil.rmtree(folder, ignore_errors=True)
      _import(parts, output, order, scratch)
  except (OSError, RuntimeError) as error:
    raise OSError(f"{output}: hats-import has not finished ({error}); its own messages stand "
                  "above. If the disk is full, make room; the same command goes on with what is "
                  "finished") from error


def _import(parts, output, order, scratch):
  import dask  # optional dependencies
  from dask.distributed import Client
  from hats_import.catalog.arguments import ImportArguments
  from hats_import.catalog.file_readers import ParquetPyarrowReader
  from hats_import.pipeline import pipeline_with_client
  above, name = os.path.split(os.path.abspath(output))
  os.makedirs(above, exist_ok=True)
  arguments = ImportArguments(
      input_file_list=part_paths(parts), file_reader=ParquetPyarrowReader(chunksize=_BATCH),
      output_path=above, output_artifact_name=name, tmp_dir=scratch, sort_columns="id",
      constant_healpix_order=order, use_schema_file=os.path.join(parts, COMMON),
      write_table_kwargs=dict(_COMPRESSION), progress_bar=False)
  # One thread of this process: it holds one pixel at a time.  Its ports serve nothing.
  python_logging.getLogger("distributed").setLevel(python_logging.WARNING)
  with (dask.config.set({"distributed.scheduler.http.routes": [],
                         "distributed.worker.http.routes": []}),
        Client(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None,
               memory_limit=0, local_directory=scratch) as client):
    pipeline_with_client(arguments, client)
