"""Speed and memory of the simulator.

  python benchmarks/simulate.py [--num=4000] [--image_size=64] [--threads=2]

Prints galaxies per second by the clock, processor time per galaxy and the largest
resident memory, with and without neighbours.  Each survey and setting runs in a
process of its own, so that memory is measured separately.  No files are written.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import time
from unittest import mock


def measure(survey: str, neighbours: float, num: int, image_size: int,
            threads: int) -> tuple[float, float, float]:
  """Galaxies/s, processor milliseconds per galaxy, and peak memory (1e6 bytes)."""
  from data_tools.simulation import observation as observation_lib
  from data_tools.simulation.options import SimulationOptions

  observation = observation_lib.Observation(
      survey, seed=1, image_size=image_size, options=SimulationOptions(neighbours=neighbours))
  observation.chunk(0, 0)  # warms up
  start_s, start_cpu_s = time.perf_counter(), time.process_time()
  with mock.patch.object(os, "cpu_count", return_value=threads):
    done = sum(len(chunk.z) for chunk in observation.chunks(0, num))
  clock_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
  peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
  return done / clock_s, 1e3 * cpu_s / done, peak_mb


def main() -> None:
  """Measures both surveys."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--num", type=int, default=4000)
  parser.add_argument("--image_size", type=int, default=64)
  parser.add_argument("--threads", type=int, default=2)
  values = parser.parse_args()
  print(f"{values.num} galaxies of {values.image_size} x {values.image_size} pixels, "
        f"{values.threads} threads")
  context = multiprocessing.get_context("spawn")
  for survey in ("sdss", "cfhtls"):
    for neighbours in (0.0, 1.0):
      with context.Pool(1) as pool:
        rate, cpu_ms, peak_mb = pool.apply(
            measure, (survey, neighbours, values.num, values.image_size, values.threads))
      print(f"{survey:7s} {'with' if neighbours else 'without':7s} neighbours: "
            f"{rate:6.0f} galaxies/s, {cpu_ms:5.2f} ms of processor time a galaxy, "
            f"peak memory {peak_mb:4.0f} MB")


if __name__ == "__main__":
  main()
