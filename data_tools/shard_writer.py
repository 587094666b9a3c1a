"""Writes TFRecord shards: hidden name, flush, rename, so that none is ever half there.

A shard is one task with everything in it, so that any number of processes
writes the same bytes.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import hashlib
import multiprocessing
import os
import re
from typing import Callable, Iterator

from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools import records as records_lib
from data_tools.readers.base import CutoutSource
from pzbias_tf.data import augment
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.data import schema
from pzbias_tf.files import whole_file

_SHARD_NAME = re.compile(
    rf"\.?({'|'.join(manifest_lib.SPLITS)})-\d{{5}}-of-\d{{5}}\.tfrecord(\.\d+\.tmp)?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardTask:
  """One shard to write.

  Attributes:
    folder: the data set's folder.
    split: the shard's split.
    name: file name.
    first_row: row of its first record in catalog.fits.
    images: stored image [height, width, band] by row of the source.
    source_rows: [records] rows of the source.
    elements: [records] dihedral element of each record's image.
    records: rows of catalog.fits that belong to the shard.
    dtype: "float32" or "float16".
    divisor: stored values are divided by this before writing.
  """

  folder: str
  split: str
  name: str
  first_row: int
  images: Callable[[int], np.ndarray]
  source_rows: np.ndarray
  elements: np.ndarray
  records: Table
  dtype: str
  divisor: float


def shard_name(split: str, number: int, total: int) -> str:
  """File name of a shard."""
  return f"{split}-{number:05d}-of-{total:05d}.tfrecord"


def remove_shards(folder: str) -> int:
  """Removes what carries a shard's name in `folder`; returns how many."""
  names = [name for name in os.listdir(folder) if _SHARD_NAME.fullmatch(name)]
  for name in names:
    os.remove(os.path.join(folder, name))
  return len(names)


def plan_shards(folder: str, source: CutoutSource, table: Table, source_rows: np.ndarray, *,
                seed: int, dtype: str, divisor: float) -> list[ShardTask]:
  """Cuts the record table into one task a shard, in record order."""
  elements = np.array([records_lib.augmentation_element(str(object_id), int(copy), seed)
                       for object_id, copy in zip(table["id"], table["copy"])], np.int64)
  columns = table["id", "z_spec", "r_mag", "ebv"]
  starts = np.flatnonzero(np.asarray(table["position"]) == 0)
  totals = collections.Counter(str(split) for split in table["split"][starts])
  tasks = []
  for start, stop in zip(starts, [*starts[1:], len(table)]):
    split = str(table["split"][start])
    name = shard_name(split, int(table["shard"][start]), totals[split])
    tasks.append(ShardTask(
        folder=folder, split=split, name=name, first_row=int(start), images=source.images,
        source_rows=source_rows[start:stop], elements=elements[start:stop],
        records=columns[start:stop], dtype=dtype, divisor=divisor))
  return tasks


def write_shard(task: ShardTask) -> manifest_lib.Shard:
  """Writes one shard and describes it.

  Raises:
    OSError: an image cannot be read any more, or the disk is full.
  """
  path = os.path.join(task.folder, task.name)
  with whole_file(path) as hidden:
    with tf.io.TFRecordWriter(hidden) as writer:
      for record in _serialized(task):
        writer.write(record)
    size, digest = _size_and_digest(hidden)
  return manifest_lib.Shard(split=task.split, name=task.name, records=len(task.records),
                            bytes=size, sha256=digest)


@contextlib.contextmanager
def worker_map(num_workers: int) -> Iterator[Callable]:
  """`map` for one worker, else an ordered map over that many processes.

  Processes are spawned, since a fork of a process that runs TensorFlow can hang.
  """
  if num_workers <= 1:
    yield map
    return
  with multiprocessing.get_context("spawn").Pool(num_workers) as pool:
    yield pool.imap


def stored_image(image: np.ndarray, element: int, dtype: str, divisor: float) -> np.ndarray:
  """An image as it is written: scaled (float16 only), cast, transformed."""
  image = image.astype(np.float32)
  if divisor != 1.0:
    image = image / np.float32(divisor)
  return augment.dihedral_numpy(image.astype(dtype), int(element))


def _serialized(task: ShardTask) -> Iterator[bytes]:
  columns = [task.records[name] for name in ("id", "z_spec", "r_mag", "ebv")]
  for index, (object_id, z_spec, r_mag, ebv) in enumerate(zip(*columns)):
    image = task.images(int(task.source_rows[index]))
    yield schema.serialize(
        stored_image(image, task.elements[index], task.dtype, task.divisor),
        number=task.first_row + index, object_id=str(object_id), z_spec=float(z_spec),
        r_mag=float(r_mag), ebv=float(ebv))


def _size_and_digest(path: str) -> tuple[int, str]:
  """Size and SHA-256 of a file."""
  with open(path, "rb") as file:
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    return file.tell(), digest
