"""A sample of the images of a data set, without reading all of it."""

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
    num: number of images, about; shards contribute by their records.

  Returns:
    Stored images [n, height, width, band] float32, one a galaxy, and their
    rows in the catalogue [n].
  """
  manifest = data.manifest
  counts = np.array([shard.records for shard in manifest.shards], np.int64)
  starts = np.cumsum(counts) - counts
  takes = np.minimum(counts, -(-num * counts // counts.sum()))
  images, rows = [], []
  for shard, start, take in zip(manifest.shards, starts, takes):
    path = os.path.join(data.folder, shard.name)
    records = tf.data.TFRecordDataset(path, manifest.compression_type).take(take)
    for batch in records.batch(max(take, 1)):
      images.append(schema.parse_batch(batch, image_shape=manifest.image_shape,
                                       dtype=manifest.dtype)["image"].numpy())
      rows.append(np.arange(start, start + take))
  images, rows = np.concatenate(images), np.concatenate(rows)
  originals = data.column("copy")[rows] == 0  # the others are the same galaxies, turned
  return images[originals], rows[originals]
