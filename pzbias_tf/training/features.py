"""Features of the galaxies that Steps 2 and 3 draw, computed once.

Steps 2 and 3 train redshift layers behind a representation that no longer
changes.  Which galaxies they draw, in which of the 8 dihedral views, is known
before they start.  So the features of these views are computed in one pass over
the shards and kept on disk for every stage with the same representation.  A
training step then costs the redshift layers alone.
"""

from __future__ import annotations

import dataclasses
import shutil

from absl import logging
import numpy as np
import tensorflow as tf

from pzbias_tf.data import augment
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.draw_order import draws
from pzbias_tf.data.pipeline import Labels, ordered_batches
from pzbias_tf.guards.locks import exclusive_folder
from pzbias_tf.guards.own_folders import clear_files, refuse_link
from pzbias_tf.models.network import INPUTS, input_columns, input_size, network_inputs
from pzbias_tf.training.config import TrainConfig, settings_digest
from pzbias_tf.training.feature_cache import FeatureCache

# Images per forward pass; the last pass is padded.  With another number the last bits of the
# features differ (measured for Net_P), and so would the weights of a run that was killed while it
# filled the cache, or that follows a variant which has filled a part of it.
CHUNK = 128
COMMIT_EVERY = 64  # chunks; 32 MB of Net_P's features in float32
_LOG_EVERY_S = 15


def features_digest(config: TrainConfig, representation: tf.keras.Model) -> str:
  """A digest of all that decides the features of a galaxy; the balanced subset does not."""
  settings = {
      "weights": config.init_weights_digest, "data": config.data_digest,
      "image_size": config.image_size, "input_scaling": config.input_scaling.to_json(),
      "computed_in": representation.layers[-1].compute_dtype, "stored_in": config.feature_dtype}
  if config.photometry:
    settings["photometry"] = dataclasses.asdict(config.photometry)
  if config.extra_columns.names:
    settings["extra_columns"] = config.extra_columns.to_json()
  return settings_digest(settings)


def cached_features(representation: tf.keras.Model, data: Dataset, split: str, pairs: np.ndarray,
                    *, folder: str, dtype: str) -> np.ndarray:
  """Features of (record, view) pairs, computed where the cache lacks them.

  Args:
    representation: of `build_network`, with its trained weights.
    data: the data set.
    split: the split that the records are in.
    pairs: [records of the data set, 8] bool, the wanted pairs; [records, 1] of photometry, which
      has one view.
    folder: folder of the cache; its name must identify what decides the features.
    dtype: "float32" or "float16", as stored.

  Returns:
    [records, views, features], memory-mapped; valid for the wanted pairs.

  Raises:
    OSError: the disk has too little space.
  """
  refuse_link(folder)
  with exclusive_folder(folder, wait=True):  # variants of one Step 1 may start side by side
    clear_files(folder)
    cache = FeatureCache(folder, records=len(pairs), size=representation.output_shape[-1],
                         dtype=dtype, views=pairs.shape[1])
    damaged = cache.unmark_damaged(pairs)
    if damaged:
      logging.warning("%s: the features of %d pairs of galaxy and view have changed on disk; they "
                      "are computed again", folder, damaged)
    missing = pairs & ~cache.filled
    if missing.any():
      _check_disk(folder, missing, cache.features)
      _fill(cache, representation, data, split, missing)
  logging.info("Features of %d pairs of galaxy and view (%d computed now) in %s, which may be "
               "deleted once all runs on these weights are complete", pairs.sum(), missing.sum(),
               folder)
  return cache.features


def feature_batches(features: np.ndarray, rows: np.ndarray, labels: Labels, *, batch_size: int,
                    seed: int, start_step: int = 0, dihedral: bool = True,
                    ) -> tf.data.Dataset:
  """Endless batches of shuffled passes over features, each galaxy in a random view.

  Args:
    features: [records, views, features] float32 or float16.
    rows: rows of the galaxies in the catalogue.
    labels: labels of all records.
    batch_size: galaxies per batch.
    seed: seed of order and views.
    start_step: batches to skip.
    dihedral: draw views; False always takes the first one.

  Returns:
    A data set of {"features" [batch, features] float32, "redshift_bin",
    "magnitude_row" [batch]}; batches straddle epochs and are always full.
  """
  rows_of, bins, magnitude_rows = (tf.constant(column) for column in (
      rows, labels.redshift_bin[rows], labels.magnitude_row[rows]))
  num_views, size = features.shape[1:]
  pairs = np.asarray(features).reshape(-1, size)  # plain and flat: look-ups are twice as fast

  def several(galaxies, views):
    places = tf.gather(rows_of, galaxies) * num_views + tf.cast(views, tf.int64)
    # Gathered in numpy: a captured tensor of this size would be copied into the graph.
    chosen = tf.numpy_function(lambda place: pairs.take(place, axis=0), [places], features.dtype)
    chosen = tf.ensure_shape(chosen, [None, batch_size, size])
    return {"features": tf.cast(chosen, tf.float32), "redshift_bin": tf.gather(bins, galaxies),
            "magnitude_row": tf.gather(magnitude_rows, galaxies)}

  order = draws(len(rows), batch_size=batch_size, seed=seed, start_step=start_step,
                dihedral=dihedral)
  return order.map(several, num_parallel_calls=1, deterministic=True).unbatch().prefetch(8)


def _fill(cache, representation, data, split, missing):
  """Computes the missing pairs in one pass over the split's shards."""
  @tf.function
  def forward(batch):
    return representation(network_inputs(augment.in_views(batch)))

  done, total = 0, int(missing.sum())
  for number, chunk in enumerate(_chunks(data, split, missing, representation), 1):
    count = int(chunk["row"].shape[0])
    features = forward({name: _padded(chunk[name]) for name in (*INPUTS, "view") if name in chunk})
    cache.put(chunk["row"].numpy(), chunk["view"].numpy(), features.numpy()[:count])
    done += count
    if number % COMMIT_EVERY == 0:
      cache.commit()
    logging.log_every_n_seconds(logging.INFO, "Features: %d of %d pairs of galaxy and view",
                                _LOG_EVERY_S, done, total)
  cache.commit()
  if done != total:
    raise ValueError(f"{data.folder}: only {done} of {total} images were read; convert it again")


def _chunks(data, split, pairs, representation):
  """CHUNK images at a time, one per pair, with their "row" and "view"."""
  wanted = tf.constant(pairs)

  def one_per_pair(batch):
    galaxy, view = tf.unstack(tf.where(tf.gather(wanted, batch["row"])), axis=1)
    return {"view": view, **{name: tf.gather(values, galaxy) for name, values in batch.items()}}

  batches = ordered_batches(data, split, keep=pairs.any(axis=1), labels=None,
                            batch_size=CHUNK // pairs.shape[1],
                            image_size=input_size(representation),
                            extra_columns=input_columns(representation))
  return batches.map(one_per_pair).rebatch(CHUNK).prefetch(1)


def _padded(tensor):
  padding = [[0, CHUNK - tensor.shape[0]]] + [[0, 0]] * (len(tensor.shape) - 1)
  return tf.pad(tensor, padding)


def _check_disk(folder, pairs, features):
  """Refuses a disk that would fill up: writing to mapped memory would then kill the process."""
  needed = int(pairs.sum()) * features.shape[-1] * features.itemsize
  free = shutil.disk_usage(folder).free
  if needed > free:
    raise OSError(f"{folder}: the features need {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are "
                  "free; make room, or use --feature_dtype=float16 or --nocache_features")
