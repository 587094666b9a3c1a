"""Reads all records of a shard: labels to compare with the catalogue, and hashes of the images."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from data_tools.conversion import hashing
from pzbias_tf.data import schema


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardRecords:
  """The records of one shard up to the first unreadable one.

  Attributes:
    columns: {"number", "id", "z_spec", "r_mag", "ebv": [records]}, as stored.
    image_bytes: [records] int64, sizes of the images.
    finite: [records] bool, whether all pixels are finite.
    image_hashes: [records] uint64.
    error: why reading ended early; "" if it did not.
  """

  columns: dict[str, np.ndarray]
  image_bytes: np.ndarray
  finite: np.ndarray
  image_hashes: np.ndarray
  error: str

  def __len__(self) -> int:
    return len(self.image_bytes)


def read_records(path: str, dtype: str, compression_type: str = "") -> ShardRecords:
  """Reads a shard; TensorFlow checks the CRC of each record.

  Args:
    path: the shard.
    dtype: "float32" or "float16".
    compression_type: "" or "GZIP".
  """
  records, error = [], ""
  try:
    for record in tf.data.TFRecordDataset(path, compression_type, 8 << 20).as_numpy_iterator():
      records.append(_describe(schema.parse_record(record), dtype))
  except (tf.errors.DataLossError, ValueError) as caught:
    error = getattr(caught, "message", str(caught))
  # With types, a shard without records gives columns of the right types, too.
  types = (np.int64, np.str_, *[np.float32] * 3, np.int64, bool, np.uint64)
  columns = [np.array([record[place] for record in records], kind)
             for place, kind in enumerate(types)]
  return ShardRecords(columns=dict(zip(("number", "id", "z_spec", "r_mag", "ebv"), columns)),
                      image_bytes=columns[5], finite=columns[6], image_hashes=columns[7],
                      error=error)


def _describe(record: schema.Record, dtype: str) -> tuple:
  """Labels, image size, whether all pixels are finite, and image hash of a record."""
  # An image of the wrong size is reported as such; its complete pixels are checked all the same.
  pixels = np.frombuffer(record.image, np.dtype(dtype).newbyteorder("<"),
                         count=len(record.image) // np.dtype(dtype).itemsize)
  return (record.number, record.object_id, record.z_spec, record.r_mag, record.ebv,
          len(record.image), bool(np.all(np.isfinite(pixels))), hashing.image_hash(record.image))
