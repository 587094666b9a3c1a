"""Galaxies/s from shards to predictions files, beside the bare network and other ways.

  python -m benchmarks.predict [--num=20000] [--image_size=16] [--bins=180] [--repeats=4]

The ways, in turns, with one Net_Q and batches of one size:
  bare        the compiled network on one batch in memory, p(z) fetched
  batches     from the shards to p(z), estimates, intervals and flags; no files
  files       the same with HDF5, FITS and Parquet, as eval.predict writes them
  views       the same with --tta
  SavedModel  the usual way of TensorFlow: records parsed one by one, a SavedModel called in a
              loop, p(z) into one HDF5 file
  eager, compiled  PyTorch's network on one batch in memory; only if PyTorch is installed

Weights and graphs are made before; what that takes is printed by itself.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Callable

import h5py
import numpy as np
import tensorflow as tf

from benchmarks.timing import Timing, interleaved
from eval.prediction.members import Members
from pzbias_tf.data import schema
from pzbias_tf.data.allocator import keep_freed_memory
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.models.network import redshift_pdf
from pzbias_tf.predictions.combination import MEAN
from pzbias_tf.predictions.joined_file import joined_file
from pzbias_tf.predictions.point_catalog import can_write_parquet, write_fits, write_parquet
from pzbias_tf.predictions.predictions_file import PdfFormat
from pzbias_tf.predictions.predictor import default_batch_size
from pzbias_tf.predictions.sharded import (
  ShardPrediction,
  find_shards,
  predict_shards,
  text_widths,
)

GOAL_OF_BARE, GOAL_OF_VIEWS = 0.8, 8.5
GOALS_US = {360: 30.0, 2500: 100.0}  # {bins up to: processor time of the host for a galaxy}


def make_run(folder: str, values: argparse.Namespace) -> tuple[str, Dataset]:
  """Simulates galaxies and trains a Baseline a little; returns its folder and the data set."""
  data = os.path.join(folder, "data")
  for words in (
      ["data_tools.make_tfrecords", f"--output={data}", f"--num={values.num}",
       f"--image_size={values.image_size}", "--split=0.04,0.01,0.95"],
      ["train.main", "--net=net_q", f"--data_dir={data}", f"--workdir={folder}",
       "--experiment=run", "--iterations=10", f"--bins={values.bins}"]):
    subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True)
  return os.path.join(folder, "run", "baseline"), Dataset.open(data)


def bare(network: tf.keras.Model, inputs: dict[str, tf.Tensor]) -> Callable[[], object]:
  """A function that calls the compiled network on a batch."""
  compiled = tf.function(lambda batch: redshift_pdf(network(batch)))
  return lambda: compiled(inputs).numpy()


def saved_model(network: tf.keras.Model, folder: str, data: Dataset,
                batch_size: int) -> Callable[[], None]:
  """A function that predicts all galaxies with a SavedModel and writes p(z)."""
  module, path = tf.Module(), os.path.join(folder, "saved_model")
  module.network = network
  module.predict = tf.function(
      lambda image, ebv: {"pdf": redshift_pdf(network({"image": image, "ebv": ebv}))},
      input_signature=[tf.TensorSpec([None, *network.input["image"].shape[1:]]),
                       tf.TensorSpec([None])])
  tf.saved_model.save(module, path, signatures=module.predict)
  signature = tf.saved_model.load(path).signatures["serving_default"]
  paths = [os.path.join(data.folder, shard.name) for shard in data.manifest.split_shards("test")]

  def parse(record):
    batch = schema.parse_batch(record[tf.newaxis], image_shape=data.manifest.image_shape)
    return {"image": batch["image"][0], "ebv": batch["ebv"][0]}

  def run():
    records = tf.data.TFRecordDataset(paths).map(parse, num_parallel_calls=tf.data.AUTOTUNE)
    batches = records.batch(batch_size).prefetch(tf.data.AUTOTUNE)
    pdf = np.concatenate([signature(**batch)["pdf"].numpy() for batch in batches])
    with h5py.File(os.path.join(folder, "saved_model.hdf5"), "w") as file:
      file["pdf"] = pdf

  return run


class Files:
  """Predicts as eval.predict does, into a new folder each time."""

  def __init__(self, stage: str, data: Dataset, folder: str, *, tta: bool = False):
    members = Members.open([stage])
    self.data, self.folder = data, folder
    self.prediction = ShardPrediction(
        predictor=members.predictor(tf.distribute.get_strategy(), tta=tta, combination=MEAN),
        pdf_format=PdfFormat(), weights_digest=members.weights_digest, simulated="simulated",
        widths=text_widths(data), sealed=False)

  def batches(self) -> int:
    """Without files; returns the number of galaxies."""
    shards = find_shards(self.data, ["test"], self.folder)
    return sum(len(pdf) for batches in self.prediction.batches(shards) for pdf, _ in batches)

  def files(self) -> None:
    """With all files."""
    work, path = os.path.join(self.folder, "work"), os.path.join(self.folder, "out.hdf5")
    os.mkdir(work)
    shards = find_shards(self.data, ["test"], work)
    with joined_file(path, work, sum(shard.galaxies for shard in shards)) as joined:
      predict_shards(shards, self.prediction, joined.add)
      columns = joined.columns()
      joined.finish(columns)
    write_fits(path + ".fits", columns, simulated="simulated")
    if can_write_parquet():
      write_parquet(path + ".parquet", columns, simulated="simulated")
    shutil.rmtree(work)


def times_of(do: Callable[[], object], count: int) -> None:
  """Does it so many times."""
  for _ in range(count):
    do()


def report(times: dict[str, Timing], num: int, bins: int) -> None:
  """Prints speeds, ratios and goals."""
  for name, timing in times.items():
    print(f"  {name:10s} {num / timing.time_s:7.0f} galaxies/s, "
          f"{times['bare'].time_s / timing.time_s:5.2f} of bare, "
          f"{1e6 * timing.cpu_s / num:7.1f} us of processor time a galaxy")
  host_us = 1e6 * (times["files"].cpu_s - times["bare"].cpu_s) / num
  goal_us = next((goal for most, goal in GOALS_US.items() if bins <= most), GOALS_US[2500])
  print(f"  files / bare: {times['bare'].time_s / times['files'].time_s:.2f} (goal "
        f"{GOAL_OF_BARE}); by processor time {times['bare'].cpu_s / times['files'].cpu_s:.2f}\n"
        f"  beside the network: {host_us:.1f} us of processor time a galaxy (goal {goal_us:g})\n"
        f"  views / files: {times['views'].time_s / times['files'].time_s:.2f}, by processor time "
        f"{times['views'].cpu_s / times['files'].cpu_s:.2f} (goal at most {GOAL_OF_VIEWS})")


def compare(folder: str, values: argparse.Namespace) -> None:
  """Measures all ways and prints them."""
  stage, data = make_run(folder, values)
  start_s = time.process_time()
  ours = Files(stage, data, folder)
  num = ours.batches()
  size = values.batch_size or default_batch_size(values.image_size)
  print(f"{num} galaxies, {values.image_size} pixels, {values.bins} bins, batch {size}; weights, "
        f"graph and first pass: {time.process_time() - start_s:.1f} s of processor time")
  network = ours.prediction.predictor.networks[0]
  shape = [size, *network.input["image"].shape[1:]]
  inputs = {"image": np.random.default_rng(0).normal(size=shape).astype(np.float32),
            "ebv": np.full(size, 0.1, np.float32)}
  whole = {"batches": ours.batches, "files": ours.files,
           "views": Files(stage, data, folder, tta=True).files,
           "SavedModel": saved_model(network, folder, data, size)}
  single = {"bare": bare(network, {name: tf.constant(v) for name, v in inputs.items()})}
  if importlib.util.find_spec("torch"):
    from benchmarks.networks import torch_networks
    single |= torch_networks.predictions(inputs, values.bins)
  todo = {name: functools.partial(times_of, do) for name, do in {**single, **whole}.items()}
  times = interleaved(todo, repeats=values.repeats)
  report({name: Timing(timing.time_s * num / size, timing.cpu_s * num / size)
          if name in single else timing for name, timing in times.items()}, num, values.bins)


def main() -> None:
  """Compares the ways."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--num", type=int, default=20_000)
  parser.add_argument("--image_size", type=int, default=16)
  parser.add_argument("--bins", type=int, default=180)
  parser.add_argument("--batch_size", type=int, default=0)
  parser.add_argument("--repeats", type=int, default=4)
  values = parser.parse_args()
  keep_freed_memory()  # as eval.predict
  print(f"TensorFlow {tf.__version__}, {os.cpu_count()} cores; fastest of {values.repeats} rounds")
  with tempfile.TemporaryDirectory() as folder:
    compare(folder, values)


if __name__ == "__main__":
  main()
