"""Whether one shard is whole, and whether its records are those of the catalogue.

A shard is read twice: for its SHA-256 and, out of the page cache, for its records.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Mapping

import numpy as np

from data_tools.conversion import shard_file
from data_tools.verification.shard_records import ShardRecords, read_records
from pzbias_tf import storage
from pzbias_tf.data.manifest import Manifest, Shard


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardCheck:
  """A task: one shard to look at.

  Attributes:
    folder: the data set's folder.
    shard: what the manifest says of the shard.
    first_row: row of its first record in the catalogue.
    image_bytes: size of an image.
    dtype: type of the stored pixels.
    compression_type: "" or "GZIP".
    labels: columns of the catalogue, [records] each; {} where it is unusable.
  """

  folder: str
  shard: Shard
  first_row: int
  image_bytes: int
  dtype: str
  compression_type: str
  labels: Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardReport:
  """What was found.

  Attributes:
    sha256: digest of the file.
    damage: what is wrong with the file, in words; "" for a whole one.
    disagreements: {subject: rows} of a whole file, where "image size", "pixels"
      or a column of the catalogue is not as it should be.
    image_hashes: [records] uint64 of a whole file, [0] of another.
  """

  sha256: str
  damage: str
  disagreements: Mapping[str, np.ndarray]
  image_hashes: np.ndarray


def plan_checks(folder: str, manifest: Manifest,
                labels: Mapping[str, np.ndarray]) -> list[ShardCheck]:
  """One task for each shard that is there.

  Args:
    folder: the data set's folder.
    manifest: its manifest.
    labels: columns of the catalogue to compare, [records] each; {} for none.
  """
  tasks, row = [], 0
  for shard in manifest.shards:
    rows = slice(row, row + shard.records)
    row += shard.records
    if storage.is_file(os.path.join(folder, shard.name)):
      tasks.append(ShardCheck(
          folder=folder, shard=shard, first_row=rows.start, image_bytes=manifest.image_bytes,
          dtype=manifest.dtype, compression_type=manifest.compression_type,
          labels={name: values[rows] for name, values in labels.items()}))
  return tasks


def check_shard(task: ShardCheck) -> ShardReport:
  """Runs a task; a plain function, so that worker processes can be given it."""
  path = os.path.join(task.folder, task.shard.name)
  size, sha256 = storage.file_size(path), shard_file.digest(path)
  records = read_records(path, task.dtype, task.compression_type)
  damage = _damage(task.shard, size, sha256, records)
  if damage:
    return ShardReport(sha256=sha256, damage=damage, disagreements={},
                       image_hashes=records.image_hashes[:0])
  return ShardReport(sha256=sha256, damage="", disagreements=_disagreements(task, records),
                     image_hashes=records.image_hashes)


def _damage(shard: Shard, size: int, sha256: str, records: ShardRecords) -> str:
  """The likeliest story of a file that is not what the manifest says."""
  cut = f"{size} of {shard.bytes} bytes are there"
  number = f"{len(records) + 1} of {shard.records}"
  if records.error and size < shard.bytes:
    return f"cut off inside record {number}: {cut}"
  if records.error:
    return f"damaged in record {number} ({records.error})"
  if len(records) < shard.records and size < shard.bytes:
    return f"cut off between two records, before record {number}: {cut}"
  if len(records) != shard.records:
    return f"holds {len(records)} records, the manifest counts {shard.records}"
  if size != shard.bytes or sha256 != shard.sha256:
    return "not the file that the manifest describes (SHA-256), though its records are whole"
  return ""


def _disagreements(task: ShardCheck, records: ShardRecords) -> dict[str, np.ndarray]:
  """Rows of the records of a whole file that are not as manifest and catalogue say."""
  rows = task.first_row + np.arange(len(records))
  wrong = {"image size": records.image_bytes != task.image_bytes, "pixels": ~records.finite}
  for name, values in task.labels.items():
    wrong[name] = ~_equal(records.columns[name], values)
  return {subject: rows[where] for subject, where in wrong.items() if where.any()}


def _equal(stored: np.ndarray, column: np.ndarray) -> np.ndarray:
  """Equality in the single precision of records, where NaN equals NaN."""
  if stored.dtype.kind != "f":
    return stored == column
  column = column.astype(np.float32)
  return (stored == column) | (np.isnan(stored) & np.isnan(column))
