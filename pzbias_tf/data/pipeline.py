"""From shards to batches: the way of a data set's records into training and prediction.

Records stay serialized and go through the pipeline several at a time; a whole
batch is then parsed at once.  Input scaling, dihedral views and the making of
targets follow inside the compiled step.  Every random choice is keyed on (seed,
epoch) or (seed, step), so that resumed training sees the same batches as training
that was never interrupted.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from typing import Callable, NamedTuple, Sequence

import numpy as np
import tensorflow as tf

from pzbias_tf import storage
from pzbias_tf.data import schema, table_batches
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.draw_order import draw_views, shuffled_batches

READ_BUFFER_BYTES = 1 << 20  # measured: with 8 MB a batch takes a tenth more processor time
SHUFFLE_BYTES = 256 << 20  # serialized records kept in memory for shuffling
READ_CYCLE = 2
# Up to BLOCK neighbouring records of a shard are shuffled as one block, and a batch holds at
# least BLOCKS_PER_BATCH blocks.  Neighbours are random, since the order of records is.
BLOCK = 8
BLOCKS_PER_BATCH = 8
# Without shuffling, larger ones: measured, less processor time than 8, and 512 gain nothing more.
ORDERED_BLOCK = 64
RAM_BUDGET_BYTES = 2 << 30  # for the buffers that tf.data sizes by itself
# Cropped training images of up to this size are kept in memory.  This decides the order of
# galaxies: with another value, interrupted training would not continue as it began.
MEMORY_BYTES = 1 << 30

Batch = dict[str, tf.Tensor]
Augment = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labels:
  """The labels of all records, looked up by a record's row of the catalogue.

  Attributes:
    redshift_bin: redshift bin on the un-extended grid, [records] int32.
    magnitude_row: magnitude row, [records] int32.
  """

  redshift_bin: np.ndarray
  magnitude_row: np.ndarray


class DataService(NamedTuple):
  """A tf.data service that reads images.

  Attributes:
    address: "grpc://host:port" of its dispatcher.
    job: a name that all processes of one training share and no other training uses, so that
      each batch reaches one of them; "" where a single process trains.
  """

  address: str
  job: str = ""


def training_batches(data: Dataset, *, keep: np.ndarray, labels: Labels, batch_size: int,
                     image_size: int, seed: int, start_step: int = 0, dihedral: bool = True,
                     augment: Augment | None = None, memory_bytes: int = MEMORY_BYTES,
                     data_service: DataService | None = None,
                     extra_columns: Sequence[str] = ()) -> tf.data.Dataset:
  """Endless batches of shuffled passes over some of the training records.

  Batches straddle epochs, so nothing is dropped and every batch is full.  Where
  the cropped images fit into `memory_bytes`, they are read once and kept.

  Args:
    data: the data set.
    keep: which records to use, [records] bool; only training records.
    labels: labels of all records.
    batch_size: galaxies per batch.
    image_size: central pixels to keep.
    seed: seed of order and views.
    start_step: number of batches to skip, where interrupted training continues.
    dihedral: whether to draw one of the 8 views for each galaxy; else view 0.
    augment: further augmentation of the whole stored image, called with
      flux [batch, height, width, band] and a stateless seed [2].
    memory_bytes: largest total size of images to keep in memory, bytes.
    data_service: a service that reads the shards instead, in an order that is
      not repeatable.
    extra_columns: extra columns of the data set that batches hold.

  Returns:
    A tf.data.Dataset of {"image" [batch, size, size, band] float32 flux, "ebv",
    "row", "redshift_bin", "magnitude_row", "view" [batch]} and, with extra
    columns, "extra" [batch, columns] float32 as measured.  Of photometry, those of
    `table_batches.columns_of`: the settings of images and views are not used.

  Raises:
    ValueError: `keep` has a wrong shape, names records of other splits, or is
      False everywhere; the data set lacks an extra column.
  """
  num = _check_keep(data, "train", keep)
  if data.manifest.photometry:
    return table_batches.shuffled_rows(
        table_batches.columns_of(data, dataclasses.asdict(labels), extra_columns),
        np.flatnonzero(keep), batch_size=batch_size, seed=seed, start_step=start_step)
  read = {"keep": keep, "labels": labels, "batch_size": batch_size, "image_size": image_size,
          "seed": seed, "start_step": start_step, "extra_columns": extra_columns}
  image_bytes = 4 * image_size**2 * data.manifest.image_shape[-1]
  if data_service:
    batches = _batches_from_service(data, data_service, augment=augment, **read)
  elif num * image_bytes <= memory_bytes and augment is None:
    batches = _batches_from_memory(data, **read)
  else:
    batches = _batches_from_shards(data, num=num, augment=augment, **read)

  def with_views(step, batch):
    return {**batch, "view": draw_views(seed, step, batch_size, dihedral=dihedral)}

  options = tf.data.Options()
  options.autotune.ram_budget = RAM_BUDGET_BYTES
  if data_service and data_service.job:  # a process gets only its own part already
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
  return batches.map(with_views, num_parallel_calls=1, deterministic=True).prefetch(
      4).with_options(options)


def _batches_from_shards(data, *, num, keep, labels, batch_size, image_size, seed, start_step,
                         augment, extra_columns):
  """(step, batch), read shard by shard and shuffled within a buffer."""
  epoch, in_epoch = divmod(start_step * batch_size, num)
  block = _block_size(batch_size)
  blocks = _epoch(data, keep, seed, epoch, block)
  if in_epoch:  # record by record, only here: the first one may lie inside a block
    blocks = blocks.unbatch().skip(in_epoch).batch(block)
  later = tf.data.Dataset.range(epoch + 1, np.iinfo(np.int64).max)
  blocks = blocks.concatenate(later.flat_map(lambda epoch: _epoch(data, keep, seed, epoch, block)))
  parse = _batch_parser(Layout.of(data), _lookups(data, labels, extra_columns), image_size,
                        batch_size)
  return _prepared(blocks, parse, batch_size, seed, start_step, augment)


def _batches_from_service(data, data_service, *, keep, labels, batch_size, image_size, seed,
                          start_step, augment, extra_columns):
  """(step, batch) read and parsed by the workers of a service; each record once per pass."""
  paths, starts, records = _shard_table(data, "train")
  # A new order at each start, lest often interrupted training see the same shards first each time.
  order = np.random.default_rng((seed, start_step)).permutation(len(paths))
  shards = ([storage.absolute(paths[shard]) for shard in order], starts[order], records[order])
  block = _block_size(batch_size)
  blocks = _read_shards(Layout.of(data), shards, _selection(data, "train", keep),
                        cycle=READ_CYCLE, block=block)
  blocks = blocks.shuffle(_buffer_size(data, keep, block), seed=seed + start_step).repeat()
  parse = _batch_parser(Layout.of(data), _lookups(data, labels, extra_columns), image_size,
                        batch_size)
  batches = _prepared(blocks, parse, batch_size, seed, start_step, augment)
  # Shards are handed out one by one: no record comes twice per pass, however many workers read.
  served = batches.map(lambda step, batch: batch).apply(tf.data.experimental.service.distribute(
      tf.data.experimental.service.ShardingPolicy.DYNAMIC, data_service.address,
      job_name=f"{data_service.job}@{start_step}" if data_service.job else None))
  return served.enumerate(start_step)


def _prepared(blocks, parse, batch_size, seed, start_step, augment):
  """(step, batch), made of blocks of (rows, records)."""

  def prepare(step, rows_and_records):
    key = tf.stack([tf.constant(seed, tf.int64), step])
    return step, parse(*rows_and_records, augment and (lambda flux: augment(flux, key)))

  return blocks.rebatch(batch_size, drop_remainder=True).enumerate(start_step).map(
      prepare, num_parallel_calls=2, deterministic=True)


def _batches_from_memory(data, *, keep, labels, batch_size, image_size, seed, start_step,
                         extra_columns):
  """(step, batch) from images that are read once."""
  columns: dict[str, np.ndarray] = {}
  num = int(np.sum(keep))
  for number, batch in enumerate(ordered_batches(
      data, "train", keep=keep, labels=labels, batch_size=1024, image_size=image_size,
      extra_columns=extra_columns).as_numpy_iterator()):
    for name, values in batch.items():
      column = columns.setdefault(name, np.empty([num, *values.shape[1:]], values.dtype))
      column[1024 * number:1024 * (number + 1)] = values
  names = list(columns)

  def look_up(step, indices):
    # Gathered in numpy, since a captured tensor of this size would be copied into the graph.
    values = tf.numpy_function(lambda i: [columns[name][i] for name in names], [indices],
                               [tf.as_dtype(columns[name].dtype) for name in names])
    return step, {name: tf.ensure_shape(value, [batch_size, *columns[name].shape[1:]])
                  for name, value in zip(names, values)}

  order = shuffled_batches(len(columns["row"]), batch_size=batch_size, seed=seed,
                           start_step=start_step)
  return order.map(look_up, num_parallel_calls=1, deterministic=True)


def ordered_batches(data: Dataset, split: str, *, keep: np.ndarray, labels: Labels | None,
                    batch_size: int, image_size: int,
                    extra_columns: Sequence[str] = ()) -> tf.data.Dataset:
  """One pass over some records of a split, in record order; the last batch may be short.

  Args:
    data: the data set.
    split: "train", "validation", "test" or "target".
    keep: [records] bool, which records to use.
    labels: labels of all records, or None for galaxies without any.
    batch_size: galaxies per batch.
    image_size: central pixels to keep.
    extra_columns: extra columns of the data set that batches hold.

  Returns:
    A tf.data.Dataset of batches as in `training_batches`, without "view".

  Raises:
    ValueError: as in `training_batches`.
  """
  _check_keep(data, split, keep)
  if data.manifest.photometry:
    own = dataclasses.asdict(labels) if labels else {}
    return table_batches.ordered_rows(table_batches.columns_of(data, own, extra_columns),
                                      np.flatnonzero(keep), batch_size=batch_size)
  with tf.device("CPU:0"):
    make = _ordered_maker(Layout.of(data), batch_size, image_size)
    return make([tf.constant(column) for column in _shard_table(data, split)],
                _selection(data, split, keep),
                {name: tf.constant(values)
                 for name, values in _lookups(data, labels, extra_columns).items()})


@functools.lru_cache(maxsize=8)
def _ordered_maker(layout, batch_size, image_size):
  """A function that makes `ordered_batches`, with one graph for any number of shards."""

  @tf.function(reduce_retracing=True)
  def make(shards, keep, lookups):
    block = min(ORDERED_BLOCK, batch_size)  # reads no further than the batch
    blocks = _read_shards(layout, shards, keep, cycle=1, block=block)
    parse = _batch_parser(layout, lookups, image_size, None)
    return blocks.rebatch(batch_size).map(
        parse, num_parallel_calls=2, deterministic=True).prefetch(2)

  return make


def crop(image: tf.Tensor, size: int) -> tf.Tensor:
  """The central size x size pixels of images [batch, height, width, band].

  Raises:
    ValueError: the images are smaller.
  """
  height, width = image.shape[1:3]
  if size > min(height, width):
    raise ValueError(f"--image_size={size} exceeds the stored {height} x {width} pixels; choose a "
                     "smaller one")
  top, left = (height - size) // 2, (width - size) // 2
  return image[:, top:top + size, left:left + size, :]


def _check_keep(data, split, keep):
  if keep.shape != (len(data.catalog),):
    raise ValueError(f"keep has shape {keep.shape}, but the catalogue {len(data.catalog)} rows; "
                     "pass one value per row")
  num = int(np.sum(keep & (data.column("split") == split)))
  if num != int(np.sum(keep)):
    raise ValueError(f"{int(np.sum(keep)) - num} of the chosen records are not in {split!r}; "
                     "choose records of that split only")
  if num == 0:
    raise ValueError(f"{data.folder}: no galaxy of the split {split!r} is left to use")
  return num


def _shard_table(data, split):
  """Paths, rows of the first records, and numbers of records of the shards of a split."""
  first = int(np.argmax(data.column("split") == split))
  shards = data.manifest.split_shards(split)
  records = np.array([shard.records for shard in shards], np.int64)
  starts = first + np.concatenate([[0], np.cumsum(records)[:-1]])
  return [os.path.join(data.folder, shard.name) for shard in shards], starts, records


def _epoch(data, keep, seed, epoch, block):
  """Blocks of (rows, records) of the kept training records of one epoch, shuffled."""
  paths, starts, records = _shard_table(data, "train")
  epoch = tf.cast(epoch, tf.int64)
  order = tf.random.experimental.stateless_shuffle(
      tf.range(len(paths)), seed=tf.stack([tf.constant(seed, tf.int64), epoch]))
  shards = [tf.gather(tf.constant(column), order) for column in (paths, starts, records)]
  blocks = _read_shards(Layout.of(data), shards, _selection(data, "train", keep),
                        cycle=READ_CYCLE, block=block)
  # The salt keeps this order apart from the order of the shards.
  return blocks.shuffle(_buffer_size(data, keep, block), seed=epoch * 1_000_003 + seed + 17,
                        reshuffle_each_iteration=False)


def _block_size(batch_size):
  """Number of records that are shuffled as one block."""
  return min(BLOCK, max(1, batch_size // BLOCKS_PER_BATCH))


def _buffer_size(data, keep, block):
  """Number of blocks that the shuffle buffer holds."""
  records = int(np.clip(SHUFFLE_BYTES // data.manifest.image_bytes, 128, keep.sum()))
  return max(1, records // block)


class Layout(NamedTuple):
  """How the records of a data set are stored.

  Attributes:
    folder: the data set's folder.
    image_shape, dtype, flux_divisor: as in its manifest.
    compression_type: as `TFRecordDataset` takes it.
  """

  folder: str
  image_shape: tuple[int, ...]
  dtype: str
  flux_divisor: float
  compression_type: str

  @classmethod
  def of(cls, data: Dataset) -> Layout:
    """That of a data set."""
    manifest = data.manifest
    return cls(data.folder, tuple(manifest.image_shape), manifest.dtype, manifest.flux_divisor,
               manifest.compression_type)


def _read_shards(layout, shards, keep, *, cycle, block):
  """Blocks of (rows, records) of the kept records of some shards; checks the shards' counts.

  `keep` is that of `_selection`.
  """

  def read(path, start, records):
    shard = tf.data.TFRecordDataset(path, layout.compression_type, READ_BUFFER_BYTES)
    counted = shard.apply(tf.data.experimental.assert_cardinality(records))
    if keep is not None:
      return counted.enumerate(start).filter(lambda row, _: keep[row]).batch(block)
    # Counted block by block, since every step for each record takes some microseconds.
    return counted.batch(block).enumerate().map(
        lambda number, several: (_rows_of_block(start + block * number, several), several))

  return tf.data.Dataset.from_tensor_slices(tuple(shards)).interleave(
      read, cycle_length=cycle, num_parallel_calls=cycle, deterministic=True)


def _rows_of_block(first, records):
  """The rows of records [n] of which the first has row `first`."""
  return tf.range(first, first + tf.size(records, tf.int64))


def _selection(data, split, keep):
  """`keep` as a tensor; None where it holds all records of the split."""
  return None if np.all(keep[data.column("split") == split]) else tf.constant(keep)


def _lookups(data, labels, extra_columns):
  """What batches look up by row, {name: [records, ...]}."""
  return {"number": data.column("number").astype(np.int64),
          **({"extra": data.extra(extra_columns)} if extra_columns else {}),
          **({name: values.astype(np.int32) for name, values in dataclasses.asdict(labels).items()}
             if labels else {})}


def _batch_parser(layout, lookups, image_size, batch_size):
  """A function of (rows [batch], records [batch]) that parses records and looks up labels."""
  lookups = dict(lookups)
  numbers = lookups.pop("number")

  def parse(rows, records, augment=None):
    batch = schema.parse_batch(records, image_shape=layout.image_shape, dtype=layout.dtype)
    # This detects swapped shards and the catalogue of another data set.
    with tf.control_dependencies([tf.debugging.assert_equal(
        batch.pop("number"), tf.gather(numbers, rows),
        f"{layout.folder}: records and catalogue are not in the same order; "
        "convert the data set again")]):
      flux = tf.identity(batch["image"])
    if layout.flux_divisor != 1.0:  # saves a pass over all pixels
      flux = flux / layout.flux_divisor
    flux = augment(flux) if augment else flux
    batch["image"] = tf.ensure_shape(crop(flux, image_size), [batch_size, None, None, None])
    batch["row"] = rows
    return {**batch, **{name: tf.gather(values, rows) for name, values in lookups.items()}}

  return parse
