"""The images of a few galaxies, without reading all of a data set."""

from __future__ import annotations

import numpy as np

from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.pipeline import ordered_batches


def read_images(data: Dataset, rows: np.ndarray) -> np.ndarray:
  """Reads the images of some records; shards that hold none of them are not touched.

  Args:
    data: the data set.
    rows: rows in the catalogue [n], any order, none twice.

  Returns:
    The central square of each image, [n, size, size, band] float32 flux.
  """
  size = min(data.manifest.image_shape[:2])
  starts = np.cumsum([0, *(shard.records for shard in data.manifest.shards)])
  shard_of = np.searchsorted(starts, rows, side="right") - 1
  images = np.empty([len(rows), size, size, data.manifest.image_shape[2]], np.float32)
  for number in np.unique(shard_of):
    part, wanted = data.shard(int(number)), np.flatnonzero(shard_of == number)
    wanted = wanted[np.argsort(rows[wanted])]  # in record order
    keep = np.zeros(len(part.catalog), bool)
    keep[rows[wanted] - starts[number]] = True
    batches = ordered_batches(part, part.manifest.shards[0].split, keep=keep, labels=None,
                              batch_size=len(wanted), image_size=size)
    (batch,) = batches.as_numpy_iterator()
    images[wanted] = batch["image"]
  return images
