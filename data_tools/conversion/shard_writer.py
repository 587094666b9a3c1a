"""Writes TFRecord shards; each image is read, checked and written in one pass.

A task holds everything about one shard, so that any number and kind of processes writes
the same bytes.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Callable

import numpy as np

from data_tools.conversion import duplicate_images, shard_file
from data_tools.conversion.image_rules import ImageRules
from data_tools.readers.parts.cutout_source import ImageError
from pzbias_tf.data import augment, schema
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.storage import whole_file


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardTask:
  """One shard to write.

  Attributes:
    folder: where to write the shard, local or remote.
    split: the shard's split.
    name: file name.
    first_number: number of the first record; the others count on from it.
    images: returns the image [height, width, band] of a row of the source; raises ImageError.
    rules: the rules that an image must meet.
    rows: [records] rows of the source's catalogue.
    elements: [records] dihedral element of each record's image.
    ids: [records] str.
    z_spec: [records], NaN if unknown.
    r_mag: [records].
    ebv: [records].
    dtype: "float32" or "float16".
    divisor: stored values are divided by this before writing.
    compression: "none" or "gzip".
    left_out: records that are read and checked, but not written.
  """

  folder: str
  split: str
  name: str
  first_number: int
  images: Callable[[int], np.ndarray]
  rules: ImageRules
  rows: np.ndarray
  elements: np.ndarray
  ids: np.ndarray
  z_spec: np.ndarray
  r_mag: np.ndarray
  ebv: np.ndarray
  dtype: str
  divisor: float
  compression: str
  left_out: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardResult:
  """The result of a task.

  Attributes:
    shard: the shard, for the manifest.
    reasons: [records of the task] why a record's image was rejected, "" if it was not.
    marks: [records of the task] see `duplicate_images.mark`; 0 for a rejected image.
    left_out: as in the task.
    float16_error: largest absolute error of float16 (0 for float32).
  """

  shard: manifest_lib.Shard
  reasons: tuple[str, ...]
  marks: tuple[int, ...]
  left_out: tuple[int, ...]
  float16_error: float


def write_shard(task: ShardTask) -> ShardResult:
  """Writes one shard, completely or not at all, and describes it.

  Raises:
    OSError, tf.errors.OpError: the input can no longer be read, or the disk is full.
    ValueError: float16 overflows.
  """
  with whole_file(os.path.join(task.folder, task.name)) as hidden:
    compression_type = manifest_lib.COMPRESSION_TYPES[task.compression]
    with shard_file.ShardFile(hidden, compression_type) as file:
      outcomes = [_write_record(task, index, file) for index in range(len(task.rows))]
      size, digest = file.finish()
  reasons, marks, errors = zip(*outcomes)
  return ShardResult(
      shard=manifest_lib.Shard(split=task.split, name=task.name, records=file.records,
                               bytes=size, sha256=digest),
      reasons=reasons, marks=marks, left_out=task.left_out, float16_error=max(errors))


def _write_record(task: ShardTask, index: int, file: shard_file.ShardFile
                  ) -> tuple[str, int, float]:
  """Writes one record unless it is rejected or left out; its reason, mark and float16 error."""
  try:
    image = task.rules.check(task.images(int(task.rows[index])))
  except ImageError as error:
    return str(error), 0, 0.0
  mark, rounding = duplicate_images.mark(image), 0.0
  if index in task.left_out:
    return "", mark, rounding
  if task.dtype == "float16":
    image, rounding = _halved(image, task.divisor, task.ids[index])
  file.write(schema.serialize(
      augment.dihedral_numpy(image, int(task.elements[index])),
      number=task.first_number + index, object_id=str(task.ids[index]),
      z_spec=float(task.z_spec[index]), r_mag=float(task.r_mag[index]),
      ebv=float(task.ebv[index])))
  return "", mark, rounding


def _halved(image, divisor, object_id) -> tuple[np.ndarray, float]:
  """An image divided and rounded to float16, and the largest absolute rounding error."""
  scaled = image / np.float32(divisor)
  with np.errstate(over="ignore"):  # the check below finds an overflow
    half = scaled.astype(np.float16)
  error = float(np.max(np.abs(half - scaled)))
  if not np.isfinite(error):
    raise ValueError(f"--dtype=float16: a pixel of {object_id} exceeds float16's 65504 after "
                     f"division by {divisor:g}; use --dtype=float32")
  return half, error
