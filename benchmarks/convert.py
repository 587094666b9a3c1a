"""Speed and memory of the converter.

  python benchmarks/convert.py [--num=20000] [--repeats=3] [--folder=FOLDER]
  python benchmarks/convert.py --memory_gb=20 [--image_size=64] [--folder=FOLDER]

The first command compares the records per second of the whole conversion (reading,
checks, digests, catalogue and manifest) with ways that do less: copying the same bytes
from file to file, writing one block of memory again and again (the kernel's part), SHA-256
of that block (the digest's part), and a bare loop that writes tf.train.Example with
bytes_list.  All but SHA-256 end with fsync; those that read, read the same file from memory.
They take turns, and the median counts.  Processes are started before the clock.  Processor
time is printed as that of the programs and that of the kernel for them, all processes
together.

The second command converts an input that exceeds the memory and prints the largest
resident memory of each process.  Both need disk space for twice the input.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import multiprocessing
import os
import shutil
import tempfile
import threading
import time
from unittest import mock

import numpy as np

BANDS = 5
_BLOCK = 2048  # images


def make_input(folder: str, num: int, size: int) -> str:
  """Writes a cube of `num` different images with labels, in the public layout of SDSS."""
  os.makedirs(folder)
  rng = np.random.default_rng(0)
  block = rng.standard_normal((_BLOCK, size, size, BANDS), np.float32)
  shape = (num, size, size, BANDS)
  with open(os.path.join(folder, "cube.npy"), "wb") as file:
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    for start in range(0, num, _BLOCK):
      block += np.float32(1e-3)  # so that all blocks differ
      file.write(block[:num - start].data)
    os.fsync(file.fileno())
  labels = np.zeros(num, [("objid", "i8"), ("z", "f8"), ("EBV", "f8"), ("dered_petro_r", "f8")])
  labels["objid"] = np.arange(num)
  labels["z"], labels["dered_petro_r"] = rng.uniform(0, 0.4, num), rng.uniform(14, 17.8, num)
  np.save(os.path.join(folder, "labels.npy"), labels)
  return folder


def copy(source: str, output: str) -> None:
  """Copies the same bytes from file to file."""
  with open(os.path.join(source, "cube.npy"), "rb") as file, open(output, "wb") as written:
    shutil.copyfileobj(file, written, 1 << 20)
    written.flush()
    os.fsync(written.fileno())


def write_alone(source: str, output: str) -> None:
  """Writes as many bytes from one block of memory."""
  with open(output, "wb", buffering=0) as written:
    for block in _blocks(source):
      written.write(block)
    os.fsync(written.fileno())


def hash_alone(source: str, output: str) -> None:
  """Digests as many bytes of one block of memory, and writes the digest."""
  digest = hashlib.sha256()
  for block in _blocks(source):
    digest.update(block)
  with open(output, "w", encoding="ascii") as file:
    file.write(digest.hexdigest())


def _blocks(source):
  """One block of memory, repeated to as many bytes as the images have."""
  size, block = os.path.getsize(os.path.join(source, "cube.npy")), memoryview(os.urandom(1 << 20))
  for start in range(0, size, len(block)):
    yield block[:size - start]


def bare_loop(source: str, output: str) -> None:
  """Runs the loop of the tutorials: writes tf.train.Example with bytes_list, nothing else."""
  import tensorflow as tf

  images = np.load(os.path.join(source, "cube.npy"), mmap_mode="r")
  labels = np.load(os.path.join(source, "labels.npy"))
  with tf.io.TFRecordWriter(output) as writer:
    for number, (image, label) in enumerate(zip(images, labels)):
      feature = {
          "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image.tobytes()])),
          "number": tf.train.Feature(int64_list=tf.train.Int64List(value=[number])),
          "id": tf.train.Feature(bytes_list=tf.train.BytesList(
              value=[str(label["objid"]).encode()])),
          "z": tf.train.Feature(float_list=tf.train.FloatList(value=[label["z"]])),
          "r": tf.train.Feature(float_list=tf.train.FloatList(value=[label["dered_petro_r"]])),
          "ebv": tf.train.Feature(float_list=tf.train.FloatList(value=[label["EBV"]])),
      }
      example = tf.train.Example(features=tf.train.Features(feature=feature))
      writer.write(example.SerializeToString())
  with open(output, "rb") as file:
    os.fsync(file.fileno())


def converter(num_workers: int, mapper=None):
  """A function that converts with `num_workers` processes.

  Args:
    num_workers: number of processes.
    mapper: map over processes that are started already; None starts them.
  """
  from data_tools import readers
  from data_tools.conversion.convert import ConversionSettings, convert
  from data_tools.conversion.executors import local
  from pzbias_tf.survey import SDSS

  def run(source: str, output: str) -> None:
    given = mock.patch.object(local, "worker_map", lambda _: contextlib.nullcontext(mapper))
    with given if mapper else contextlib.nullcontext():
      convert(readers.read(source, SDSS), SDSS, output,
              settings=ConversionSettings(num_workers=num_workers))

  return run


def warm_up(seconds: float) -> None:
  """Keeps a new process busy until all have started."""

  time.sleep(seconds)


def processor_s() -> np.ndarray:
  """Processor time of this process and its workers: [2] programs, kernel; seconds."""
  total_s = np.array(os.times()[:2])
  for child in multiprocessing.active_children():
    with open(f"/proc/{child.pid}/stat", encoding="ascii") as file:
      fields = file.read().rpartition(")")[2].split()
    total_s += np.array(fields[11:13], float) / os.sysconf("SC_CLK_TCK")
  return total_s


def timed(run, source: str, output: str) -> np.ndarray:
  """What `run` takes, [3]: by the clock, of programs, of the kernel; seconds.

  Its output is removed.
  """
  os.sync()
  start_s = np.array([time.perf_counter(), *processor_s()])
  run(source, output)
  taken_s = np.array([time.perf_counter(), *processor_s()]) - start_s
  shutil.rmtree(output) if os.path.isdir(output) else os.remove(output)
  return taken_s


def measure_speed(folder: str, num: int, size: int, repeats: int) -> None:
  """Prints the records per second of each way, and their ratios."""
  from data_tools.conversion.executors import local

  source = make_input(os.path.join(folder, "in"), num, size)
  with local.worker_map(2) as mapper:
    list(mapper(warm_up, [2.0] * 4))
    ways = {"copy": copy, "write alone": write_alone, "SHA-256 alone": hash_alone,
            "bare loop": bare_loop, "one process": converter(1),
            "two workers": converter(2, mapper)}
    times_s = {name: [] for name in ways}
    for _ in range(repeats + 1):
      for name, run in ways.items():
        times_s[name].append(timed(run, source, os.path.join(folder, "out")))
  print(f"{num} images of {size} x {size} x {BANDS} float32, "
        f"{num * size * size * BANDS * 4 / 1e9:.1f} GB; median of {repeats}")
  # The first turn warms up caches and libraries.
  show_speed({name: np.array(taken[1:]) / num for name, taken in times_s.items()})


def show_speed(times_s: dict[str, np.ndarray]) -> None:
  """Prints rates and processor time of each way, and what they leave of the two goals.

  Args:
    times_s: by way, [repeats, 3] seconds a record as in `timed`.
  """
  medians_s = {name: np.median(taken_s, axis=0) for name, taken_s in times_s.items()}
  bare_s = medians_s["bare loop"][0]
  for name, (clock_s, program_s, kernel_s) in medians_s.items():
    spread = ", ".join(f"{1 / taken_s:.0f}" for taken_s in times_s[name][:, 0])
    print(f"{name:13s} {1 / clock_s:7.0f} records/s ({spread}); {bare_s / clock_s:.2f} of the "
          f"bare loop; {1e6 * (program_s + kernel_s):.0f} us of processor time a record, "
          f"{1e6 * kernel_s:.0f} of them the kernel's")
  busy_s = {name: taken_s[1:].sum() for name, taken_s in medians_s.items()}
  hashed_s = busy_s["bare loop"] + busy_s["SHA-256 alone"]
  two_cores_s = 2 * busy_s["bare loop"]
  print(f"two busy cores: at most {two_cores_s / busy_s['two workers']:.2f} of the bare loop on "
        f"one; {two_cores_s / hashed_s:.2f} if the bare loop hashed and nothing else")


def measure_memory(folder: str, size_gb: float, size: int) -> None:
  """Prints the largest resident memory of a conversion with two workers."""
  num = int(size_gb * 1e9 / (size * size * BANDS * 4))
  # The input is made in another process, so that its memory does not count.
  with multiprocessing.get_context("spawn").Pool(1) as pool:
    source = pool.apply(make_input, (os.path.join(folder, "in"), num, size))
  start_s, peaks_mb, stop = time.perf_counter(), {}, threading.Event()
  watch = threading.Thread(target=watch_memory, args=(peaks_mb, stop))
  watch.start()
  converter(2)(source, os.path.join(folder, "out"))
  taken_s = time.perf_counter() - start_s
  stop.set()
  watch.join()
  own_mb = peaks_mb.pop(os.getpid())
  print(f"{num} images, {size_gb:g} GB, two workers, {taken_s:.0f} s: largest resident memory "
        f"{own_mb:.0f} MB (starting process), "
        f"{' and '.join(f'{peak:.0f} MB' for peak in peaks_mb.values())} (workers)")


def watch_memory(peaks_mb: dict[int, float], stop: threading.Event) -> None:
  """Records the largest resident memory of this process and its children, by process id.

  It is read from /proc, since getrusage also counts a child's memory before it became a
  worker.
  """
  while not stop.wait(0.2):
    for pid in (os.getpid(), *(child.pid for child in multiprocessing.active_children())):
      with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii") as file:
        peaks_kib = [int(line.split()[1]) for line in file if line.startswith("VmHWM")]
        if peaks_kib:  # a process that has ended has none
          peaks_mb[pid] = peaks_kib[0] * 1024 / 1e6


def main() -> None:
  """Measures speed or memory."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--num", type=int, default=20000)
  parser.add_argument("--image_size", type=int, default=64, help="pixels per side")
  parser.add_argument("--repeats", type=int, default=3)
  parser.add_argument("--memory_gb", type=float, default=0.0)
  parser.add_argument("--folder", default=None, help="folder for temporary files")
  values = parser.parse_args()
  with tempfile.TemporaryDirectory(dir=values.folder, prefix="pzbias-convert-") as folder:
    if values.memory_gb:
      measure_memory(folder, values.memory_gb, values.image_size)
    else:
      measure_speed(folder, values.num, values.image_size, values.repeats)


if __name__ == "__main__":
  main()
