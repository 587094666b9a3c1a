"""From the predictions file of one shard to its part, in memory that does not grow with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Iterator

import h5py
import numpy as np

from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.files import whole_file
from pzbias_tf.guards import hdf5_files, json_files
from pzbias_tf.guards.full_disks import clear_full_disk
from pzbias_tf.predictions.parts.part_schema import CALIBRATED, part_columns, part_schema
from pzbias_tf.predictions.predictions_file import PREDICT_AGAIN

if TYPE_CHECKING:
  import pyarrow

SUFFIX = ".parquet"

_CHUNK_BYTES = 16 << 20  # of the columns that are in memory
_MOST_ROWS = 1 << 16  # of a row group


def write_part(predictions: str, path: str, calibration: Calibration | None) -> None:
  """Writes the part of one shard, whole or not at all.

  Args:
    predictions: predictions file of the shard.
    path: the part.
    calibration: Step 4, which adds CALIBRATED; None adds nothing.

  Raises:
    OSError: the predictions are damaged, or the disk is full.
    ValueError: the predictions have changed since they were written, or have an
      unknown column.
  """
  from pyarrow import parquet  # an optional dependency
  with hdf5_files.opened(predictions, PREDICT_AGAIN) as file:
    schema = part_schema(file, calibrated=calibration is not None)
    scalars = [field.name for field in schema if not hasattr(field.type, "list_size")]
    with clear_full_disk(path, "what is predicted and the finished parts"), whole_file(
        path) as hidden:
      with parquet.ParquetWriter(hidden, schema, compression="zstd",
                                 write_statistics=scalars) as writer:
        for table in _tables(file, schema, calibration):
          writer.write_table(table)


def _tables(file: h5py.File, schema, calibration) -> Iterator[pyarrow.Table]:
  """The galaxies of a predictions file, a row group at a time; checked against its digests."""
  import pyarrow as pa  # an optional dependency
  columns = part_columns(file, calibrated=calibration is not None)
  arrays = {array: file[array] for array, _ in columns.values()}
  digests = {array: hdf5_files.ValuesDigest(data.dtype, data.shape)
             for array, data in arrays.items()}
  num = len(file["ancil/id"])
  rows = _rows_per_group(arrays.values())
  for start in range(0, num, rows):
    values = {array: data[start:start + rows] for array, data in arrays.items()}
    for array, digest in digests.items():
      digest.update(values[array])
    named = {name: values[array] for name, (array, _) in columns.items()}
    if calibration is not None:
      named[CALIBRATED] = calibration.apply(values["ancil/zmode"], values["ancil/r_mag"])
    yield pa.table([_arrow(named[field.name], field.type) for field in schema], schema=schema)
  if not all(digest.matches(arrays[array]) for array, digest in digests.items()):
    raise json_files.changed(os.path.abspath(file.filename))


def _rows_per_group(arrays) -> int:
  bytes_per_row = sum(data.dtype.itemsize * int(np.prod(data.shape[1:])) for data in arrays)
  return int(np.clip(_CHUNK_BYTES // bytes_per_row, 1, _MOST_ROWS))


def _arrow(values, kind):
  """A column as Arrow has it: texts from UTF-8, p(z) as lists of fixed size."""
  import pyarrow as pa  # an optional dependency
  if values.dtype.kind == "S":
    return pa.array(values.astype(object), pa.binary()).cast(pa.string())
  if values.ndim == 2:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), type=kind)
  return pa.array(values)
