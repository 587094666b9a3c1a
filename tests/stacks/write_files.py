"""Writes the files that tests/stacks compares, with the installed TensorFlow.

  python -m tests.stacks.write_files        -> tests/stacks/keras2 or keras3

Run it in both stacks (see the versions in constraints/) when a file format changes.
"""

import os
import shutil

import keras
import tensorflow as tf

from pzbias_tf.training.checkpoints import save_weights
from tests.small_data import make_dataset
from tests.stacks import example

FOLDER = os.path.dirname(os.path.abspath(__file__))


def write(folder: str) -> None:
  """Writes one file of each kind into an empty folder."""
  training = example.Training()
  training.train(example.STEPS)
  save_weights(training.network, os.path.join(folder, "weights.h5"))
  tf.train.CheckpointManager(
      training.state, os.path.join(folder, "checkpoints"), 1).save(example.STEPS)
  example.label_model().save(os.path.join(folder, "label_model.npz"))
  example.calibration().save(os.path.join(folder, "calibration.json"))
  example.predictions().save(os.path.join(folder, "predictions.hdf5"))
  make_dataset(os.path.join(folder, "data"), num=8)


if __name__ == "__main__":
  target = os.path.join(FOLDER, f"keras{keras.__version__[0]}")
  shutil.rmtree(target, ignore_errors=True)
  os.makedirs(target)
  write(target)
  print(f"wrote {target}")
