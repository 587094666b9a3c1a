"""Sections "gpu", "gpu_more", "waiting" and "scaling" of train_step.py: how devices are used."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
import time

import tensorflow as tf

from benchmarks.input_pipeline import DTYPES, make_data, ours
from benchmarks.steps import NET_P, NET_S3, Case, operations, random_images, repeated
from benchmarks.timing import interleaved
from pzbias_tf.choices import NETWORKS
from pzbias_tf.survey import SDSS
from pzbias_tf.training.devices import make_strategy

BATCH = 128  # of Baseline and Step 1
PRECISIONS = ("tf32", "mixed_bfloat16")
FURTHER_PRECISIONS = ("float32", "mixed_float16")
MATRIX = 8192
GALAXIES = 4000
WAITING_BLOCK_S = 3.0
TRAINING = 3  # operations of a step, divided by those of its forward pass


def gpus() -> list[tf.config.PhysicalDevice]:
  """The GPUs."""
  return tf.config.list_physical_devices("GPU")


@contextlib.contextmanager
def tensor_float_32(on: bool):
  """Switches TF32 in products of float32 numbers on or off for a while; the default is on."""
  before = tf.config.experimental.tensor_float_32_execution_enabled()
  tf.config.experimental.enable_tensor_float_32_execution(on)
  try:
    yield
  finally:
    tf.config.experimental.enable_tensor_float_32_execution(before)


def further_precisions(repeats: int) -> None:
  """Measures `precisions` without TF32 and in float16."""
  precisions(repeats, FURTHER_PRECISIONS)


def precisions(repeats: int, names: tuple[str, ...] = PRECISIONS) -> None:
  """Measures galaxies/s of whole steps in each precision, with and without XLA."""
  if not gpus():
    print(f"\nNo GPU: {', '.join(names)} with and without XLA are not measured")
    return
  device = tf.config.experimental.get_device_details(gpus()[0]).get("device_name", "GPU")
  for precision in names:
    with tensor_float_32(precision != "float32"):
      peak = _product_rate(precision, repeats)
      print(f"\n{device}, {precision}, product of {MATRIX} x {MATRIX} matrices: "
            f"{peak / 1e12:.0f} TFLOP/s", flush=True)
      for name, net in (("Net_P", NET_P), ("Net_S3", NET_S3)):
        _whole_steps(name, net, precision, peak, repeats)


def _whole_steps(name, net, precision, peak, repeats):
  cases = {f"XLA {'on' if xla else 'off'}": Case(
      net=net, survey=SDSS, batch_size=BATCH, xla=xla,
      precision="float32" if precision == "tf32" else precision) for xla in (False, True)}
  images = random_images(SDSS, BATCH)
  times = interleaved({title: case.whole_step(repeated(images)) for title, case in cases.items()},
                      repeats=repeats)
  flop = TRAINING * BATCH * operations(cases["XLA on"].network)
  print(f"\n{name}, batch {BATCH}, {precision}, {flop / BATCH / 1e9:.2f} GFLOP a galaxy")
  for title, timing in times.items():
    print(f"  {title:7s} {timing}, {BATCH / timing.time_s:7.0f} galaxies/s, "
          f"{flop / timing.time_s / 1e12:6.1f} TFLOP/s, {flop / timing.time_s / peak:.2f} of the "
          "product's", flush=True)


def _product_rate(precision, repeats):
  """Operations/s of a large matrix product on the device."""
  dtype = tf.as_dtype(precision.removeprefix("mixed_")) if "mixed" in precision else tf.float32
  a, b = (tf.cast(tf.random.normal([MATRIX, MATRIX]), dtype) for _ in range(2))

  def do(count):
    for _ in range(count):
      product = tf.matmul(a, b)
    return product[0, 0].numpy()

  return 2 * MATRIX**3 / interleaved({"": do}, repeats=repeats)[""].time_s


def waiting(repeats: int, *, net: int = NET_P, galaxies: int = GALAXIES, batch_size: int = 0
            ) -> None:
  """Measures which share of a step waits for input, from float32 and float16 shards."""
  batch_size = batch_size or (BATCH if gpus() else 32)
  precision = "mixed_bfloat16" if gpus() else "float32"
  with tempfile.TemporaryDirectory() as folder:
    for dtype in DTYPES:
      data = make_data(os.path.join(folder, dtype), galaxies, dtype)
      case = Case(net=net, survey=SDSS, batch_size=batch_size, precision=precision)
      step_s, share = _waiting(case.whole_step(ours(data, batch_size)), repeats)
      print(f"\n{NETWORKS[net]}, batch {batch_size}, {precision}, from {dtype} shards: "
            f"{batch_size / step_s:.0f} galaxies/s, {100 * share:.1f}% of the time waiting for "
            "input", flush=True)


def _waiting(do, repeats):
  """Time of a step in seconds and the share of it that waits, in the fastest of some blocks."""
  do(5)  # compiles, and fills buffers
  start_s = time.perf_counter()
  do(5)
  count = max(5, round(5 * WAITING_BLOCK_S / (time.perf_counter() - start_s)))
  blocks = []
  for _ in range(repeats):
    start_s = time.perf_counter()
    steps = do(count)
    took_s = time.perf_counter() - start_s
    blocks.append((took_s / count, float(steps.waited_s) / took_s))
  return min(blocks)


def scaling(repeats: int) -> None:
  """Measures galaxies/s over 1, 2, 4, ... devices, each with a batch of its own.

  Each number of devices gets its own process, which can hold only one strategy.
  """
  if len(gpus()) < 2:
    print("\nFewer than two GPUs: nothing to scale over")
    return
  rates = {}
  while (count := 2 ** len(rates)) <= len(gpus()):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
      rates[count] = pool.apply(rate_over, (count, repeats))
    print(f"\nNet_P, {BATCH} galaxies a device, {count} devices: {rates[count]:.0f} galaxies/s, "
          f"{rates[count] / rates[1] / count:.2f} of {count} times one device", flush=True)


def rate_over(count: int, repeats: int, net: int = NET_P, batch_size: int = BATCH) -> float:
  """Galaxies/s of a network over `count` devices; call it only once per process.

  Args:
    count: number of devices.
    repeats: rounds to measure.
    net: number of the network.
    batch_size: galaxies per device.
  """
  for device in gpus():
    tf.config.experimental.set_memory_growth(device, True)
  strategy = make_strategy(count)
  with strategy.scope():
    case = Case(net=net, survey=SDSS, batch_size=count * batch_size)
    step = case.whole_step(repeated(random_images(SDSS, case.batch_size)))
  return case.batch_size / interleaved({"": step}, repeats=repeats)[""].time_s
