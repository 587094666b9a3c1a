"""From networks and a sample to predictions."""

from __future__ import annotations

from typing import Iterator, Sequence

import numpy as np
import tensorflow as tf

from pzbias_tf.data.apertures import measure_images
from pzbias_tf.data.augment import DIHEDRAL_ELEMENTS, dihedral
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.pipeline import ordered_batches
from pzbias_tf.models.network import input_size, redshift_pdf
from pzbias_tf.predictions.domain import TrainingDomain
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import Survey

COLUMNS = ("id", "r_mag", "ebv", "z_photo_ref", "field", "sample", "ra", "dec")
"""Columns of the catalogue that predictions repeat, beside "redshift"."""

BATCH_SIZE = 256

Columns = dict[str, np.ndarray]


class Predictor:
  """p(z) of galaxies, from one network or as the mean of several.

  Args:
    networks: of `build_network`, made in the scope of `strategy`, with their
      trained weights; all take images of one size and have one grid.
    edges: edges of their redshift bins [bins + 1].
    tta: average over the 8 dihedral views of each image.
    strategy: devices over which each batch is divided; None for one.
    domain: what flags galaxies; None flags none.

  Attributes:
    edges: as above.
  """

  def __init__(self, networks: Sequence[tf.keras.Model], edges: np.ndarray, *, tta: bool = False,
               strategy: tf.distribute.Strategy | None = None,
               domain: TrainingDomain | None = None):
    self.edges, self._domain = edges, domain
    self._networks, self._views = networks, DIHEDRAL_ELEMENTS if tta else 1
    self._size = input_size(networks[0])
    self._strategy = strategy or tf.distribute.get_strategy()
    self._forward = tf.function(
        lambda batch: self._strategy.run(self._replica, args=(batch,)), reduce_retracing=True)

  def batches(self, data: Dataset, split: str, keep: np.ndarray, *,
              batch_size: int = BATCH_SIZE) -> Iterator[tuple[np.ndarray, Columns]]:
    """Predicts some records of one split, a batch at a time, in record order.

    Args:
      data: the data set.  Images smaller than the networks' are filled up with 0, the
        level of the subtracted sky.
      split: "train", "validation", "test" or "target".
      keep: [records] bool.
      batch_size: galaxies a batch, over all devices.

    Yields:
      Probability of each bin [n, bins] float32, and "redshift" and COLUMNS of
      these galaxies with "row", their rows in the catalogue, and "flags" (see
      `domain.FLAGS`) where there is a domain.

    Raises:
      FloatingPointError: a network gave NaN.
    """
    batches = ordered_batches(data, split, keep=keep, labels=None, batch_size=batch_size,
                              image_size=min(self._size, *data.manifest.image_shape[:2]))
    for batch in self._strategy.experimental_distribute_dataset(batches):
      found = {name: np.concatenate([
          part.numpy() for part in self._strategy.experimental_local_results(value)])
               for name, value in self._forward(batch).items()}
      pdf, row = found.pop("pdf"), found.pop("row")
      _check_finite(pdf, data, row)
      columns = {name: data.column(name)[row] for name in COLUMNS}
      if self._domain:
        columns["flags"] = self._domain.flags(columns["r_mag"], found, pdf)
      yield pdf, {**columns, "redshift": data.column("z_spec")[row], "row": row}

  def _replica(self, batch):
    """What one device does with its part of a batch."""
    image = tf.image.resize_with_crop_or_pad(batch["image"], self._size, self._size)
    pdf = tf.add_n([
        redshift_pdf(network({"image": dihedral(image, tf.fill(tf.shape(batch["ebv"]), view)),
                              "ebv": batch["ebv"]}))
        for network in self._networks for view in range(self._views)])
    return {"row": batch["row"], "pdf": pdf / (len(self._networks) * self._views),
            **measure_images(image)}


def predict(network: tf.keras.Model, data: Dataset, split: str, keep: np.ndarray, survey: Survey,
            *, extended: bool, batch_size: int = BATCH_SIZE,
            domain: TrainingDomain | None = None) -> Predictions:
  """Predicts some records of one split, in memory.

  Args:
    network: of `build_network`, with its trained weights.
    data: the data set.
    split: "train", "validation", "test" or "target".
    keep: [records] bool.
    survey: gives the redshift grid.
    extended: whether the network's grid is the extended one.
    batch_size: galaxies a batch.
    domain: what flags galaxies; None flags none.

  Returns:
    Predictions in record order.

  Raises:
    FloatingPointError: a network gave NaN.
  """
  predictor = Predictor([network], survey.edges(extended=extended), domain=domain)
  pdfs, columns = zip(*predictor.batches(data, split, keep, batch_size=batch_size))
  return Predictions.make(predictor.edges, np.concatenate(pdfs), **{
      name: np.concatenate([part[name] for part in columns]) for name in columns[0]})


def _check_finite(pdf, data, rows):
  finite = np.isfinite(pdf).all(-1)
  if not finite.all():
    raise FloatingPointError(f"the network's p(z) of galaxy {data.column('id')[rows[~finite][0]]} "
                             "is not finite")
