"""The frozen representation of a sample, computed once.

Steps 2 and 3 train redshift layers behind a representation that no longer
changes.  Its features of each galaxy, for each of the 8 dihedral views, are
computed once and kept on disk, so that a training step costs the redshift
layers alone.
"""

from __future__ import annotations

import hashlib
import os

from absl import logging
import numpy as np
import tensorflow as tf

from pzbias_tf.data.augment import DIHEDRAL_ELEMENTS, dihedral
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.order import draw_views, shuffled_batches
from pzbias_tf.data.pipeline import Batch, Labels, ordered_batches
from pzbias_tf.files import whole_file
from pzbias_tf.models.network import input_size


def frozen_features(representation: tf.keras.Model, data: Dataset, split: str, rows: np.ndarray,
                    *, path: str, views: int = DIHEDRAL_ELEMENTS,
                    batch_size: int = 128) -> np.ndarray:
  """Features of some records, from the file if it is there.

  Args:
    representation: of `build_network`, with its trained weights.
    data: the data set.
    split: the split of the records.
    rows: their rows in the catalogue, sorted.
    path: .npy file that keeps them; its name must tell weights, data and rows.
    views: how many dihedral views, from the first.
    batch_size: galaxies a batch.

  Returns:
    [len(rows), views, features] float32, memory-mapped.
  """
  if not os.path.exists(path):
    _write_features(representation, data, split, rows, path, views, batch_size)
  return np.load(path, mmap_mode="r", allow_pickle=False)


def features_digest(weights_digest: str, data_digest: str, rows: np.ndarray,
                    image_size: int) -> str:
  """Names one exact set of features: weights, images, galaxies."""
  text = f"{weights_digest}:{data_digest}:{image_size}:".encode()
  return hashlib.sha256(text + rows.astype("<i8").tobytes()).hexdigest()[:16]


def feature_batches(features: np.ndarray, rows: np.ndarray, labels: Labels, *, batch_size: int,
                    seed: int, start_step: int = 0, dihedral_views: bool = True,
                    ) -> tf.data.Dataset:
  """Endless batches of shuffled passes over features, each galaxy in a random view.

  Args:
    features: [galaxies, views, features] float32.
    rows: their rows in the catalogue [galaxies].
    labels: labels of all records.
    batch_size: galaxies a batch.
    seed: seed of order and views.
    start_step: batches to skip.
    dihedral_views: draw views; False always takes the first one.

  Returns:
    A data set of {"features" [batch, features], "redshift_bin",
    "magnitude_row" [batch]}; batches straddle epochs and are always full.
  """
  bins = tf.constant(labels.redshift_bin[rows], tf.int32)
  magnitude_rows = tf.constant(labels.magnitude_row[rows], tf.int32)

  def look_up(step, galaxies):
    views = draw_views(seed, step, batch_size, dihedral=dihedral_views)
    chosen = tf.numpy_function(lambda g, v: features[g, v], [galaxies, views], tf.float32)
    return {"features": tf.ensure_shape(chosen, [batch_size, features.shape[-1]]),
            "redshift_bin": tf.gather(bins, galaxies),
            "magnitude_row": tf.gather(magnitude_rows, galaxies)}

  order = shuffled_batches(len(rows), batch_size=batch_size, seed=seed, start_step=start_step)
  return order.map(look_up, num_parallel_calls=1, deterministic=True).prefetch(8)


def _write_features(representation, data, split, rows, path, views, batch_size):
  """Computes features and writes them, whole or not at all."""
  os.makedirs(os.path.dirname(path), exist_ok=True)
  size = representation.output_shape[-1]
  logging.info("Features of %d galaxies in %d views, %.2f GB -> %s (they may be deleted when the "
               "run is complete)", len(rows), views, len(rows) * views * size * 4e-9, path)
  forward = tf.function(
      lambda batch, view: _one_view(representation, batch, view), reduce_retracing=True)
  with whole_file(path) as hidden:
    target = np.lib.format.open_memmap(hidden, "w+", np.float32, (len(rows), views, size))
    done = 0
    for batch in _batches_of(data, split, rows, representation, batch_size):
      count = int(batch["row"].shape[0])
      for view in range(views):
        target[done:done + count, view] = forward(batch, tf.constant(view)).numpy()
      done += count
    if done != len(rows):
      raise ValueError(f"{data.folder}: {done} of {len(rows)} galaxies were read")
    target.flush()


def _one_view(representation, batch: Batch, view):
  image = dihedral(batch["image"], tf.fill(tf.shape(batch["row"]), view))
  return representation({"image": image, "ebv": batch["ebv"]})


def _batches_of(data, split, rows, representation, batch_size):
  keep = np.zeros(len(data.catalog), bool)
  keep[rows] = True
  return ordered_batches(data, split, keep=keep, labels=None, batch_size=batch_size,
                         image_size=input_size(representation))
