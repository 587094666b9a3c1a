"""The plan of a data set: which record stands where.

Records are in the order of a salted hash of `<id>/<copy>`, split by split, cut
into shards of about equal numbers of records.  The plan is made before any image
is read: records whose image is rejected are left out of it later.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import hashlib
import re

from astropy.table import Table
import numpy as np

from data_tools import hashing
from pzbias_tf.data import augment
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import manifest as manifest_lib

SHARD_NAME = re.compile(
    rf"(?P<split>{'|'.join(manifest_lib.SPLITS)})-\d{{5,}}-of-\d{{5,}}\.tfrecord")
"""What `shard_name` gives."""

_RECORD_OVERHEAD = 160  # bytes of a record besides its image, roughly


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
  """All records of a data set, before images are looked at.

  Attributes:
    table: the columns of the catalogue, one row a record, in record order.
    rows: [records] rows of the source.
    elements: [records] dihedral elements of the images.
    starts: [shards + 1] first record of each shard, and the number of records.
  """

  table: Table
  rows: np.ndarray
  elements: np.ndarray
  starts: np.ndarray

  @property
  def num_shards(self) -> int:
    """Number of shards."""
    return len(self.starts) - 1

  def shard(self, number: int) -> tuple[str, str, slice]:
    """Split, file name and records of a shard."""
    start, stop = (int(record) for record in self.starts[number:number + 2])
    split = str(self.table["split"][start])
    name = shard_name(split, int(self.table["shard"][start]), self._totals[split])
    return split, name, slice(start, stop)

  def digest(self) -> str:
    """Names one exact plan."""
    digest = hashlib.sha256()
    for values in (self.rows, self.elements, self.starts):
      digest.update(np.ascontiguousarray(values, "<i8"))
    return digest.hexdigest()

  def without(self, rejected: np.ndarray) -> tuple[Table, np.ndarray]:
    """The catalogue without some records, whose positions count what is left.

    Args:
      rejected: [records] bool.

    Returns:
      The table, and the records of each shard, [shards].
    """
    table = self.table[~rejected]
    shards = np.repeat(np.arange(self.num_shards), np.diff(self.starts))[~rejected]
    counts = np.bincount(shards, minlength=self.num_shards)
    positions = np.arange(len(table)) - (np.cumsum(counts) - counts)[shards]
    table["position"] = positions.astype(table["position"].dtype)
    return table, counts

  @functools.cached_property
  def _totals(self) -> dict[str, int]:
    return collections.Counter(str(split) for split in self.table["split"][self.starts[:-1]])


def shard_name(split: str, number: int, total: int) -> str:
  """File name of a shard."""
  return f"{split}-{number:05d}-of-{total:05d}.tfrecord"


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
                 augment_copies: int, per_shard: int) -> Plan:
  """Orders the records and gives each its shard and position.

  Args:
    catalog: objects as read.
    rows: [galaxies] rows of the objects to write.
    splits: [galaxies] their splits.
    seed: salt of the order.
    augment_copies: records of each training galaxy.
    per_shard: largest number of records.
  """
  parts = [_plan_split(catalog, rows[splits == split], split, seed,
                       augment_copies if split == "train" else 1, per_shard)
           for split in manifest_lib.SPLITS]
  names = np.repeat(np.array(manifest_lib.SPLITS), [len(part[0]) for part in parts])
  source_rows, copies, shards, positions = (
      np.concatenate([part[column] for part in parts]) for column in range(4))
  del parts  # of a hundred million galaxies, they count
  table = catalog[list(catalog_lib.OBJECT_COLUMNS)][source_rows]
  for name, values in (("copy", copies), ("split", names), ("shard", shards),
                       ("position", positions), ("number", np.arange(len(table)))):
    dtype, _, _ = catalog_lib.RECORD_COLUMNS[name]
    table[name] = values.astype(dtype)
  elements = np.fromiter(
      (augmentation_element(str(object_id), int(copy), seed)
       for object_id, copy in zip(table["id"], copies)), np.uint8, len(table))
  return Plan(table=table, rows=source_rows, elements=elements,
              starts=np.append(np.flatnonzero(positions == 0), len(table)))


def record_bytes(image_shape: tuple[int, int, int], dtype: str) -> int:
  """Size of a record, roughly."""
  return int(np.prod(image_shape)) * np.dtype(dtype).itemsize + _RECORD_OVERHEAD


def _plan_split(catalog, rows, split, seed, num_copies, per_shard) -> tuple[np.ndarray, ...]:
  """Source rows, copies, shards and positions, in record order."""
  copies = np.tile(np.arange(num_copies, dtype=np.int16), len(rows))
  rows = np.repeat(rows, num_copies)
  keys = (f"{object_id}/{copy}" for object_id, copy in zip(catalog["id"][rows], copies))
  order = np.argsort(hashing.object_hashes(keys, f"{seed}/order"), kind="stable")
  num = len(order)
  num_shards = -(-num // per_shard)
  starts = np.arange(num_shards + 1) * num // max(num_shards, 1)
  shards = np.repeat(np.arange(num_shards, dtype=np.int32), np.diff(starts))
  positions = (np.arange(num) - starts[:-1][shards]).astype(np.int32)
  return rows[order], copies[order], shards, positions
