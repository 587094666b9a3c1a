"""A sample of the images of a data set, which reads a small part of it."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from pzbias_tf.data import schema
from pzbias_tf.data.dataset import Dataset


def read_sample(data: Dataset, num: int) -> tuple[np.ndarray, np.ndarray]:
  """Reads the first records of each shard: a fair sample, since records are in random order.

  Args:
    data: the data set.
    num: approximate number of images; shards contribute in proportion to their records.  If
      there are more shards than `num`, that many give one image each.

  Returns:
    Stored images [n, height, width, band] float32, one per galaxy, and their rows in the
    catalogue [n].

  Raises:
    ValueError: a shard is damaged, or the sample is empty.
  """
  manifest = data.manifest
  counts = np.array([shard.records for shard in manifest.shards], np.int64)
  starts = np.cumsum(counts) - counts
  takes = _takes(counts, num)
  images = [_first_images(data, manifest.shards[number].name, int(takes[number]))
            for number in np.flatnonzero(takes)]
  rows = np.repeat(starts, takes) + np.arange(takes.sum()) - np.repeat(
      np.cumsum(takes) - takes, takes)
  originals = data.column("copy")[rows] == 0  # the others show the same galaxies, rotated
  if not np.any(originals):
    raise ValueError(f"--sample={num}: the sample of {data.folder} has augmented copies only; "
                     "increase --sample")
  return np.concatenate(images)[originals], rows[originals]


def _takes(counts: np.ndarray, num: int) -> np.ndarray:
  """Number of records to read from each shard, [shards] int64."""
  if np.count_nonzero(counts) <= num:
    return np.minimum(counts, -(-num * counts // counts.sum()))
  takes = np.zeros_like(counts)
  takes[np.random.default_rng(0).choice(len(counts), num, replace=False,
                                        p=counts / counts.sum())] = 1
  return takes


def _first_images(data: Dataset, name: str, take: int) -> np.ndarray:
  """The first images of a shard, [take, height, width, band] float32."""
  path, manifest = os.path.join(data.folder, name), data.manifest
  remedy = f"run python -m data_tools.verify {data.folder}"
  try:
    records = list(tf.data.TFRecordDataset(path, manifest.compression_type).take(take))
    if len(records) == take:
      return schema.parse_batch(tf.stack(records), image_shape=manifest.image_shape,
                                dtype=manifest.dtype)["image"].numpy()
  except tf.errors.OpError as error:
    raise ValueError(f"{path}: damaged ({error.message}); {remedy}") from error
  raise ValueError(f"{path}: damaged ({len(records)} records instead of at least {take}); {remedy}")
