"""Weights stored by name, and checkpoints to resume from.

A weights file is HDF5 and holds one array per variable, called
<part>/<layer>/<variable>: any version of Keras reads it.  A checkpoint adds
the optimizer and the position, so that a stage resumes where it stopped.
"""

from __future__ import annotations

import glob
import os
import time
from typing import Any, Iterator, Sequence

from absl import logging
import tensorflow as tf

from pzbias_tf.compat.keras import optimizer_state, plain_variable
from pzbias_tf.files import whole_file
from pzbias_tf.guards import hdf5_files
from pzbias_tf.guards.hdf5_locks import open_hdf5
from pzbias_tf.versions import file_digest as file_digest  # of weights, by which they are known

WEIGHTS_NAME = "weights.h5"


def named_weights(model: tf.keras.Model, prefix: str = "") -> Iterator[tuple[str, tf.Variable]]:
  """(name, variable) of every weight, those of nested models included."""
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
  with whole_file(path) as hidden, open_hdf5(hidden, "w") as file:
    for name, variable in named_weights(network):
      hdf5_files.write(file, name, variable.numpy())


def load_weights(network: tf.keras.Model, path: str, *, skip: Sequence[str] = ()) -> None:
  """Reads weights by name into a network.

  Args:
    network: the network.
    path: a file of `save_weights`.
    skip: names of layers that keep their values (Step 3's redshift layers).

  Raises:
    OSError: the file is missing or damaged.
    ValueError: a weight is missing from the file, has another shape, or has changed since it was
      written.
  """
  remedy = "restore it, or train the stage again in another --experiment"
  with hdf5_files.opened(path, remedy) as file:
    for name, variable in named_weights(network):
      if name.split("/")[-2] in skip:
        continue
      if name not in file:
        raise ValueError(f"{path} holds no weight {name}: it belongs to another network (--net)")
      if file[name].shape != tuple(variable.shape):
        raise ValueError(f"{path}: weight {name} has shape {file[name].shape}, this network's is "
                         f"{tuple(variable.shape)}; were --net, --bins or --image_size different?")
      variable.assign(hdf5_files.read(file, name))


def training_state(network: tf.keras.Model, optimizer: Any, variables: Sequence[Any],
                   **others: tf.Variable) -> tf.train.Checkpoint:
  """All that training needs to resume; Keras 3 reads what Keras 2 wrote, and the reverse.

  Args:
    network: all its weights are included.
    optimizer: of `make_optimizer`, built on `variables`.
    variables: what trains.
    **others: further variables.
  """
  weights = {name: plain_variable(variable) for name, variable in named_weights(network)}
  return tf.train.Checkpoint(
      weights=weights, optimizer=optimizer_state(optimizer, variables), **others)


class Checkpoints:
  """The checkpoints of one stage, of which the last two are kept.

  Args:
    state: of `training_state`.
    folder: where they are kept.
    minutes: age of the last one after which the next one is due.
  """

  def __init__(self, state: tf.train.Checkpoint, folder: str, *, minutes: float):
    self._state, self._folder, self._minutes = state, folder, minutes
    self._manager = tf.train.CheckpointManager(state, folder, max_to_keep=2)
    self._last_s = time.monotonic()

  def due(self) -> bool:
    """Whether the last checkpoint is more than `minutes` old."""
    return time.monotonic() - self._last_s > 60.0 * self._minutes

  def save(self, step: int) -> str:
    """Writes a checkpoint; returns its path."""
    self._last_s = time.monotonic()
    return self._manager.save(checkpoint_number=step)

  def restore(self) -> str:
    """Restores the newest readable checkpoint; returns its path, "" where there is none.

    Raises:
      OSError: there are checkpoints, but all are damaged.
    """
    paths = self._newest_first()
    for path in paths:
      try:
        self._state.restore(path).assert_existing_objects_matched()
        return path
      # TensorFlow raises another error for each kind of damage.
      except (tf.errors.OpError, AssertionError, LookupError, RuntimeError, ValueError) as error:
        logging.error("%s is damaged and left out: %s", path, str(error).splitlines()[0])
    if paths:
      raise OSError(f"{self._folder}: no checkpoint can be read; delete that folder to train "
                    "the stage from the beginning")
    return ""

  def newest(self) -> str:
    """Path of the newest checkpoint, "none" without any."""
    return next(iter(self._newest_first()), "none")

  def _newest_first(self):
    # From the files, because the manager's own list may be what is damaged.
    paths = [path.removesuffix(".index") for path in
             glob.glob(os.path.join(glob.escape(self._folder), "ckpt-*.index"))]
    return sorted(paths, key=lambda path: int(path.rsplit("-", 1)[1]), reverse=True)


class StageFiles:
  """The paths of a stage's weights and checkpoints.

  Attributes:
    folder: the stage's folder.
    last: weights after the last iteration.
    best: weights with the smallest validation loss.
    resume: folder of the checkpoints.
  """

  def __init__(self, stage_dir: str):
    self.folder = stage_dir
    self.last = os.path.join(stage_dir, "checkpoints", WEIGHTS_NAME)
    self.best = os.path.join(stage_dir, "best", WEIGHTS_NAME)
    self.resume = os.path.join(stage_dir, "checkpoints")

  def kept(self, iteration: int) -> str:
    """The weights kept for good at one iteration (`--itealter`)."""
    return os.path.join(self.folder, "checkpoints", f"weights-{iteration:06d}.h5")
