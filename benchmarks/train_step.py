"""Speed of training steps, as ratios of measurements that take turns in one process.

  python -m benchmarks.train_step [--repeats=5]
    [--only=cached,cost,torch,torch_small,outside,adam,study,waiting,scaling,gpu,gpu_more]

The sections:
  cached   a step of Steps 2 and 3 on cached features, compared with its bound and its products
  cost     time of Steps 2 and 3 at the published schedule, and of five more variants, computed
  torch    a step of Step 1, compared with the same network in PyTorch, as it is and compiled
           (torch.compile); only if PyTorch is installed
  torch_small  the same of Net_Q at 16 pixels
  outside  time outside the compiled function, as a part of a Net_P step
  adam     the fused Adam, compared with that of Keras
  study    time of the published schedule, computed from measured steps
  waiting  share of a step that waits for input
  scaling  galaxies/s over 1, 2, 4, ... devices; only if there are several GPUs
  gpu      galaxies/s and TFLOP/s in TF32 and bfloat16, with and without XLA; only on a GPU
  gpu_more the same in float32 and float16
"""

from __future__ import annotations

import argparse
import importlib.util
import os

import numpy as np
import tensorflow as tf

from benchmarks.cached_step import BATCH, cached, cost
from benchmarks.devices import further_precisions, gpus, precisions, scaling, waiting
from benchmarks.steps import (
  IMAGE_SIZE,
  NET_P,
  NET_Q,
  NET_S3,
  Case,
  adam,
  random_images,
  repeated,
  updates,
)
from benchmarks.study_cost import study
from benchmarks.timing import interleaved
from pzbias_tf.data.allocator import keep_freed_memory
from pzbias_tf.models.network import redshift_variables
from pzbias_tf.survey import CFHTLS_WIDE, SDSS

STEPS_PER_CALL = 100  # between two log lines
LARGE = (("Net_P", NET_P, 32, IMAGE_SIZE), ("Net_S3", NET_S3, 128, IMAGE_SIZE))
SMALL = (("Net_Q", NET_Q, 64, 16),)


def against_torch(repeats: int, networks: tuple = LARGE) -> None:
  """Compares whole steps of Step 1: input scaling, loss and Adam; ours also augments.

  Args:
    repeats: rounds to measure.
    networks: name, number, batch size and image size of each network.
  """
  if not importlib.util.find_spec("torch"):
    print("\nPyTorch is not installed, so there is nothing to compare with")
    return
  from benchmarks.networks import torch_networks

  for name, net, batch_size, image_size in networks:
    images = random_images(SDSS, batch_size, image_size)
    case = Case(net=net, survey=SDSS, batch_size=batch_size, image_size=image_size)
    times = interleaved({
        "pzbias_tf": case.whole_step(repeated(images)),
        "PyTorch": torch_networks.train_step(net, images, SDSS),
        "compiled": torch_networks.train_step(net, images, SDSS, compiled=True)}, repeats=repeats)
    print(f"\n{name}, {image_size} pixels, batch {batch_size}, step of Step 1")
    for library, timing in times.items():
      print(f"  {library:10s} {timing}")
    for library in ("PyTorch", "compiled"):
      print(f"  {library} / pzbias_tf: {times[library].time_s / times['pzbias_tf'].time_s:.2f}; "
            f"by processor time {times[library].cpu_s / times['pzbias_tf'].cpu_s:.2f}", flush=True)


def against_torch_small(repeats: int) -> None:
  """Compares steps of the network of the CPU preset."""
  against_torch(repeats, SMALL)


def outside(repeats: int) -> None:
  """Measures a step's time besides loss, gradients and update: that of a step with one weight."""
  images = random_images(SDSS, BATCH)
  case = Case(net=NET_P, survey=SDSS, batch_size=BATCH)
  weight = tf.Variable(1.0)

  def loss_fn(batch):
    return [weight * batch["ebv"]]

  empty = case.steps_of([weight], loss_fn, repeated(images))
  times = interleaved({
      "Net_P": case.whole_step(repeated(images)),
      "empty": lambda count: [empty(STEPS_PER_CALL) for _ in range(count)]}, repeats=repeats)
  empty_s, whole_s = times["empty"].time_s / STEPS_PER_CALL, times["Net_P"].time_s
  print(f"\nTime outside of the compiled function, batch {BATCH}, {STEPS_PER_CALL} steps a call: "
        f"{1e3 * empty_s:.2f} ms of {1e3 * whole_s:.2f} ms, {100 * empty_s / whole_s:.2f}% of a "
        "Net_P step")


def adams(repeats: int) -> None:
  """Compares updates of the weights of Net_P, and of those of 10 x 2500 redshift outputs."""
  wide = Case(net=NET_P, survey=CFHTLS_WIDE, batch_size=BATCH, extended=True)
  for name, values in (("10 x 2500", redshift_variables(wide.network)),
                       ("Net_P, 6 x 180", Case(net=NET_P, survey=SDSS, batch_size=BATCH)
                        .network.trainable_variables)):
    copies = [[tf.Variable(tf.convert_to_tensor(v)) for v in values] for _ in range(2)]
    keras_adam = tf.keras.optimizers.Adam(1e-5)
    keras_adam.build(copies[1])
    times = interleaved({"fused": updates(adam(copies[0]), copies[0]),
                         "Keras": updates(keras_adam, copies[1])}, repeats=repeats)
    weights = sum(int(np.prod(v.shape)) for v in copies[0])
    print(f"\nAdam, {weights / 1e6:.1f} million weights ({name})")
    for library, timing in times.items():
      print(f"  {library:6s} {timing}")
    print(f"  Keras / fused: {times['Keras'].time_s / times['fused'].time_s:.2f}")


SECTIONS = {"cached": cached, "cost": cost, "torch": against_torch,
            "torch_small": against_torch_small, "outside": outside,
            "adam": adams, "study": study, "waiting": waiting, "scaling": scaling,
            "gpu": precisions, "gpu_more": further_precisions}


def main() -> None:
  """Measures the chosen sections."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--only", default=",".join(SECTIONS))
  parser.add_argument("--repeats", type=int, default=5)
  values = parser.parse_args()
  keep_freed_memory()  # as train.main
  tf.get_logger().setLevel("ERROR")  # no warnings of retracing, since each step is a new function
  for device in gpus():  # leaves some of its memory to PyTorch
    tf.config.experimental.set_memory_growth(device, True)
  print(f"TensorFlow {tf.__version__}, {os.cpu_count()} cores, "
        f"{len(gpus())} GPUs, {IMAGE_SIZE} x {IMAGE_SIZE} pixels; fastest of {values.repeats} "
        "rounds")
  for name in values.only.split(","):
    SECTIONS[name](values.repeats)


if __name__ == "__main__":
  main()
