"""The galaxies with the worst estimates, and their images from the data set."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from eval.run import EvaluatedStage
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.pipeline import ordered_batches
from pzbias_tf.report.figures.outliers import Outliers

SHOWN = 12


def worst_outliers(stage: EvaluatedStage) -> tuple[Outliers | None, str]:
  """Finds the test galaxies with the largest residuals, and their images.

  Args:
    stage: the stage whose estimates are looked at.

  Returns:
    The galaxies, or None where there are no images: of photometry, and where the data set that
    the stage was trained on cannot be read any more; and the reason then.
  """
  if stage.config.photometry:
    return None, "no pictures of outliers: the run was trained on photometry"
  test = stage.test
  dz = np.abs(test.z_photo - test.z_spec) / (1.0 + test.z_spec)
  worst = test.select(np.argsort(-dz, kind="stable")[:SHOWN])
  try:
    data = Dataset.open(stage.data_dir)
    if data.manifest.digest() != stage.config.data_digest:
      raise ValueError(f"{data.folder} is another data set now")
    images = read_images(data, worst.ancil["row"])
  except (OSError, ValueError, tf.errors.OpError) as error:
    return None, f"no pictures of outliers: {str(error).splitlines()[0]}"
  return Outliers(
      title=stage.spec.title, ids=worst.ancil["id"], images=images, bands=stage.survey.bands,
      seen=stage.config.image_size, z_spec=worst.z_spec, z_photo=worst.z_photo,
      r_mag=worst.r_mag), ""


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
