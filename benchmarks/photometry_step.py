"""Iterations/s of training on photometry, as a part of those of its bare compiled step.

  python -m benchmarks.photometry_step [--num=20000] [--iterations=600] [--repeats=3]

Training is the whole loop: shuffling and looking up galaxies, compiled steps, log, validation and
checkpoints, at the default batch; the time is the one that the loop itself writes, without the
compilation.  The bare step is the same compiled function on one batch that stays.  They take turns
in one process, since other work on the machine slows down both.
"""

from __future__ import annotations

import argparse
import json
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
from pzbias_tf.training.loop import Loop
from pzbias_tf.training.one_stage import fit_photometry, make_network, make_problem
from pzbias_tf.training.optimizers import make_optimizer
from pzbias_tf.training.run_folder import TIMING, StageInputs
from pzbias_tf.training.stages import BASELINE, STEP1, Stage, photometry_schedule
from pzbias_tf.training.step import make_train_steps

BARE_STEPS = 100


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


def bare(config: TrainConfig, data: Dataset, folder: str) -> Callable[[], float]:
  """A function that takes BARE_STEPS steps on one batch and returns the time of a step, s."""
  problem = make_problem(make_network(config), data, config, folder, StageInputs())
  optimizer = make_optimizer(config, problem.variables)

  def losses(batch):
    logits = problem.forward(batch)
    return [loss(logits, batch) for loss in problem.losses.values()]

  steps = make_train_steps(
      strategy=tf.distribute.get_strategy(), variables=problem.variables, optimizer=optimizer,
      loss_fn=losses, global_batch=config.batch_size, xla=False, parts=len(problem.losses))
  (batch,) = problem.batches(0).take(1)
  iterator = iter(tf.data.Dataset.from_tensors(batch).repeat())

  def measure():
    start_s = time.perf_counter()
    steps(iterator, tf.constant(BARE_STEPS)).loss.numpy()
    return (time.perf_counter() - start_s) / BARE_STEPS

  measure()  # compiles
  return measure


def trained(config: TrainConfig, data: Dataset, folder: str) -> float:
  """Trains; returns the time of an iteration, s."""
  save_config(config, folder, provenance={})
  problem = make_problem(make_network(config), data, config, folder, StageInputs())
  Loop(problem, config, StageFiles(folder), strategy=tf.distribute.get_strategy(), xla=False).run()
  with open(os.path.join(folder, TIMING), encoding="utf-8") as file:
    return json.load(file)["step_time_s"]


def compare(stage: Stage, data: Dataset, folder: str, values: argparse.Namespace) -> None:
  """Measures both in turns and prints the ratio."""
  config = make_config(stage, data, values.iterations)
  step = bare(config, data, folder)
  several = lambda: np.mean([step() for _ in range(3)])
  rounds = []
  for number in range(values.repeats):
    before_s = several()
    whole_s = trained(config, data, os.path.join(folder, f"{stage.name}{number}"))
    rounds.append((0.5 * (before_s + several()), whole_s))
  ratios = [bare_s / whole_s for bare_s, whole_s in rounds]
  bare_s, whole_s = (np.median(column) for column in zip(*rounds))
  print(f"{stage.title}, batch {config.batch_size}: {1 / whole_s:.0f} iterations/s in training, "
        f"{1 / bare_s:.0f} of the bare step; ratio {np.median(ratios):.2f} "
        f"({', '.join(f'{ratio:.2f}' for ratio in sorted(ratios))})", flush=True)


def main() -> None:
  """Compares Baseline and Step 1."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--num", type=int, default=20_000)
  parser.add_argument("--iterations", type=int, default=600)
  parser.add_argument("--repeats", type=int, default=3)
  values = parser.parse_args()
  logging.set_verbosity(logging.ERROR)
  keep_freed_memory()  # as train.main
  with tempfile.TemporaryDirectory() as folder:
    data = make_data(folder, values.num)
    print(f"TensorFlow {tf.__version__}, {os.cpu_count()} cores, {values.num} galaxies")
    for stage in (BASELINE, STEP1):
      compare(stage, data, folder, values)


if __name__ == "__main__":
  main()
