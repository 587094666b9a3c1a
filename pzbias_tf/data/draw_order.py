"""The order in which training draws galaxies that are all in memory.

Galaxies are drawn in shuffled passes, keyed on (seed, epoch), and batches
straddle epochs.  So any step can be repeated without running the steps before it.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from pzbias_tf.data.augment import DIHEDRAL_ELEMENTS

BLOCK = 8  # batches at a time: single ones take more than twice the processor time


def shuffled_batches(num: int, *, batch_size: int, seed: int, start_step: int) -> tf.data.Dataset:
  """Endless batches of indices in shuffled passes over `num` galaxies.

  Args:
    num: number of galaxies.
    batch_size: galaxies per batch.
    seed: seed of the order.
    start_step: number of the first batch.

  Returns:
    A data set of (step [] int64, indices [batch_size] int64).
  """
  epoch, in_epoch = divmod(start_step * batch_size, num)

  def one_pass(epoch):
    key = tf.stack([tf.constant(seed, tf.int64), epoch])
    return tf.random.experimental.stateless_shuffle(tf.range(num, dtype=tf.int64), seed=key)

  first = tf.data.Dataset.from_tensors(one_pass(tf.constant(epoch, tf.int64))[in_epoch:])
  later = tf.data.Dataset.range(epoch + 1, np.iinfo(np.int64).max).map(one_pass)
  # Cutting whole passes into batches is cheaper than batching single galaxies.
  return first.concatenate(later).rebatch(batch_size, drop_remainder=True).enumerate(start_step)


def draw_views(seed: int, step: tf.Tensor, batch_size: int, *, dihedral: bool = True) -> tf.Tensor:
  """The dihedral view of each galaxy of one batch.

  Args:
    seed: seed of the views.
    step: number of the batch, [] int.
    batch_size: galaxies per batch.
    dihedral: False gives view 0 to all.

  Returns:
    [batch_size] int32 in [0, 8).
  """
  if not dihedral:
    return tf.zeros([batch_size], tf.int32)
  # The offset keeps the keys of views and order apart where their seeds are the same.
  key = tf.stack([tf.constant(seed, tf.int64) + (1 << 32), tf.cast(step, tf.int64)])
  return tf.random.stateless_uniform([batch_size], key, 0, DIHEDRAL_ELEMENTS, tf.int32)


def draws(num: int, *, batch_size: int, seed: int, start_step: int = 0, steps: int = -1,
          dihedral: bool = True) -> tf.data.Dataset:
  """The galaxies of `shuffled_batches` with their views, several batches at a time.

  Args:
    num: number of galaxies.
    batch_size: galaxies per batch.
    seed: seed of order and views.
    start_step: number of the first batch.
    steps: number of batches; -1 means endless.
    dihedral: False gives every galaxy view 0.

  Returns:
    A data set of (indices int64, views int32), each [up to BLOCK, batch_size].
  """
  def with_views(steps, indices):
    view = lambda step: draw_views(seed, step, batch_size, dihedral=dihedral)
    return indices, tf.map_fn(view, steps, fn_output_signature=tf.int32)

  order = shuffled_batches(num, batch_size=batch_size, seed=seed, start_step=start_step)
  return order.take(steps).batch(BLOCK).map(
      with_views, num_parallel_calls=1, deterministic=True)


def drawn_pairs(num: int, *, batch_size: int, seed: int, steps: int,
                dihedral: bool = True) -> np.ndarray:
  """Which views of which galaxies the first steps of `draws` contain.

  Args:
    num: number of galaxies.
    batch_size: galaxies per batch.
    seed: seed of order and views.
    steps: number of batches.
    dihedral: as in `draws`.

  Returns:
    [num, 8] bool, by galaxy and view.
  """
  drawn = np.zeros([num, DIHEDRAL_ELEMENTS], bool)
  order = draws(num, batch_size=batch_size, seed=seed, steps=steps, dihedral=dihedral)
  for indices, views in order.as_numpy_iterator():
    drawn[indices, views] = True
  return drawn
