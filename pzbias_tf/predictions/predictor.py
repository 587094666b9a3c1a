"""From networks and galaxies, of a data set or in arrays, to predictions."""

from __future__ import annotations

import functools
from typing import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from pzbias_tf.data.apertures import measure_images
from pzbias_tf.data.augment import DIHEDRAL_ELEMENTS, dihedral_view
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.pipeline import crop, ordered_batches
from pzbias_tf.data.reference_columns import columns_in
from pzbias_tf.data.shard_batches import shard_batches
from pzbias_tf.data.table_batches import ordered_rows
from pzbias_tf.models.network import input_columns, input_size, redshift_pdf
from pzbias_tf.predictions.combination import BY_MEAN, HARMONIC, MEAN, harmonic_mean
from pzbias_tf.predictions.domain import TrainingDomain
from pzbias_tf.predictions.estimates import ESTIMATES
from pzbias_tf.predictions.estimates_in_graph import estimates_in_graph
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.survey import Survey

COLUMNS = ("id", "r_mag", "ebv", "field", "sample", "ra", "dec")
"""Columns of the catalogue that predictions repeat, beside redshifts."""

BATCH_SIZE = 256
"""Galaxies per batch of 64 x 64 pixels, over all devices."""

_MOST_PER_BATCH = 512  # measured with 16 pixels: 1024 takes the same time and twice the memory

Columns = dict[str, np.ndarray]


class Predictor:
  """p(z) of galaxies, from one network or combined from several.

  Images smaller than the networks' are filled up with 0, the level of the
  subtracted sky; of larger ones the central pixels are used.

  Args:
    networks: of `build_network`, made in the scope of `strategy`, with their
      trained weights; all take images of one size and the same extra columns, and
      have one grid.
    edges: edges of their redshift bins [bins + 1].
    tta: average over the 8 dihedral views of each image, network by network;
      photometry has one view.
    combination: how p(z) of several networks become one, of COMBINATIONS.
    strategy: devices over which each batch is divided; None for one.
    domain: what flags galaxies; None flags none.

  Attributes:
    networks, edges: as above.
    size: side of the images that the networks take, pixels; 0 for photometry.
    extra_columns: names of the extra columns that they take, in their order.
    batch_size: galaxies per batch unless asked otherwise, see `default_batch_size`.
    combination: as above; "" for one network.
  """

  def __init__(self, networks: Sequence[tf.keras.Model], edges: np.ndarray, *, tta: bool = False,
               combination: str = MEAN, strategy: tf.distribute.Strategy | None = None,
               domain: TrainingDomain | None = None):
    self.edges, self.size, self._domain = edges, input_size(networks[0]), domain
    self.extra_columns = input_columns(networks[0])
    self.batch_size = default_batch_size(self.size)
    self.combination = combination if len(networks) > 1 else ""
    if tta and not self.size:
      raise ValueError("--tta averages over rotations and reflections of images; photometry has "
                       "one view: leave it out")
    self.networks, self._views = networks, DIHEDRAL_ELEMENTS if tta else 1
    self._strategy = strategy or tf.distribute.get_strategy()
    self._compiled: dict[str, Callable] = {}

  def batches(self, data: Dataset, split: str, keep: np.ndarray, *,
              batch_size: int = 0) -> Iterator[tuple[np.ndarray, Columns]]:
    """Predicts some records of one split, a batch at a time, in record order.

    Args:
      data: the data set.
      split: "train", "validation", "test" or "target".
      keep: [records] bool.
      batch_size: galaxies per batch, over all devices; 0 for the attribute.

    Yields:
      Probability of each bin [n, bins] float32, and "redshift", COLUMNS and
      `reference_columns` of these galaxies with "row", their rows in the
      catalogue, "flags" (see `domain.FLAGS`) where there is a domain, BY_MEAN
      for harmonic means, and the columns of `point_estimates`.

    Raises:
      FloatingPointError: a network gave NaN.
    """
    records = ordered_batches(data, split, keep=keep, labels=None,
                              batch_size=batch_size or self.batch_size,
                              image_size=min([self.size, *data.manifest.image_shape[:2]]),
                              extra_columns=self.extra_columns)
    return self._predicted(records, _repeated(data))

  def shard_batches(self, parts: Sequence[Dataset], keep: Sequence[np.ndarray | None]
                    ) -> Iterator[Iterator[tuple[np.ndarray, Columns]]]:
    """Predicts shards of images, all by one pipeline where one device predicts.

    Args:
      parts: data sets of one shard each, all of one data set.
      keep: for each of them which records to predict, [records] bool; None for all.

    Yields:
      For each shard an iterator as that of `batches`, to be used up before the next one.

    Raises:
      FloatingPointError: a network gave NaN.
      ValueError: records and catalogue do not have the same order.
    """
    if not self.size or self.extra_columns or self._strategy.num_replicas_in_sync > 1:
      for part, own in zip(parts, keep):
        every = np.ones(len(part.catalog), bool) if own is None else own
        yield self.batches(part, part.manifest.shards[0].split, every)
      return
    records = shard_batches(parts, keep, batch_size=self.batch_size,
                            image_size=min([self.size, *parts[0].manifest.image_shape[:2]]))
    results = self._results(records)
    for part, own in zip(parts, keep):
      yield self._of_shard(part, own, results)

  def _of_shard(self, part, keep, results):
    """The next results, which are those of a shard."""
    columns, number = _repeated(part), part.column("number")
    rows, done = np.arange(len(number)) if keep is None else np.flatnonzero(keep), 0
    while done < len(rows):
      result = next(results)
      found = result.pop("number")
      row = rows[done:done + len(found)]
      done += len(found)
      # This detects swapped shards and the catalogue of another data set.
      if not np.array_equal(found, number[row]):
        raise ValueError(f"{part.folder}: records and catalogue are not in the same order; convert "
                         "the data set again")
      yield self._finished(result, row, columns)

  def array_batches(self, images: np.ndarray, columns: Mapping[str, np.ndarray], *,
                    flux_divisor: float, extra: np.ndarray | None = None,
                    batch_size: int = 0) -> Iterator[tuple[np.ndarray, Columns]]:
    """Predicts galaxies whose images are in memory, a batch at a time.

    Args:
      images: [n, height, width, band] flux as the survey delivers it, any type of
        real numbers; a memory map is read batch by batch.
      columns: [n] each: "id", "ebv" and others, which the result repeats.
      flux_divisor: that of the survey.
      extra: values of `extra_columns` [n, columns]; None where there are none.
      batch_size: as in `batches`.

    Yields:
      Probability of each bin [n, bins] float32, and the columns of these galaxies
      with "flags" where there is a domain and a column "r_mag", and those of `point_estimates`.

    Raises:
      FloatingPointError: a network gave NaN.
    """
    size, batch_size = min(self.size, *images.shape[1:3]), batch_size or self.batch_size
    inputs = {"ebv": columns["ebv"], **({} if extra is None else {"extra": extra})}
    records = _array_records(images, inputs, size, flux_divisor, batch_size)
    return self._predicted(records, columns)

  def photometry_batches(self, inputs: Mapping[str, np.ndarray], columns: Mapping[str, np.ndarray],
                         *, batch_size: int = 0) -> Iterator[tuple[np.ndarray, Columns]]:
    """Predicts galaxies whose magnitudes are in memory, a batch at a time.

    Args:
      inputs: "magnitudes" and perhaps "errors" [n, bands], NaN where missing, "ebv" [n] and
        perhaps "extra" [n, columns].
      columns: as in `array_batches`.
      batch_size: as in `batches`.

    Yields:
      As `array_batches`.

    Raises:
      FloatingPointError: a network gave NaN.
    """
    num = len(inputs["ebv"])
    values = {name: np.asarray(column, np.float32) for name, column in inputs.items()}
    records = ordered_rows({**values, "row": np.arange(num)}, np.arange(num),
                           batch_size=batch_size or self.batch_size)
    return self._predicted(records, columns)

  def estimates(self, pdf: np.ndarray) -> Columns:
    """`point_estimates` of p(z) [n, bins] that was made of other p(z) here."""
    if "estimates" not in self._compiled:
      bins = tf.TensorSpec([None, len(self.edges) - 1], tf.float32)
      self._compiled["estimates"] = tf.function(self._estimates, input_signature=[bins])
    return _as_arrays(self._compiled["estimates"](pdf))

  def _estimates(self, pdf):
    on_gpu = tf.config.list_physical_devices("GPU")
    return estimates_in_graph(self.edges, pdf, risk_type=tf.float64 if on_gpu else tf.float32)

  def _predicted(self, records, columns):
    """From batches of a network's inputs and "row" to p(z) and columns."""
    for result in self._results(records):
      yield self._finished(result, result.pop("row"), columns)

  def _results(self, records):
    """The one way from batches of a network's inputs to what `_outputs` makes of them."""
    batches = self._strategy.experimental_distribute_dataset(records)
    forward = self._forward(batches.element_spec)
    for batch in batches:
      yield {name: _joined(self._strategy.experimental_local_results(value))
             for name, value in forward(batch).items()}

  def _finished(self, result, row, columns):
    """p(z) of a batch and all columns of its galaxies, which have these rows."""
    pdf, row = result.pop("pdf"), _places(row)
    estimates = {name: result.pop(name) for name in ESTIMATES if name in result}
    own = {name: column[row] for name, column in columns.items()}
    if self.combination == HARMONIC:
      pdf, own[BY_MEAN] = harmonic_mean(np.moveaxis(pdf, 1, 0))
      estimates = self.estimates(pdf)
    _check_finite(estimates["zmode"], own["id"])
    if self._domain and "r_mag" in own:
      own["flags"] = self._domain.flags(own["r_mag"], result, pdf)
    return pdf, {**own, **estimates}

  def _forward(self, spec):
    """What all devices do with a batch; compiled once for batches of any length."""
    if str(spec) not in self._compiled:
      # A partial of its own: TensorFlow takes lambdas of one line for one function, and warns of
      # compiling that anew where several predictors are used.
      self._compiled[str(spec)] = tf.function(
          functools.partial(self._strategy.run, self._replica), input_signature=[(spec,)])
    compiled = self._compiled[str(spec)]
    return lambda batch: compiled((batch,))

  def _replica(self, batch):
    """What one device does with its part of a batch, which may hold no galaxy."""
    num = tf.shape(batch["ebv"])[0]
    # Convolutions of no images fail on CPUs (oneDNN), so there is always one.
    result = self._outputs({name: _at_least_one(values, num) for name, values in batch.items()})
    return {name: values[:num] for name, values in result.items()}

  def _outputs(self, batch):
    """Rows or numbers, p(z), its estimates, and measurements for flags."""
    image = batch.get("image")
    if self.size:
      image = tf.image.resize_with_crop_or_pad(image, self.size, self.size)
    pdf = self._combined([self._sum_of_views(network, batch, image) for network in self.networks])
    estimates = {} if self.combination == HARMONIC else self._estimates(pdf)
    which = {name: batch[name] for name in ("row", "number") if name in batch}
    return {**which, "pdf": pdf, **estimates, **self._measured(batch, image)}

  def _measured(self, batch, image):
    """What flags are made of."""
    if not self._domain:
      return {}
    if self.size:
      return {**measure_images(image), "ebv": batch["ebv"]}
    taken = ("magnitudes", *(("errors",) if "errors" in self.networks[0].input else ()), "ebv")
    return {name: batch[name] for name in taken}

  def _sum_of_views(self, network, batch, image):
    """p(z) of a batch, summed over the views of each image."""
    if not self.size:
      return _pdf(network, batch)
    return tf.add_n([_pdf(network, {**batch, "image": dihedral_view(image, view)})
                     for view in range(self._views)])

  def _combined(self, members):
    """p(z) of all networks: their mean; for harmonic means, which follow on the host, each."""
    if self.combination == HARMONIC:
      return tf.stack(members, axis=1) / self._views
    return tf.add_n(members) / (len(members) * self._views)


def _at_least_one(values, num):
  """The values of `num` galaxies, or of one without anything where there are none."""
  missing = tf.maximum(1 - num, 0)
  return tf.pad(values, [[0, missing], *[[0, 0]] * (len(values.shape) - 1)])


def _pdf(network, batch):
  """p(z) of a batch, of which the network takes what it was trained on."""
  return redshift_pdf(network({name: batch[name] for name in network.input}))


def default_batch_size(image_size: int) -> int:
  """Galaxies per batch: BATCH_SIZE of 64 x 64 pixels, more of smaller images and of photometry."""
  return min(_MOST_PER_BATCH, BATCH_SIZE * 64**2 // max(image_size, 1)**2) if (
      image_size < 64) else BATCH_SIZE


def collect(edges: np.ndarray, batches: Iterable[tuple[np.ndarray, Columns]]) -> Predictions:
  """All batches of a `Predictor` in one table."""
  pdfs, columns = zip(*batches)
  return Predictions(edges, np.concatenate(pdfs), {
      name: np.concatenate([part[name] for part in columns]) for name in columns[0]})


def predict(network: tf.keras.Model, data: Dataset, split: str, keep: np.ndarray, survey: Survey,
            *, extended: bool, batch_size: int = 0,
            domain: TrainingDomain | None = None) -> Predictions:
  """Predicts some records of one split, in memory.

  Args:
    network: of `build_network`, with its trained weights.
    data: the data set.
    split: "train", "validation", "test" or "target".
    keep: [records] bool.
    survey: gives the redshift grid.
    extended: whether the network's grid is the extended one.
    batch_size: galaxies per batch; 0 for `default_batch_size`.
    domain: what flags galaxies; None flags none.

  Returns:
    Predictions in record order.

  Raises:
    FloatingPointError: a network gave NaN.
  """
  predictor = Predictor([network], survey.edges(extended=extended), domain=domain)
  return collect(predictor.edges, predictor.batches(data, split, keep, batch_size=batch_size))


def _array_records(images, inputs, size, flux_divisor, batch_size):
  """Batches of arrays, as `ordered_batches` gives those of a data set.

  `inputs` are {name: values [n] or [n, columns]} of what the network takes beside images.
  """

  def batches():
    for start in range(0, len(images), batch_size):
      row = np.arange(start, min(start + batch_size, len(images)))
      flux = crop(images[start:start + batch_size], size).astype(np.float32)
      yield {"image": flux / np.float32(flux_divisor), "row": row,
             **{name: values[row] for name, values in inputs.items()}}

  return tf.data.Dataset.from_generator(batches, output_signature={
      "image": tf.TensorSpec([None, size, size, images.shape[-1]], tf.float32),
      "row": tf.TensorSpec([None], tf.int64),
      **{name: tf.TensorSpec([None, *values.shape[1:]], tf.float32)
         for name, values in inputs.items()}})


def _repeated(data):
  """What predictions repeat of the catalogue."""
  names = (*COLUMNS, *columns_in(data.catalog.colnames))
  return {**{name: data.column(name) for name in names}, "redshift": data.column("z_spec"),
          "row": np.arange(len(data.catalog))}


def _joined(parts):
  """The parts of all devices; that of one is not copied."""
  return parts[0].numpy() if len(parts) == 1 else np.concatenate([part.numpy() for part in parts])


def _as_arrays(tensors):
  return {name: value.numpy() for name, value in tensors.items()}


def _places(row):
  """Rows of a column [n]; a slice, which copies nothing, where they follow each other."""
  together = len(row) and row[-1] - row[0] == len(row) - 1 and (np.diff(row) == 1).all()
  return slice(row[0], row[-1] + 1) if together else row


def _check_finite(zmode, ids):
  known = np.isfinite(zmode)
  if not known.all():
    raise FloatingPointError(f"the network's p(z) of galaxy {ids[~known][0]} is not finite")
