"""Batches of photometry: the columns of the catalogue are in memory as a whole."""

from __future__ import annotations

from typing import Sequence

import numpy as np
import tensorflow as tf

from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.draw_order import draws


def shuffled_rows(columns: dict[str, np.ndarray], rows: np.ndarray, *, batch_size: int, seed: int,
                  start_step: int) -> tf.data.Dataset:
  """Endless batches of shuffled passes over some galaxies; each batch is full.

  Args:
    columns: of `columns_of`.
    rows: rows of the galaxies in the catalogue.
    batch_size: galaxies per batch.
    seed: seed of the order.
    start_step: batches to skip.

  Returns:
    A data set of {name: [batch, ...]}.
  """
  order = draws(len(rows), batch_size=batch_size, seed=seed, start_step=start_step, dihedral=False)
  chosen = {name: values[rows] for name, values in columns.items()}
  # Several batches at a time: then looking up costs next to nothing for each.
  return order.map(lambda galaxies, _: _look_up(chosen, galaxies, [None, batch_size]),
                   num_parallel_calls=1, deterministic=True).unbatch().prefetch(8)


def ordered_rows(columns: dict[str, np.ndarray], rows: np.ndarray, *,
                 batch_size: int) -> tf.data.Dataset:
  """One pass over some galaxies in the order of `rows`; the last batch may be short."""
  batches = tf.data.Dataset.from_tensor_slices(rows).batch(batch_size)
  return batches.map(lambda galaxies: _look_up(columns, galaxies, [None]),
                     num_parallel_calls=1, deterministic=True).prefetch(2)


def columns_of(data: Dataset, labels: dict[str, np.ndarray],
               extra_columns: Sequence[str] = ()) -> dict[str, np.ndarray]:
  """What batches of a data set of photometry hold, for all of its records.

  Args:
    data: the data set.
    labels: {name: [records] int}, which batches also hold.
    extra_columns: extra columns that they also hold.

  Returns:
    "magnitudes" [records, bands] float32, "errors" likewise where there are some, "ebv" [records]
    float32, "row" [records] int64, the labels as int32 and, with extra columns, "extra" [records,
    columns] float32.
  """
  magnitudes, errors = data.photometry()
  return {"magnitudes": magnitudes, **({} if errors is None else {"errors": errors}),
          "ebv": data.column("ebv").astype(np.float32),
          "row": np.arange(len(data.catalog), dtype=np.int64),
          **{name: values.astype(np.int32) for name, values in labels.items()},
          **({"extra": data.extra(extra_columns)} if extra_columns else {})}


def _look_up(columns, galaxies, shape):
  """The values of some galaxies; gathered in numpy, since captured tensors would be copied."""
  names = list(columns)
  values = tf.numpy_function(lambda places: [columns[name][places] for name in names], [galaxies],
                             [tf.as_dtype(columns[name].dtype) for name in names])
  return {name: tf.ensure_shape(value, [*shape, *columns[name].shape[1:]])
          for name, value in zip(names, values)}
