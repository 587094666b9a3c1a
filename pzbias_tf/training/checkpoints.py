"""Weights by name, and checkpoints to go on from.

A weights file is HDF5 with one data set a variable, called
<part>/<layer>/<variable>: any version of Keras reads it.  A checkpoint adds
the optimizer and the position, for going on where a run stopped.
"""

from __future__ import annotations

import glob
import hashlib
import os
import time
from typing import Any, Iterator, Sequence

from absl import logging
import h5py
import tensorflow as tf

from pzbias_tf.compat.keras import optimizer_state, plain_variable
from pzbias_tf.files import whole_file


def named_weights(model: tf.keras.Model, prefix: str = "") -> Iterator[tuple[str, tf.Variable]]:
  """(name, variable) of every weight, walking nested models."""
  for layer in model.layers:
    path = f"{prefix}{layer.name}"
    if isinstance(layer, tf.keras.Model):
      yield from named_weights(layer, f"{path}/")
    else:
      for variable in layer.weights:
        yield f"{path}/{variable.name.split('/')[-1].split(':')[0]}", variable


def save_weights(network: tf.keras.Model, path: str) -> None:
  """Writes all weights by name."""
  os.makedirs(os.path.dirname(path), exist_ok=True)
  with whole_file(path) as hidden, h5py.File(hidden, "w") as file:
    for name, variable in named_weights(network):
      file[name] = variable.numpy()


def load_weights(network: tf.keras.Model, path: str, *, skip: Sequence[str] = ()) -> None:
  """Reads weights by name into a network.

  Args:
    network: the network.
    path: a file of `save_weights`.
    skip: names of layers that keep their values (Step 3's redshift layers).

  Raises:
    OSError: the file is missing or damaged.
    ValueError: a weight is missing there or has another shape.
  """
  with h5py.File(path, "r") as file:
    for name, variable in named_weights(network):
      if name.split("/")[-2] in skip:
        continue
      if name not in file:
        raise ValueError(f"{path} holds no weight {name}: it belongs to another network (--net)")
      if file[name].shape != tuple(variable.shape):
        raise ValueError(f"{path}: weight {name} has shape {file[name].shape}, this network's is "
                         f"{tuple(variable.shape)}; were --net, --bins or --image_size others?")
      variable.assign(file[name][()])


def training_state(network: tf.keras.Model, optimizer: Any, variables: Sequence[Any],
                   **others: tf.Variable) -> tf.train.Checkpoint:
  """All that training needs to go on; what Keras 2 wrote, Keras 3 reads, and the reverse.

  Args:
    network: all its weights are part of it.
    optimizer: of `make_optimizer`, built on `variables`.
    variables: what trains.
    **others: further variables.
  """
  weights = {name: plain_variable(variable) for name, variable in named_weights(network)}
  return tf.train.Checkpoint(
      weights=weights, optimizer=optimizer_state(optimizer, variables), **others)


class Checkpoints:
  """Checkpoints of one run: at least every so often, the last two kept.

  Args:
    state: of `training_state`.
    folder: where they are kept.
    minutes: longest time between two of them.
  """

  def __init__(self, state: tf.train.Checkpoint, folder: str, *, minutes: float):
    self._state, self._folder, self._minutes = state, folder, minutes
    self._manager = tf.train.CheckpointManager(state, folder, max_to_keep=2)
    self._last_s = time.monotonic()

  def due(self) -> bool:
    """Whether the last one is `minutes` ago."""
    return time.monotonic() - self._last_s > 60.0 * self._minutes

  def save(self, step: int) -> str:
    """Writes a checkpoint; returns its path."""
    self._last_s = time.monotonic()
    return self._manager.save(checkpoint_number=step)

  def restore(self) -> str:
    """Reads the newest checkpoint that can be read; returns its path, "" where there is none.

    Raises:
      OSError: there are some, but all are damaged.
    """
    found = self._newest_first()
    for path in found:
      try:
        self._state.restore(path).assert_existing_objects_matched()
        return path
      # TensorFlow's reader has a kind of error for each kind of damage.
      except (tf.errors.OpError, AssertionError, LookupError, RuntimeError, ValueError) as error:
        logging.error("%s is damaged and left out: %s", path, str(error).splitlines()[0])
    if found:
      raise OSError(f"{self._folder}: no checkpoint can be read; delete that folder to train "
                    "the stage from its beginning")
    return ""

  def newest(self) -> str:
    """Path of the newest checkpoint, "none" without any."""
    return next(iter(self._newest_first()), "none")

  def _newest_first(self):
    # As the files tell, not as the manager's own list does, which may be the damaged one.
    paths = [path.removesuffix(".index") for path in
             glob.glob(os.path.join(glob.escape(self._folder), "ckpt-*.index"))]
    return sorted(paths, key=lambda path: int(path.rsplit("-", 1)[1]), reverse=True)


def file_digest(path: str) -> str:
  """SHA-256 of a file, hexadecimal."""
  digest = hashlib.sha256()
  with open(path, "rb") as file:
    for block in iter(lambda: file.read(1 << 20), b""):
      digest.update(block)
  return digest.hexdigest()


class StageFiles:
  """The files of a stage's folder that hold weights."""

  def __init__(self, stage_dir: str):
    self.folder = stage_dir
    self.last = os.path.join(stage_dir, "checkpoints", "weights.h5")
    self.best = os.path.join(stage_dir, "best", "weights.h5")
    self.resume = os.path.join(stage_dir, "checkpoints")

  def kept(self, iteration: int) -> str:
    """The weights kept for good at one iteration (`--itealter`)."""
    return os.path.join(self.folder, "checkpoints", f"weights-{iteration:06d}.h5")
