"""Settings, requests and weights of runs that are small enough for the tests."""

from __future__ import annotations

import contextlib
import dataclasses
from unittest import mock

import h5py
import numpy as np

from pzbias_tf.data.flux import InputScaling
from pzbias_tf.guards import hdf5_files
from pzbias_tf.survey import SDSS
from pzbias_tf.training import loop
from pzbias_tf.training.checkpoints import StageFiles
from pzbias_tf.training.config import TrainConfig
from pzbias_tf.training.stages import STAGES
from tests.small_data import SIZE
from train import main as train_main
from train.flags import Request

SMALL_SDSS = dataclasses.replace(SDSS, image_size=SIZE, balance_threshold=5)


def small_config(**settings) -> TrainConfig:
  """The configuration of a small stage; `settings` replace its defaults."""
  return TrainConfig(**{
      **dict(survey=SDSS, stage="step1", net=5, image_size=SIZE, input_scaling=InputScaling(),
             fth=5, iterations=10, batch_size=8, learning_rate=1e-3), **settings})


def request(number: int, data_dir: str, workdir: str, **settings) -> Request:
  """The request that train.main makes from its flags; `settings` replace its defaults."""
  return Request(**{
      **dict(stage=STAGES[number], survey=SMALL_SDSS, data_dir=data_dir, workdir=workdir,
             experiment="", init_from="", testphase=False, net=5, image_size=None,
             input_scaling="sqrt_whitened", extra_columns=None,
             iterations=12, batch_size=16, learning_rate=1e-3, fth=None, ne=1, nsub=0, errl=0.0,
             midreduce=False, itealter=0, softlabel=True, shiftlabel=True,
             dispersions="published", label_width=1.0, augment="dihedral", optimizer="adam",
             warmup=0, cache_features=True, feature_dtype="float32", precision="float32",
             steps_per_loop=0, checkpoint_minutes=10.0, data_service="", histograms=False,
             profile=(),
             xla="off", num_devices=1, seed=0, bins=None, given=()), **settings})


def train(wanted: Request, *, predict: bool = True) -> str:
  """Trains a stage as train.main does, but without the picture, half a second; returns its folder.

  Args:
    wanted: what to train.
    predict: False for tests that look at weights alone.
  """
  write = loop.write_validation
  with contextlib.ExitStack() as stack:
    stack.enter_context(mock.patch.object(
        loop, "write_validation",
        lambda *args, picture: write(*args, picture=False)))
    if not predict:
      stack.enter_context(mock.patch.object(train_main, "predict_stage"))
    return train_main.run(wanted)


def weights(stage_dir: str) -> dict[str, np.ndarray]:
  """The last weights of a stage, {name: weight}, without its network, which takes long to build."""
  names: list[str] = []
  with hdf5_files.opened(StageFiles(stage_dir).last, "train it") as file:
    file.visititems(
        lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return {name: hdf5_files.read(file, name) for name in names}
