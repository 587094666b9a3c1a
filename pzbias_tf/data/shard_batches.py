"""One pass over any number of shards, whose batches end where a shard ends."""

from __future__ import annotations

import functools
import os
from typing import Sequence

import numpy as np
import tensorflow as tf

from pzbias_tf.data import schema
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.pipeline import READ_BUFFER_BYTES, Layout, crop

AHEAD = 2
"""Batches that are parsed before the network asks for them."""


def shard_batches(parts: Sequence[Dataset], keep: Sequence[np.ndarray | None], *, batch_size: int,
                  image_size: int) -> tf.data.Dataset:
  """Batches of some records, shard by shard; the last one of each shard may be short.

  One pipeline reads all shards, since each start of one takes a tenth of a second.  Rows and
  catalogues are left to the caller, so that memory does not grow with the number of shards.

  Args:
    parts: data sets of one shard each, all of one data set of images.
    keep: for each of them which records to use, [records] bool; None for all.
    batch_size: galaxies per batch.
    image_size: central pixels to keep.

  Returns:
    A tf.data.Dataset of {"image" [batch, size, size, band] float32 flux, "ebv" and "number"
    [batch]}; compare the numbers with those of the catalogue.
  """
  shards = [part.manifest.shards[0] for part in parts]
  paths = [os.path.join(part.folder, shard.name) for part, shard in zip(parts, shards)]
  records = np.array([shard.records for shard in shards], np.int64)
  chosen = None
  if any(own is not None for own in keep):
    chosen = tf.constant(np.concatenate([
        np.ones(count, bool) if own is None else own for own, count in zip(keep, records)]))
  with tf.device("CPU:0"):
    make = _maker(Layout.of(parts[0]), batch_size, image_size)
    return make(tf.constant(paths), tf.constant(records),
                tf.constant(np.cumsum(records) - records), chosen)


@functools.lru_cache(maxsize=8)
def _maker(layout, batch_size, image_size):
  """A function that makes `shard_batches`, with one graph for any number of shards."""

  @tf.function(reduce_retracing=True)
  def make(paths, records, starts, keep):

    def read(path, count, start):
      shard = tf.data.TFRecordDataset(path, layout.compression_type, READ_BUFFER_BYTES).apply(
          tf.data.experimental.assert_cardinality(count))
      if keep is not None:
        shard = shard.enumerate(start).filter(lambda place, _: keep[place]).map(
            lambda _, record: record)
      return shard.batch(batch_size)

    def parse(several):
      batch = schema.parse_batch(several, image_shape=layout.image_shape, dtype=layout.dtype)
      if layout.flux_divisor != 1.0:  # saves a pass over all pixels
        batch["image"] = batch["image"] / layout.flux_divisor
      return {**batch, "image": crop(batch["image"], image_size)}

    return tf.data.Dataset.from_tensor_slices((paths, records, starts)).flat_map(read).map(
        parse, num_parallel_calls=2, deterministic=True).prefetch(AHEAD)

  return make
