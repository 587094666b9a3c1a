"""The plan of a data set: which record stands where.

Records are in the order of a salted hash of `<id>/<copy>`, split by split, cut
into shards of about equal numbers of records.
"""

from __future__ import annotations

from astropy.table import Table
import numpy as np

from data_tools import hashing
from pzbias_tf.data import augment
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import manifest as manifest_lib

_RECORD_OVERHEAD = 160  # bytes of a record besides its image, roughly


def augmentation_element(object_id: str, copy: int, seed: int) -> int:
  """The dihedral transform of an augmented copy.

  Copy 0 is the image itself.  The others walk through the seven remaining
  elements from a start that depends on the object, so that a few copies a
  galaxy still show every orientation equally often.
  """
  if copy == 0:
    return 0
  others = augment.DIHEDRAL_ELEMENTS - 1
  start = hashing.object_hash(object_id, f"{seed}/augment") % others
  return 1 + (start + copy - 1) % others


def plan_records(catalog: Table, rows: np.ndarray, splits: np.ndarray, *, seed: int,
                 augment_copies: int, records_per_shard: int) -> tuple[Table, np.ndarray]:
  """Orders the records and gives each its shard and position.

  Args:
    catalog: objects as read.
    rows: [galaxies] rows of the objects to write.
    splits: [galaxies] their splits.
    seed: salt of the order.
    augment_copies: records of each training galaxy.
    records_per_shard: upper limit.

  Returns:
    The record table (the columns of catalog.fits), one row a record in record
    order, and the row of `catalog` that each comes from, [records].
  """
  parts = [_plan_split(catalog, rows[splits == split], split, seed,
                       augment_copies if split == "train" else 1, records_per_shard)
           for split in manifest_lib.SPLITS]
  source_rows, copies, names, shards, positions = (
      np.concatenate([part[column] for part in parts]) for column in range(5))
  table = catalog[list(catalog_lib.OBJECT_COLUMNS)][source_rows]
  for name, values in (("copy", copies), ("split", names), ("shard", shards),
                       ("position", positions), ("number", np.arange(len(table)))):
    dtype, _, _ = catalog_lib.RECORD_COLUMNS[name]
    table[name] = values.astype(dtype)
  return table, source_rows


def records_per_shard(image_shape: tuple[int, int, int], dtype: str, shard_size_mb: float) -> int:
  """How many records fill a shard of `shard_size_mb` (1e6 bytes)."""
  record = int(np.prod(image_shape)) * np.dtype(dtype).itemsize + _RECORD_OVERHEAD
  return max(1, int(shard_size_mb * 1e6 // record))


def _plan_split(catalog, rows, split, seed, num_copies, per_shard) -> tuple[np.ndarray, ...]:
  """Source rows, copies, split names, shards and positions, in record order."""
  copies = np.tile(np.arange(num_copies), len(rows))
  rows = np.repeat(rows, num_copies)
  keys = [f"{object_id}/{copy}" for object_id, copy in zip(catalog["id"][rows], copies)]
  order = np.argsort(hashing.object_hashes(keys, f"{seed}/order"), kind="stable")
  num = len(order)
  num_shards = -(-num // per_shard)
  starts = np.arange(num_shards + 1) * num // max(num_shards, 1)
  shards = np.repeat(np.arange(num_shards), np.diff(starts))
  positions = np.arange(num) - starts[:-1][shards]
  return rows[order], copies[order], np.full(num, split, "U10"), shards, positions
