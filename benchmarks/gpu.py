"""All measurements of one GPU in less than ten minutes; each part prints as it ends.

  python -m benchmarks.gpu [--minutes=9.5]
    [--only=padded,loop,torch,cached,predict,waiting,training]
  python -m benchmarks.gpu --tiny        tries it out, on a CPU as well

The parts, of Net_P at 64 pixels and batches of 128, in TF32:
  padded    a step of a network whose channels are multiples of 8, beside the usual one
  loop      a step with 1, 10 and 100 steps per compiled call
  torch     a step in PyTorch, channels_last, as it is and compiled; only if it is installed
  cached    cached steps 2 and 3, as in train_step.py
  predict   prediction with and without files, as in predict.py
  waiting   share of a step that waits for input from shards
  training  for the time that is left: all stages on simulated galaxies, and their metrics
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import os
import subprocess
import sys
import tempfile
import time

import tensorflow as tf

from benchmarks import cached_step, devices, predict, train_step
from benchmarks.networks.padded_network import PaddedCase
from benchmarks.steps import NET_P, NET_Q, Case, Do, random_images, repeated
from benchmarks.timing import interleaved
from pzbias_tf.choices import NETWORKS
from pzbias_tf.data.allocator import keep_freed_memory
from pzbias_tf.survey import CFHTLS_WIDE, SDSS

STEPS_PER_CALL = (1, 10, 100)
STAGE_START_S = 45.0  # until a stage trains: imports, compiling
STAGES = ("baseline", "step1", "step2", "step3")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sizes:
  """What is measured; the defaults are for a GPU.

  Attributes:
    net: network of all parts but "predict" and "padded".
    image_size: side of the images, pixels; "waiting" has 64.
    batch_size: galaxies per batch.
    surveys: surveys of "cached".
    galaxies: number of galaxies of "predict", "waiting" and "training".
    few_iterations: iterations of Steps 2 and 3, and of the others if there is no time.
    repeats: rounds of a measurement.
  """

  net: int = NET_P
  image_size: int = 64
  batch_size: int = devices.BATCH
  surveys: tuple = (SDSS, CFHTLS_WIDE)
  galaxies: tuple[int, int, int] = (40_000, 4_000, 20_000)
  few_iterations: int = 2_000
  repeats: int = 3

  @property
  def case(self) -> Case:
    """The network whose whole step is measured."""
    return Case(net=self.net, survey=SDSS, batch_size=self.batch_size, image_size=self.image_size)


TINY = Sizes(net=NET_Q, image_size=16, batch_size=4, surveys=(SDSS,), galaxies=(600, 60, 1_500),
             few_iterations=3, repeats=1)


@functools.cache
def whole_step(case: Case) -> Do:
  """The compiled step of a case."""
  return case.whole_step(repeated(random_images(SDSS, case.batch_size, case.image_size)))


def padded(sizes: Sizes) -> None:
  """Compares Net_P with and without padded channels."""
  plain = dataclasses.replace(sizes.case, net=NET_P)
  times = interleaved({"Net_P": whole_step(plain),
                       "padded": whole_step(PaddedCase.of(plain))}, repeats=sizes.repeats)
  for name, timing in times.items():
    print(f"  {name:7s} {timing}, {plain.batch_size / timing.time_s:.0f} galaxies/s")
  print(f"  Net_P / padded: {times['Net_P'].time_s / times['padded'].time_s:.2f}")


def loop(sizes: Sizes) -> None:
  """Compares numbers of steps per compiled call."""
  step = whole_step(sizes.case)

  def calls(steps):
    return lambda count: [step(steps) for _ in range(count)]

  times = interleaved({str(steps): calls(steps) for steps in STEPS_PER_CALL},
                      repeats=sizes.repeats)
  for name, timing in times.items():
    print(f"  {name:>4s} steps a call: {1e3 * timing.time_s / int(name):.3f} ms a step")


def peer(sizes: Sizes) -> None:
  """Compares with PyTorch."""
  case = sizes.case
  train_step.against_torch(sizes.repeats, (
      (NETWORKS[case.net], case.net, case.batch_size, case.image_size),))


def cached(sizes: Sizes) -> None:
  """Measures cached steps."""
  cached_step.cached(sizes.repeats, sizes.surveys, net=sizes.net, image_size=sizes.image_size)


def prediction(sizes: Sizes) -> None:
  """Measures prediction."""
  with tempfile.TemporaryDirectory() as folder:
    predict.compare(folder, argparse.Namespace(
        num=sizes.galaxies[0], image_size=16, bins=180, batch_size=0, repeats=sizes.repeats))


def waiting(sizes: Sizes) -> None:
  """Measures waiting for input."""
  devices.waiting(sizes.repeats, net=sizes.net, galaxies=sizes.galaxies[1],
                  batch_size=sizes.batch_size)


def training(sizes: Sizes, left_s: float) -> None:
  """Trains all stages for so many seconds and prints their metrics, TV and slopes among them."""
  start_s = time.perf_counter()
  with tempfile.TemporaryDirectory() as folder:
    data, run = os.path.join(folder, "data"), os.path.join(folder, "run")
    _command("data_tools.make_tfrecords", f"--output={data}", f"--num={sizes.galaxies[2]}",
             f"--image_size={sizes.image_size}", "--split=0.5,0.05,0.45")
    step_s = interleaved({"": whole_step(sizes.case)}, repeats=1)[""].time_s
    left_s -= time.perf_counter() - start_s + len(STAGES) * STAGE_START_S
    iterations = max(sizes.few_iterations, int(left_s / 2 / step_s))
    print(f"  {sizes.galaxies[2]} galaxies, half of them for training; {iterations} iterations of "
          f"Baseline and Step 1, {sizes.few_iterations} of Steps 2 and 3", flush=True)
    for stage in STAGES:
      count = iterations if stage in STAGES[:2] else sizes.few_iterations
      _command("train.main", f"--net={NETWORKS[sizes.net].lower()}", f"--data_dir={data}",
               f"--workdir={folder}", "--experiment=run", f"--stage={stage}",
               f"--iterations={count}", f"--batch_size={sizes.batch_size}",
               f"--image_size={sizes.image_size}")
      print(f"  {stage} trained", flush=True)
    _command("eval.main", f"--run={run}")
    with open(os.path.join(run, "report", "table.md"), encoding="utf-8") as file:
      print(file.read())


def _command(*words):
  """Runs a command; its error, if any, is shown."""
  done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=False)
  if done.returncode:
    sys.exit(f"{' '.join(words)}\n{done.stderr}")


PARTS = {"padded": padded, "loop": loop, "torch": peer, "cached": cached, "predict": prediction,
         "waiting": waiting, "training": training}


def main(words: list[str] | None = None) -> None:
  """Measures the chosen parts."""
  start_s = time.perf_counter()
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--only", default=",".join(PARTS))
  parser.add_argument("--minutes", type=float, default=9.5, help="of all parts together")
  parser.add_argument("--tiny", action="store_true", help="sizes for trying it out")
  values = parser.parse_args(words)
  keep_freed_memory()  # as train.main
  tf.get_logger().setLevel("ERROR")  # no warnings of retracing, since each step is a new function
  for device in devices.gpus():  # leaves memory to PyTorch and to the commands that train
    tf.config.experimental.set_memory_growth(device, True)
  if not devices.gpus():
    print("No GPU is present: these are numbers of the CPU")
  print(f"TensorFlow {tf.__version__}, {os.cpu_count()} cores, {len(devices.gpus())} GPUs")
  for name in values.only.split(","):
    left_s = 60 * values.minutes - (time.perf_counter() - start_s)
    print(f"\n{name}, {left_s / 60:.1f} minutes left", flush=True)
    PARTS[name](TINY if values.tiny else Sizes(), *([left_s] if name == "training" else []))


if __name__ == "__main__":
  main()
