"""Measures the galaxies that a stage was trained on, once, for the flags of others."""

from __future__ import annotations

import functools
import os

import numpy as np
import tensorflow as tf

from pzbias_tf.data.apertures import measure_images
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.shard_batches import shard_batches
from pzbias_tf.predictions.domain import TrainingDomain

MEASURED = 10_000  # galaxies; five of them then lie beyond each end of a range
_BATCH = 256


def training_domain(data: Dataset, image_size: int, path: str) -> TrainingDomain:
  """Reads the training domain, or measures it.

  Args:
    data: the data set.
    image_size: side of the central part that the network sees, pixels; not used of photometry.
    path: file of the domain, which is written where it does not exist.
  """
  if os.path.exists(path):
    return TrainingDomain.load(path)
  trained = (data.column("split") == "train") & (data.column("copy") == 0)
  if data.manifest.photometry:
    magnitudes, errors = data.photometry()
    domain = TrainingDomain.fit_photometry(
        data.column("r_mag")[trained], magnitudes[trained],
        None if errors is None else errors[trained], data.column("ebv")[trained])
  else:
    domain = TrainingDomain.fit(data.column("r_mag")[trained], _measure(data, image_size))
  domain.save(path)
  return domain


def _measure(data, image_size):
  """Measurements of the first galaxies: a fair sample, since records are in random order."""
  parts, keep, labels, left = [], [], [], MEASURED
  for number, shard in enumerate(data.manifest.shards):
    if shard.split != "train" or not shard.records or not left:
      continue
    part = data.shard(number)
    first = np.flatnonzero(part.column("copy") == 0)[:left]
    parts.append(part)
    keep.append(np.isin(np.arange(shard.records), first))
    labels.append({name: part.column(name)[first] for name in ("r_mag", "ebv")})
    left -= len(first)
  measure = _measurer(image_size, data.manifest.image_shape[-1])
  batches = [measure(batch["image"]) for batch in shard_batches(
      parts, keep, batch_size=_BATCH, image_size=image_size)]
  return {name: np.concatenate([one[name] for one in several])
          for several in (batches, labels) for name in several[0]}


@functools.lru_cache(maxsize=8)
def _measurer(image_size, bands):
  """`measure_images`, with one graph for all stages of a process."""
  return tf.function(measure_images, input_signature=[
      tf.TensorSpec([None, image_size, image_size, bands], tf.float32)])
