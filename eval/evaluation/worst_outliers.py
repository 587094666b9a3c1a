"""The galaxies whose estimates are the farthest off, with their images from the data set."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from eval.stage_results import load_test_predictions
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.pipeline import ordered_batches
from pzbias_tf.report.figures.outliers import Outliers
from pzbias_tf.survey import Survey
from pzbias_tf.training.config import load_config

SHOWN = 12


def worst_outliers(folder: str, survey: Survey) -> tuple[Outliers | None, str]:
  """Finds the test galaxies with the largest residuals, and their images.

  Args:
    folder: folder of the stage whose estimates are looked at.
    survey: the survey.

  Returns:
    The galaxies, None where the data set that the stage was trained on cannot
    be read any more, and then the reason.
  """
  config, provenance = load_config(folder)
  predictions = load_test_predictions(folder, survey)
  dz = np.abs(predictions.z_photo - predictions.z_spec) / (1.0 + predictions.z_spec)
  worst = predictions.select(np.argsort(-dz, kind="stable")[:SHOWN])
  try:
    data = Dataset.open(provenance["data_dir"])
    if data.manifest.digest() != config.data_digest:
      raise ValueError(f"{data.folder} is another data set now")
    images = read_images(data, worst.ancil["row"])
  except (OSError, ValueError, tf.errors.OpError) as error:
    return None, f"no pictures of outliers: {str(error).splitlines()[0]}"
  return Outliers(
      title=config.stage_spec.title, ids=worst.ancil["id"], images=images, bands=survey.bands,
      seen=config.image_size, z_spec=worst.z_spec, z_photo=worst.z_photo, r_mag=worst.r_mag), ""


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
