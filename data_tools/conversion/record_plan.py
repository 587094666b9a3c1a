"""The plan of a data set: the place of each record.

Split by split, records are in the order of a salted hash of `<id>/<copy>`, cut into
shards of about equal numbers of records.  The plan is made before any image is read;
records whose image is rejected are left out when the shards are written.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import hashlib
import re

from astropy.table import Table
import numpy as np

from data_tools.conversion import hashing
from data_tools.readers.parts import compact_ids
from pzbias_tf.data import augment
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.tables.scratch_file import release_pages

SHARD_NAME = re.compile(
    rf"(?P<split>{'|'.join(manifest_lib.SPLITS)})-\d{{5,}}-of-\d{{5,}}\.tfrecord")
"""The names that `shard_name` makes."""

_BLOCK = 100_000  # records
_RECORD_OVERHEAD = 160  # bytes of a record besides its image, roughly


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
  """All records of a data set, before any image is read.

  Memory matters for a survey of 10^9 galaxies: the plan stores a row and a copy per record,
  and looks everything else up.

  Attributes:
    catalog: the objects as read.
    rows: [records] rows of the catalogue.
    copies: [records] 0 for the image itself, else the number of the augmented copy.
    starts: [shards + 1] first record of each shard, then the number of records.
    splits: [shards] split of each shard.
    seed: salt of the augmentation.
  """

  catalog: Table
  rows: np.ndarray
  copies: np.ndarray
  starts: np.ndarray
  splits: tuple[str, ...]
  seed: int

  @property
  def num_shards(self) -> int:
    """Number of shards."""
    return len(self.splits)

  def shard(self, number: int) -> tuple[str, str, slice]:
    """Split, file name and records of a shard."""
    split = self.splits[number]
    name = shard_name(split, self.number_in_split(number), self._totals[split])
    return split, name, slice(int(self.starts[number]), int(self.starts[number + 1]))

  def number_in_split(self, number):
    """Number of a shard within its split; takes arrays as well."""
    return number - self._first_of_own_split[number]

  def shard_of(self, records: np.ndarray) -> np.ndarray:
    """Number of the shard of each record."""
    return np.searchsorted(self.starts, records, side="right") - 1

  def elements(self, part: slice) -> np.ndarray:
    """Dihedral elements of the images of some records, uint8."""
    ids, copies = self.values("id", self.rows[part]), self.copies[part]
    return np.fromiter((augmentation_element(str(object_id), int(copy), self.seed)
                        for object_id, copy in zip(ids, copies)), np.uint8, len(ids))

  def values(self, name: str, rows: np.ndarray) -> np.ndarray:
    """Some rows of a column of the catalogue, in any order; ids are text."""
    column = self.catalog[name]
    values = compact_ids.texts(column, rows) if name == "id" else np.asarray(column)[rows]
    release_pages()  # any of them were in use
    return values

  def digest(self) -> str:
    """SHA-256 that identifies this plan."""
    digest = hashlib.sha256(repr((self.splits, self.seed)).encode())
    for values in (self.rows, self.copies, self.starts):
      digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()

  @functools.cached_property
  def _totals(self) -> dict[str, int]:
    return collections.Counter(self.splits)

  @functools.cached_property
  def _first_of_own_split(self) -> np.ndarray:
    _, first, own = np.unique(self.splits, return_index=True, return_inverse=True)
    return first[own]


def shard_name(split: str, number: int, total: int) -> str:
  """File name of a shard."""
  return f"{split}-{number:05d}-of-{total:05d}.tfrecord"


def augmentation_element(object_id: str, copy: int, seed: int) -> int:
  """The dihedral transform of an augmented copy.

  Copy 0 is the image itself.  The other copies step through the seven remaining
  elements, starting at one that depends on the object, so that even a few copies per
  galaxy show every orientation equally often.
  """
  if copy == 0:
    return 0
  others = augment.DIHEDRAL_ELEMENTS - 1
  start = hashing.object_hash(object_id, f"{seed}/augment") % others
  return 1 + (start + copy - 1) % others


def plan_records(catalog: Table, rows: np.ndarray, splits: np.ndarray, *, seed: int,
                 augment_copies: int, per_shard: int) -> Plan:
  """Orders the records and assigns each to a shard and a position.

  Args:
    catalog: the objects as read.
    rows: [galaxies] rows of the objects to write.
    splits: [galaxies] their splits as numbers of `manifest.SPLITS`.
    seed: salt of the order.
    augment_copies: records per training galaxy.
    per_shard: largest number of records in a shard.
  """
  ids = catalog["id"]
  parts = [_plan_split(ids, rows[splits == number], seed,
                       augment_copies if split == "train" else 1, per_shard)
           for number, split in enumerate(manifest_lib.SPLITS)]
  source_rows, copies, sizes = (np.concatenate([part[column] for part in parts])
                                for column in range(3))
  return Plan(catalog=catalog, rows=source_rows, copies=copies, seed=seed,
              starts=np.concatenate([[0], np.cumsum(sizes)]),
              splits=tuple(np.repeat(manifest_lib.SPLITS,
                                     [len(part[2]) for part in parts]).tolist()))


def record_bytes(image_shape: tuple[int, ...], dtype: str) -> int:
  """Size of a record in bytes, roughly."""
  return int(np.prod(image_shape)) * np.dtype(dtype).itemsize + _RECORD_OVERHEAD


def _blocks(num: int) -> list[slice]:
  """Slices of all records: ids as text take memory."""
  return [slice(start, start + _BLOCK) for start in range(0, num, _BLOCK)]


def _plan_split(ids, rows, seed, num_copies, per_shard) -> tuple[np.ndarray, ...]:
  """Source rows and copies in record order, and the number of records of each shard."""
  copies = np.tile(np.arange(num_copies, dtype=np.int8), len(rows))
  rows = np.repeat(rows, num_copies) if num_copies > 1 else rows
  hashes = np.zeros(len(rows), np.uint64)
  for block in _blocks(len(rows)):
    hashes[block] = hashing.object_hashes(
        (f"{name}/{copy}" for name, copy in zip(compact_ids.texts(ids, rows[block]),
                                                copies[block])), f"{seed}/order")
    release_pages()
  order = np.argsort(hashes, kind="stable")
  del hashes  # before there are more arrays of this length
  num_shards = -(-len(order) // per_shard)
  sizes = np.diff(np.arange(num_shards + 1) * len(order) // max(num_shards, 1))
  return rows[order], copies[order], sizes
