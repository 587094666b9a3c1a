"""Bytes a galaxy of a conversion, measured in a process of its own and on a small scale."""

import contextlib
import gc
import os
from unittest import mock

from benchmarks import catalog_memory
from data_tools import make_tfrecords
from data_tools.conversion import record_plan
from data_tools.conversion.command_line.conversion_config import ConversionConfig
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.readers import ReaderOptions
from pzbias_tf import tables
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.tables import disk_columns
from tests.tables.small_blocks import read_in_blocks

BLOCK = 2_000  # rows; whatever is done by the block would hide what grows with the catalogue
_RESET = "5"  # makes the peak of resident memory begin anew
_PHOTOMETRY = dict(columns={"z": "redshift"}, magnitude_columns=tuple(catalog_memory.BANDS),
                   error_columns=tuple(f"{band}_err" for band in catalog_memory.BANDS))


def write(name: str, folder: str, num: int) -> str:
  """Writes the input of so many galaxies; returns its path."""
  path = os.path.join(folder, f"{name}_{num}")
  with mock.patch.object(catalog_memory, "PART", BLOCK):
    flags = catalog_memory.FORMATS[name](path, num)
  return next(flag for flag in flags if flag.startswith("--input=")).removeprefix("--input=")


def peaks(name: str, paths: list[str]) -> list[int]:
  """Peaks of resident memory of conversions, in bytes, after a first one that warms up."""
  with _small_scale():
    return [_peak(name, path) for path in (paths[0], *paths)][1:]


def arrow_bytes(path: str) -> int:
  """What pyarrow takes at most while a Parquet table is read."""
  import pyarrow
  with _small_scale():
    tables.read_table(path)
  return pyarrow.default_memory_pool().max_memory()


def can_reset() -> bool:
  """Whether this system has a peak of resident memory that begins anew."""
  try:
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
      file.write(_RESET)
    return _high_water() > 0
  except (OSError, StopIteration):
    return False


def _peak(name, path):
  options = {} if name == "hdf5_folder" else _PHOTOMETRY
  gc.collect()
  can_reset()
  make_tfrecords.run(ConversionConfig(
      survey="sdss", input=path, output=f"{path}_{len(os.listdir(os.path.dirname(path)))}",
      max_r_mag="none", options=ReaderOptions(**options),
      settings=ConversionSettings(shard_size_mb=0.5)))
  return _high_water()


def _high_water() -> int:
  with open("/proc/self/status", encoding="ascii") as file:
    return int(next(line for line in file if line.startswith("VmHWM")).split()[1]) << 10


@contextlib.contextmanager
def _small_scale():
  with contextlib.ExitStack() as stack:
    stack.enter_context(read_in_blocks(BLOCK))
    for module, name, value in ((disk_columns, "SMALLEST_BYTES", 1 << 16),
                                (record_plan, "_BLOCK", BLOCK),
                                (catalog_lib, "_ROWS_PER_BLOCK", BLOCK)):
      stack.enter_context(mock.patch.object(module, name, value))
    yield
