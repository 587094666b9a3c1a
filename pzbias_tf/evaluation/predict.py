"""From a network and a sample to predictions."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.pipeline import ordered_batches
from pzbias_tf.evaluation.predictions import Predictions
from pzbias_tf.models.network import input_size, redshift_pdf
from pzbias_tf.survey import Survey

_COLUMNS = ("id", "r_mag", "ebv", "z_photo_ref", "field", "sample")


def predict(network: tf.keras.Model, data: Dataset, split: str, keep: np.ndarray, survey: Survey,
            *, extended: bool, batch_size: int = 256) -> Predictions:
  """Predicts some records of one split.

  Args:
    network: of `build_network`, with its trained weights.
    data: the data set.
    split: "train", "validation", "test" or "target".
    keep: [records] bool.
    survey: gives the redshift grid.
    extended: whether the network's grid is the extended one.
    batch_size: galaxies a batch.

  Returns:
    Predictions in record order.

  Raises:
    FloatingPointError: a network gave NaN.
  """
  forward = tf.function(lambda image, ebv: redshift_pdf(network({"image": image, "ebv": ebv})),
                        reduce_retracing=True)
  batches = ordered_batches(data, split, keep=keep, labels=None, batch_size=batch_size,
                            image_size=input_size(network))
  pdfs, rows = [], []
  for batch in batches:
    pdfs.append(forward(batch["image"], batch["ebv"]).numpy())
    rows.append(batch["row"].numpy())
  pdf, rows = np.concatenate(pdfs), np.concatenate(rows)
  if not np.all(np.isfinite(pdf)):
    bad = data.column("id")[rows[~np.isfinite(pdf).all(-1)][0]]
    raise FloatingPointError(f"the network's p(z) of galaxy {bad} is not finite")
  columns = {name: data.column(name)[rows] for name in _COLUMNS}
  return Predictions.make(survey.edges(extended=extended), pdf,
                          redshift=data.column("z_spec")[rows], row=rows, **columns)
