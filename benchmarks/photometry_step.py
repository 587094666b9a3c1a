"""Iterations/s of training on photometry, as a part of those of its bare compiled step.

  python -m benchmarks.photometry_step [--num=20000] [--iterations=2200]

Training is the whole loop: shuffling and looking up galaxies, compiled steps, log, validation and
checkpoints, at the default batch, without the first compiled call.  The bare step is the same
compiled function on one batch that stays.  They take turns, 50 steps each, since other work on the
machine slows down both.  The weights that both train are the same, with two optimizers.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from typing import Callable

from absl import logging
from astropy.table import Table
import numpy as np
import tensorflow as tf

from data_tools.conversion.convert import ConversionSettings, convert
from data_tools.readers import ReaderOptions
from data_tools.readers import read as read_table
from pzbias_tf.data.allocator import keep_freed_memory
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.flux import InputScaling
from pzbias_tf.models.representation import NET_C
from pzbias_tf.survey import SDSS
from pzbias_tf.training.checkpoints import StageFiles
from pzbias_tf.training.config import TrainConfig, save_config
from pzbias_tf.training.loop import Loop, Pace
from pzbias_tf.training.one_stage import fit_photometry, make_network, make_problem
from pzbias_tf.training.optimizers import make_optimizer
from pzbias_tf.training.problem import Problem
from pzbias_tf.training.run_folder import StageInputs
from pzbias_tf.training.stages import BASELINE, STEP1, Stage, photometry_schedule
from pzbias_tf.training.step import make_train_steps

STEPS = 50


def make_data(folder: str, num: int) -> Dataset:
  """Random galaxies with errors."""
  rng = np.random.default_rng(0)
  path = os.path.join(folder, "table.fits")
  Table({"id": np.arange(num), "zs": rng.uniform(0.01, 0.39, num), "ebv": rng.uniform(0, 0.1, num),
         **{band: rng.uniform(14.0, 17.7, num) for band in "ugriz"},
         **{f"e{band}": rng.uniform(0.01, 0.1, num) for band in "ugriz"}}).write(path)
  source = read_table(path, SDSS, ReaderOptions(
      magnitude_columns=tuple("ugriz"), error_columns=tuple(f"e{band}" for band in "ugriz")))
  convert(source, SDSS, os.path.join(folder, "data"),
          settings=ConversionSettings(split=(0.7, 0.1, 0.2)))
  return Dataset.open(os.path.join(folder, "data"))


def make_config(stage: Stage, data: Dataset, iterations: int) -> TrainConfig:
  """The default settings, with another number of iterations."""
  schedule = photometry_schedule(data.manifest.records("train"))[stage.name]
  fields = {**schedule, "iterations": iterations, "lr_drops": tuple(schedule["lr_drops"])}
  plain = TrainConfig(survey=SDSS, stage=stage.name, net=NET_C, image_size=0, fth=0,
                      input_scaling=InputScaling(), augment="none", **fields)
  return TrainConfig(**{**vars(plain), "photometry": fit_photometry(data, plain)})


class TimedLoop(Loop):
  """Training that stops after each compiled call for as many bare steps.

  Attributes:
    training_s: time of all that the loop does, but for the first call, which compiles.
    bare_s: time of as many bare steps.
  """

  def __init__(self, problem: Problem, config: TrainConfig, folder: str):
    super().__init__(problem, config, StageFiles(folder), strategy=tf.distribute.get_strategy(),
                     xla=False, pace=Pace(steps_per_loop=STEPS))
    self._bare = bare_steps(problem, config)
    self.training_s = self.bare_s = 0.0
    self._start_s = math.nan

  def _call(self, *args):
    first = math.isnan(self._start_s)
    step = super()._call(*args)
    if not first:
      self.training_s += time.perf_counter() - self._start_s
      self.bare_s += self._bare()
    self._start_s = time.perf_counter()  # validation and checkpoints count for the next call
    return step


def bare_steps(problem: Problem, config: TrainConfig) -> Callable[[], float]:
  """A function that takes STEPS steps on one batch and returns their time, s."""

  def losses(batch):
    logits = problem.forward(batch)
    return [loss(logits, batch) for loss in problem.losses.values()]

  steps = make_train_steps(
      strategy=tf.distribute.get_strategy(), variables=problem.variables,
      optimizer=make_optimizer(config, problem.variables), loss_fn=losses,
      global_batch=config.batch_size, xla=False, parts=len(problem.losses))
  (batch,) = problem.batches(0).take(1)
  iterator = iter(tf.data.Dataset.from_tensors(batch).repeat())

  def measure():
    start_s = time.perf_counter()
    steps(iterator, tf.constant(STEPS)).loss.numpy()
    return time.perf_counter() - start_s

  measure()  # compiles
  return measure


def compare(stage: Stage, data: Dataset, folder: str, iterations: int) -> None:
  """Trains a stage and prints the ratio."""
  config = make_config(stage, data, iterations)
  save_config(config, folder, provenance={})
  loop = TimedLoop(make_problem(make_network(config), data, config, folder, StageInputs()), config,
                   folder)
  loop.run()
  steps = iterations - STEPS
  print(f"{stage.title}, batch {config.batch_size}: {steps / loop.training_s:.0f} iterations/s in "
        f"training, {steps / loop.bare_s:.0f} of the bare step; ratio "
        f"{loop.bare_s / loop.training_s:.2f}", flush=True)


def main() -> None:
  """Compares Baseline and Step 1."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--num", type=int, default=20_000)
  parser.add_argument("--iterations", type=int, default=2200)
  values = parser.parse_args()
  logging.set_verbosity(logging.ERROR)
  keep_freed_memory()  # as train.main
  with tempfile.TemporaryDirectory() as folder:
    data = make_data(folder, values.num)
    print(f"TensorFlow {tf.__version__}, {os.cpu_count()} cores, {values.num} galaxies")
    for stage in (BASELINE, STEP1):
      compare(stage, data, os.path.join(folder, stage.name), values.iterations)


if __name__ == "__main__":
  main()
