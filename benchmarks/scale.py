"""Galaxies per second and memory of conversion and prediction, as the number of galaxies grows.

  python -m benchmarks.scale [--num=100000,1000000] [--folder=FOLDER] [--one_process]

Images of 4 x 4 pixels and five bands, so that what is done per galaxy counts, not the pixels.
They are converted by one process, by two, and by two workers of a Dask cluster on this machine;
then Net_S1 predicts them, quantiles of p(z) only, into a folder of parts, again in one process and
by two Dask workers; --one_process leaves all but the first out.  Prints galaxies per second, the
ratio to one process, and the largest resident memory of any one process.  Starting the processes
counts: the larger the number, the less it does.
Needs distributed and psutil (the extra dask), and 2000 bytes of disk space per galaxy.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import subprocess
import sys
import tempfile
import threading
import time
from typing import Iterator

import psutil

from benchmarks.convert import make_input

SIZE = 4  # pixels
_FEW = 2000  # galaxies
_INTERVAL_S = 0.2
_START_S = 120.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
  """What a command took: seconds, and bytes of the largest process."""

  time_s: float
  memory: int


def main() -> None:
  """Measures all cases, and prints a line for each."""
  parser = argparse.ArgumentParser(description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--num", default="100000,1000000", help="numbers of galaxies")
  parser.add_argument("--folder", default="", help="where to work; default: a temporary folder")
  parser.add_argument("--one_process", action="store_true", help="nothing to compare it with")
  options = parser.parse_args()
  print(f"{'':10} {'galaxies':>9} {'by':20} {'galaxies/s':>10} {'ratio':>6} "
        f"{'largest process':>16}")
  with tempfile.TemporaryDirectory(dir=options.folder or None) as folder:
    for number in map(int, options.num.split(",")):
      own = os.path.join(folder, str(number))
      source = make_input(own, number, SIZE)
      with _cluster(own, wanted=not options.one_process) as cluster:
        compare("conversion", number, _conversions(source, own, cluster))
        _train(own)
        compare("prediction", number, _predictions(own, cluster))


def _cluster(folder, *, wanted):
  """Of two Dask workers; yields "" where none is wanted."""
  return dask_cluster(folder, workers=2) if wanted else contextlib.nullcontext("")


def _conversions(source, folder, cluster):
  """{how: the command}."""
  command = ["data_tools.make_tfrecords", f"--input={source}", "--split=0.01,0.01,0.98",
             "--max_r_mag=none"]
  ways = {"one process": ["--num_workers=1"]}
  if cluster:
    ways |= {"two processes": ["--num_workers=2"], "two Dask workers": _on(cluster)}
  return {how: [*command, f"--output={os.path.join(folder, how.replace(' ', '_'))}", *words]
          for how, words in ways.items()}


def _on(cluster):
  return ["--runner=DaskRunner", f"--runner_option={cluster}"]


def _train(folder):
  """A network of any weights; from few galaxies, since a training predicts those of the test."""
  data = os.path.join(folder, "few")
  _run(["data_tools.make_tfrecords", f"--output={data}", "--max_r_mag=none",
        f"--input={make_input(os.path.join(folder, 'few_cubes'), _FEW, SIZE)}"])
  _run(["train.main", "--net=2", "--iterations=20", "--batch_size=32", f"--data_dir={data}",
        f"--workdir={folder}", "--experiment=run", f"--image_size={SIZE}"])


def _predictions(folder, cluster):
  """{how: the command}."""
  command = ["eval.predict", f"--run={folder}/run", "--stage=baseline", "--pdf_format=quantiles",
             f"--data={folder}/one_process"]
  ways = {"one process": [], **({"two Dask workers": _on(cluster)} if cluster else {})}
  return {how: [*command, f"--output={folder}/predicted_{how.replace(' ', '_')}/", *words]
          for how, words in ways.items()}


def compare(what: str, number: int, commands: dict[str, list[str]]) -> None:
  """Runs commands that do the same, and prints what each takes.

  Args:
    what: they do.
    number: of galaxies.
    commands: {how: module and flags}; the first is what the others are compared with.
  """
  first_s = 0.0
  for how, words in commands.items():
    measured = measure(words)
    first_s = first_s or measured.time_s
    print(f"{what:10} {number:9} {how:20} {number / measured.time_s:10.0f} "
          f"{first_s / measured.time_s:6.2f} {measured.memory / 1e9:13.2f} GB", flush=True)


def measure(words: list[str]) -> Measured:
  """Time of a command, and the largest resident memory of any process below this one."""
  done, largest = threading.Event(), [0]

  def watch():
    while not done.wait(_INTERVAL_S):
      largest[0] = max(largest[0], *map(_resident, psutil.Process().children(recursive=True)), 0)

  watcher = threading.Thread(target=watch)
  watcher.start()
  start_s = time.perf_counter()
  try:
    _run(words)
  finally:
    time_s = time.perf_counter() - start_s
    done.set()
    watcher.join()
  return Measured(time_s=time_s, memory=largest[0])


def _resident(process) -> int:
  try:
    return process.memory_info().rss
  except psutil.NoSuchProcess:
    return 0


def _run(words):
  """Runs a command; what it says is shown where it fails."""
  done = subprocess.run([sys.executable, "-m", *words], stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT, text=True, check=False)
  if done.returncode:
    sys.exit(f"{' '.join(words)}\n{done.stdout[-3000:]}")


@contextlib.contextmanager
def dask_cluster(folder: str, *, workers: int) -> Iterator[str]:
  """A scheduler and workers on this machine; yields the option that names them."""
  file, started = os.path.join(folder, "scheduler.json"), []

  def start(name, *words):
    with open(os.path.join(folder, f"{name}.log"), "w", encoding="utf-8") as log:
      started.append(subprocess.Popen(
          [sys.executable, "-m", f"distributed.cli.dask_{name}", "--host=127.0.0.1",
           "--no-dashboard", f"--scheduler-file={file}", *words], stdout=log, stderr=log))

  try:
    start("scheduler", "--port=0")
    end_s = time.monotonic() + _START_S
    while not os.path.exists(file):
      if time.monotonic() > end_s:
        raise TimeoutError(f"no scheduler after {_START_S:g} s; see {folder}/scheduler.log")
      time.sleep(_INTERVAL_S)
    for _ in range(workers):
      start("worker", "--nthreads=1", "--no-nanny", f"--local-directory={folder}")
    yield f"dask_scheduler_file={file}"
  finally:
    for process in reversed(started):
      process.terminate()
    for process in started:
      process.wait()


if __name__ == "__main__":
  main()
