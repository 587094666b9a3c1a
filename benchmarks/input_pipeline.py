"""Galaxies/s from files to batches: ours, raw reading, and pipelines of others.

  python -m benchmarks.input_pipeline [--num=10000] [--batch_size=128] [--repeats=3]

The ways, in turns, for float32 and float16 shards of simulated 64 x 64 galaxies:
  raw         `TFRecordDataset` over the shards, records unparsed, with our read buffer
  copies      the two copies that batches need besides, alone: of each record's pixels into an
              image, and of the image into a batch of float32; on all cores, into memory that
              stays
  ours        `training_batches` from the shards
  tutorial    the pipeline of TensorFlow's TFRecord tutorial: each record parsed by itself
  published   one .npy file per galaxy (float32), 16 threads; scaling and flips per image in numpy
  DataLoader  PyTorch's, 2 workers, over the same .npy files; only if PyTorch is installed

All files are in the page cache.  Each measurement takes four epochs from a fresh start, and
includes the filling of shuffle buffers.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import math
import multiprocessing.pool
import os
import subprocess
import sys
import tempfile
from typing import Callable

import numpy as np
import tensorflow as tf

from benchmarks.timing import interleaved
from pzbias_tf.data import pipeline, schema
from pzbias_tf.data.allocator import keep_freed_memory
from pzbias_tf.data.augment import DIHEDRAL_ELEMENTS, dihedral_numpy
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.survey import SDSS
from pzbias_tf.training.training_sample import make_labels

COPIES = 4  # records per simulated galaxy, since simulating takes longer than reading
DTYPES = ("float32", "float16")
COPIED = 2048  # records that are copied from, more than a processor's cache holds
# Several, since an endless pipeline fills the next epoch's buffer while the last one is measured.
EPOCHS = 4


def make_data(folder: str, num: int, dtype: str) -> Dataset:
  """Simulates and converts `num` records, nearly all of them training galaxies."""
  subprocess.run(
      [sys.executable, "-m", "data_tools.make_tfrecords", f"--output={folder}",
       f"--num={num // COPIES}", f"--augment_copies={COPIES}", "--image_size=64",
       "--split=0.998,0.001,0.001", f"--dtype={dtype}", "--shard_size_mb=64"],
      check=True, capture_output=True)
  return Dataset.open(folder)


def shard_paths(data: Dataset) -> list[str]:
  """Paths of the training shards."""
  return [os.path.join(data.folder, shard.name) for shard in data.manifest.split_shards("train")]


def raw(data: Dataset) -> tf.data.Dataset:
  """The records, unparsed."""
  return tf.data.TFRecordDataset(shard_paths(data), buffer_size=pipeline.READ_BUFFER_BYTES)


def copies(data: Dataset, batch_size: int) -> Callable[[int], None]:
  """A function that copies the pixels of all training records twice, for some epochs."""
  dtype, pixels = np.dtype(data.manifest.dtype), math.prod(data.manifest.image_shape)
  records = np.random.default_rng(0).normal(size=(COPIED, pixels)).astype(dtype)
  pool = multiprocessing.pool.ThreadPool(os.cpu_count())
  batches = data.manifest.records("train") // batch_size

  def copy(numbers):
    image, batch = np.empty(pixels, dtype), np.empty((batch_size, pixels), np.float32)
    for number in numbers:
      for row in range(batch_size):
        image[:] = records[(number * batch_size + row) % COPIED]
        batch[row] = image

  def do(epochs):
    threads = os.cpu_count() or 1
    pool.map(copy, [range(thread, epochs * batches, threads) for thread in range(threads)])

  return do


def ours(data: Dataset, batch_size: int) -> tf.data.Dataset:
  """The library's batches, read from the shards, never from memory."""
  keep = data.column("split") == "train"
  return pipeline.training_batches(
      data, keep=keep, labels=make_labels(data, SDSS), batch_size=batch_size, image_size=64,
      seed=0, memory_bytes=0)


def tutorial(data: Dataset, batch_size: int) -> tf.data.Dataset:
  """The pipeline of tensorflow.org/tutorials/load_data/tfrecord, parallel and shuffled."""
  def parse(record):
    batch = schema.parse_batch(record[tf.newaxis], image_shape=data.manifest.image_shape,
                               dtype=data.manifest.dtype)
    return {name: values[0] for name, values in batch.items()}

  records = tf.data.TFRecordDataset(shard_paths(data), num_parallel_reads=tf.data.AUTOTUNE)
  return (records.map(parse, num_parallel_calls=tf.data.AUTOTUNE).shuffle(1024).repeat()
          .batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE))


def write_npy(data: Dataset, folder: str) -> list[str]:
  """Writes the same images as one .npy file each; returns their paths."""
  os.makedirs(folder)
  paths = []
  keep = data.column("split") == "train"
  for batch in pipeline.ordered_batches(data, "train", keep=keep, labels=None, batch_size=256,
                                        image_size=64).as_numpy_iterator():
    for row, image in zip(batch["row"], batch["image"]):
      paths.append(os.path.join(folder, f"{row}.npy"))
      np.save(paths[-1], image)
  return paths


def published(paths: list[str], batch_size: int) -> Callable[[int], None]:
  """A function that runs the published pipeline for some epochs."""
  generator, pool = np.random.default_rng(0), multiprocessing.pool.ThreadPool(16)

  def load(task):
    path, element = task
    image = np.load(path)
    return dihedral_numpy(np.sign(image) * (np.sqrt(np.abs(image) + 1.0) - 1.0), element)

  def do(epochs):
    for _ in range(epochs):
      order = generator.permutation(len(paths))
      for start in range(0, len(paths), batch_size):
        chosen = order[start:start + batch_size]
        views = generator.integers(0, DIHEDRAL_ELEMENTS, len(chosen))
        np.stack(pool.map(load, [(paths[i], view) for i, view in zip(chosen, views)]))

  return do


def data_loader(paths: list[str], batch_size: int) -> Callable[[int], None]:
  """A function that runs PyTorch's DataLoader for some epochs, without scaling and flips."""
  import torch

  class Images(torch.utils.data.Dataset):

    def __len__(self):
      return len(paths)

    def __getitem__(self, number):
      return torch.from_numpy(np.load(paths[number]))

  loader = torch.utils.data.DataLoader(
      Images(), batch_size=batch_size, shuffle=True, num_workers=2, persistent_workers=True)
  return lambda epochs: [None for _ in range(epochs) for _ in loader]


def drain(elements: tf.data.Dataset, count: int) -> Callable[[int], None]:
  """A function that takes `count` elements per epoch, starting afresh at each call.

  With buffers that were filled beforehand, the measured speed would be too high.
  """
  def do(epochs):
    several = elements.repeat().take(epochs * count)
    several.reduce(np.int64(0), lambda number, _: number + 1).numpy()

  return do


def compare(folder: str, dtype: str, values: argparse.Namespace) -> None:
  """Measures all ways for one dtype and prints their speeds."""
  data = make_data(os.path.join(folder, dtype), values.num, dtype)
  num, batch_size = data.manifest.records("train"), values.batch_size
  paths, batches = write_npy(data, os.path.join(folder, f"npy_{dtype}")), num // batch_size
  todo = {"raw": drain(raw(data), num), "copies": copies(data, batch_size),
          "ours": drain(ours(data, batch_size), batches),
          "tutorial": drain(tutorial(data, batch_size), batches),
          "published": published(paths, batch_size)}
  if importlib.util.find_spec("torch"):
    todo["DataLoader"] = data_loader(paths, batch_size)
  times = interleaved({name: functools.partial(_epochs, do) for name, do in todo.items()},
                      repeats=values.repeats)
  print(f"\n{dtype}, {num} galaxies in {len(shard_paths(data))} shards, batch {batch_size}")
  num *= EPOCHS
  for name, timing in times.items():
    print(f"  {name:10s} {num / timing.time_s:7.0f} galaxies/s, "
          f"{1e3 * timing.cpu_s / num:6.3f} ms of processor time a galaxy")
  raw_s, copies_s, ours_s = (times[name].cpu_s for name in ("raw", "copies", "ours"))
  print(f"  by processor time: ours {raw_s / ours_s:.2f} of raw; raw reading and the copies alone "
        f"{raw_s / (raw_s + copies_s):.2f}")
  print("  ours against " + ", ".join(f"{name}: {timing.time_s / times['ours'].time_s:.2f}"
                                      for name, timing in times.items() if name != "ours"))


def _epochs(do, count):
  do(EPOCHS * count)


def main() -> None:
  """Compares the ways for float32 and float16."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--num", type=int, default=10_000)
  parser.add_argument("--batch_size", type=int, default=128)
  parser.add_argument("--repeats", type=int, default=3)
  values = parser.parse_args()
  keep_freed_memory()  # as train.main
  print(f"TensorFlow {tf.__version__}, {os.cpu_count()} cores; fastest of {values.repeats} rounds")
  with tempfile.TemporaryDirectory() as folder:
    for dtype in DTYPES:
      compare(folder, dtype, values)


if __name__ == "__main__":
  main()
