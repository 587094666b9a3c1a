"""Whether one shard is undamaged, and whether its records agree with the catalogue.

A shard is read twice: for its SHA-256 and then, from the page cache, for its records.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Mapping

import numpy as np

from data_tools.verification.shard_records import ShardRecords, read_records
from pzbias_tf import storage
from pzbias_tf.data.manifest import Manifest, Shard


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardCheck:
  """The task of checking one shard.

  Attributes:
    folder: the data set's folder.
    shard: the shard's entry in the manifest.
    first_row: row of its first record in the catalogue.
    image_bytes: expected size of an image.
    dtype: type of the stored pixels.
    compression_type: "" or "GZIP".
    labels: columns of the catalogue, [records] each; {} if it is unusable.
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
  """The result of a check.

  Attributes:
    sha256: digest of the file.
    damage: what is wrong with the file, in words; "" for an undamaged one.
    disagreements: {subject: rows} of an undamaged file; subjects are "image size", "pixels"
      and columns of the catalogue that are wrong in these rows.
    image_hashes: [records] uint64 of an undamaged file, [0] of a damaged one.
  """

  sha256: str
  damage: str
  disagreements: Mapping[str, np.ndarray]
  image_hashes: np.ndarray


def plan_checks(folder: str, manifest: Manifest,
                labels: Mapping[str, np.ndarray]) -> list[ShardCheck]:
  """One task per existing shard.

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
  """Checks a shard; a plain function, so that it can be passed to worker processes."""
  path = os.path.join(task.folder, task.shard.name)
  size, sha256 = storage.file_size(path), storage.sha256(path)
  records = read_records(path, task.dtype, task.compression_type)
  damage = _damage(task.shard, size, sha256, records)
  if damage:
    return ShardReport(sha256=sha256, damage=damage, disagreements={},
                       image_hashes=records.image_hashes[:0])
  return ShardReport(sha256=sha256, damage="", disagreements=_disagreements(task, records),
                     image_hashes=records.image_hashes)


def _damage(shard: Shard, size: int, sha256: str, records: ShardRecords) -> str:
  """The most likely damage of a file that differs from the manifest; "" for an undamaged one."""
  cut = f"{size} of {shard.bytes} bytes exist"
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
    return "not the file that the manifest describes (SHA-256), though its records are undamaged"
  return ""


def _disagreements(task: ShardCheck, records: ShardRecords) -> dict[str, np.ndarray]:
  """{subject: rows} of the records of an undamaged file that manifest or catalogue contradict."""
  rows = task.first_row + np.arange(len(records))
  wrong = {"image size": records.image_bytes != task.image_bytes, "pixels": ~records.finite}
  for name, values in task.labels.items():
    wrong[name] = ~_equal(records.columns[name], values)
  return {subject: rows[where] for subject, where in wrong.items() if where.any()}


def _equal(stored: np.ndarray, column: np.ndarray) -> np.ndarray:
  """Equality in the single precision of records; NaN equals NaN."""
  if stored.dtype.kind != "f":
    return stored == column
  column = column.astype(np.float32)
  return (stored == column) | (np.isnan(stored) & np.isnan(column))
