"""Speed of training steps, as ratios of measurements that take turns in one run.

  python -m benchmarks.train_step [--only=cached,cost,torch,outside,adam,gpu] [--repeats=5]

The sections:
  cached   a step of Steps 2 and 3 on cached features against its bound, and against its products
  cost     Steps 2 and 3 at the published schedule, and five more variants: computed from steps
  torch    a step of Step 1 against the same network in PyTorch, where that is installed
  outside  time outside of the compiled function, as a part of a Net_P step
  adam     the fused Adam against that of Keras
  gpu      galaxies/s with and without XLA, float32, TF32, mixed; where there is a GPU
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import os
import tempfile

import numpy as np
import tensorflow as tf

from benchmarks.steps import IMAGE_SIZE, Case, adam, random_images, repeated
from benchmarks.timing import interleaved
from pzbias_tf.data.augment import DIHEDRAL_ELEMENTS
from pzbias_tf.data.order import drawn_pairs
from pzbias_tf.models.network import redshift_variables
from pzbias_tf.survey import CFHTLS_WIDE, SDSS
from pzbias_tf.training.features import CHUNK
from pzbias_tf.training.stages import STEP2, STEP3

NET_P, NET_S3 = 0, 4
BATCH = 32
CACHED_GALAXIES = 4000
# Of the published run: "at most 60,000" of the balanced subset of SDSS are kept there.
SUBSET = 60_000
MORE_VARIANTS = 5


def cached(repeats: int) -> None:
  """The cached step, its bound, and the products inside of it."""
  for survey in (SDSS, CFHTLS_WIDE):
    for extended in (False, True):
      _cached(Case(net=NET_P, survey=survey, batch_size=BATCH, extended=extended), repeats)


def _cached(case, repeats):
  images, features = random_images(case.survey, BATCH), case.random_features()
  with tempfile.TemporaryDirectory() as folder:
    cache = case.cached_batches(os.path.join(folder, "features.npy"), CACHED_GALAXIES)
    times = interleaved({
        "frozen forward": case.frozen_forward(images),
        "step on images": case.frozen_step(repeated(images)),
        "output step": case.output_step(repeated(features)),
        "cached step": case.output_step(cache),
        "its products": _products(case, features["features"]),
        "its Adam": _updates(case)}, repeats=repeats)
  print(f"\nNet_P, batch {BATCH}, {case.survey.outputs} x {_bins(case)}, "
        f"{'soft' if case.extended else 'hard'} labels")
  for name, timing in times.items():
    print(f"  {name:15s} {timing}")
  forward, whole, output, step, products, update = (t.time_s for t in times.values())
  bound = (forward + output) / output
  print(f"  cached against images: {whole / step:.1f} times as fast; bound {bound:.1f}; "
        f"{(forward + output) / step / bound:.2f} of the bound")
  print(f"  products / output step: {products / output:.2f}; products and Adam / output step: "
        f"{(products + update) / output:.2f}")


def _bins(case):
  return case.survey.bins_extended if case.extended else case.survey.bins


def _products(case, features):
  """The two matrix products of an output step, forward and for the gradient of the weights."""
  kernel, features = redshift_variables(case.network)[0], tf.constant(features)
  kernel = tf.Variable(tf.convert_to_tensor(kernel))

  @tf.function
  def run(count):
    total = tf.constant(0.0)
    for _ in tf.range(count):
      logits = tf.matmul(features, kernel) + 1e-9 * total  # so that none is left out
      total += tf.matmul(features, logits, transpose_a=True)[0, 0]
    return total

  return lambda count: run(tf.constant(count)).numpy()


def _updates(case):
  variables = [tf.Variable(tf.convert_to_tensor(v)) for v in redshift_variables(case.network)]
  return _apply(adam(variables), variables)


def _apply(optimizer, variables):
  """Updates alone, with constant gradients."""
  gradients = [tf.fill(v.shape, 1e-3) for v in variables]

  @tf.function
  def run(count):
    for _ in tf.range(count):
      optimizer.apply_gradients(zip(gradients, variables))

  def do(count):
    run(tf.constant(count))
    return variables[-1].numpy()

  return do


def cost(repeats: int) -> None:
  """What Steps 2 and 3 cost at the published schedule."""
  steps = {stage.number: stage.iterations for stage in (STEP2, STEP3)}
  case = Case(net=NET_P, survey=SDSS, batch_size=BATCH)
  wide = dataclasses.replace(case, extended=True)
  images = random_images(SDSS, BATCH)
  times = interleaved({
      "image, filling": case.frozen_forward(random_images(SDSS, CHUNK)),
      "2 on images": case.frozen_step(repeated(images)),
      "3 on images": wide.frozen_step(repeated(images)),
      "2 on features": case.output_step(repeated(case.random_features())),
      "3 on features": wide.output_step(repeated(wide.random_features()))}, repeats=repeats)
  image_s, *stages_s = (t.time_s for t in times.values())
  image_s /= CHUNK
  drawn = [drawn_pairs(SUBSET, batch_size=BATCH, seed=number, steps=count)
           for number, count in steps.items()]
  pairs = int(np.logical_or(*drawn).sum())
  without, on_features = (sum(np.array(part) * list(steps.values()))
                          for part in (stages_s[:2], stages_s[2:]))
  all_pairs = SUBSET * DIHEDRAL_ELEMENTS
  # Other labels draw the same pairs; other subsets at most all.
  print(f"\nSteps 2 and 3 of Net_P, 6 x 180 and 6 x 360, {STEP2.iterations} iterations each, "
        f"batch {BATCH}, {SUBSET} galaxies; computed from\n"
        f"  {1e3 * image_s:.2f} ms an image of the frozen representation, steps of "
        + ", ".join(f"{1e3 * s:.2f}" for s in stages_s) + " ms (2, 3 on images; 2, 3 on features)\n"
        f"  {pairs} of {all_pairs} pairs of galaxy and view are drawn")
  first = pairs * image_s + on_features
  print(f"  one run:            {_hours(without)} without cache, {_hours(first)} with, of which "
        f"{_hours(pairs * image_s)} for the features: {without / first:.1f} times as fast")
  more = MORE_VARIANTS * on_features
  print(f"  {MORE_VARIANTS} further variants: {_hours(MORE_VARIANTS * without)} without, "
        f"{_hours(more)} with: {MORE_VARIANTS * without / more:.0f} times as fast")
  print(f"  all {1 + MORE_VARIANTS}:              {_hours((1 + MORE_VARIANTS) * without)} without, "
        f"{_hours(first + more)} with: {(1 + MORE_VARIANTS) * without / (first + more):.1f} times "
        "as fast")


def _hours(time_s):
  return f"{time_s / 3600:.2f} h"


def against_torch(repeats: int) -> None:
  """Whole steps of Step 1, with input scaling, augmentation on our side, loss and Adam."""
  if not importlib.util.find_spec("torch"):
    print("\nPyTorch is not installed, so there is nothing to compare with")
    return
  from benchmarks import torch_networks

  for name, net, batch_size in (("Net_P", NET_P, 32), ("Net_S3", NET_S3, 128)):
    images = random_images(SDSS, batch_size)
    case = Case(net=net, survey=SDSS, batch_size=batch_size)
    times = interleaved({"pzbias_tf": case.whole_step(repeated(images)),
                         "PyTorch": torch_networks.train_step(net, images, SDSS)},
                        repeats=repeats)
    print(f"\n{name}, batch {batch_size}, step of Step 1")
    for library, timing in times.items():
      print(f"  {library:10s} {timing}")
    print(f"  PyTorch / pzbias_tf: {times['PyTorch'].time_s / times['pzbias_tf'].time_s:.2f}")


def outside(repeats: int) -> None:
  """What a step costs besides loss, gradients and update: those of a single weight."""
  images = random_images(SDSS, BATCH)
  case = Case(net=NET_P, survey=SDSS, batch_size=BATCH)
  weight = tf.Variable(1.0)
  empty = case.steps_of([weight], lambda batch: weight * batch["ebv"], repeated(images))
  times = interleaved({"Net_P": case.whole_step(repeated(images)), "one weight": empty},
                      repeats=repeats)
  part = times["one weight"].time_s / times["Net_P"].time_s
  print(f"\nTime outside of the compiled function, batch {BATCH}: "
        f"{1e3 * times['one weight'].time_s:.2f} ms of {1e3 * times['Net_P'].time_s:.2f} ms, "
        f"{100 * part:.2f}% of a Net_P step")


def adams(repeats: int) -> None:
  """Updates of the weights of Net_P and of 10 x 2500 redshift outputs."""
  wide = Case(net=NET_P, survey=CFHTLS_WIDE, batch_size=BATCH, extended=True)
  for name, values in (("10 x 2500", redshift_variables(wide.network)),
                       ("Net_P, 6 x 180", Case(net=NET_P, survey=SDSS, batch_size=BATCH)
                        .network.trainable_variables)):
    copies = [[tf.Variable(tf.convert_to_tensor(v)) for v in values] for _ in range(2)]
    keras_adam = tf.keras.optimizers.Adam(1e-5)
    keras_adam.build(copies[1])
    times = interleaved({"fused": _apply(adam(copies[0]), copies[0]),
                         "Keras": _apply(keras_adam, copies[1])}, repeats=repeats)
    weights = sum(int(np.prod(v.shape)) for v in copies[0])
    print(f"\nAdam, {weights / 1e6:.1f} million weights ({name})")
    for library, timing in times.items():
      print(f"  {library:6s} {timing}")
    print(f"  Keras / fused: {times['Keras'].time_s / times['fused'].time_s:.2f}")


def gpu(repeats: int) -> None:
  """Galaxies/s of Net_P on a GPU."""
  if not tf.config.list_physical_devices("GPU"):
    print("\nNo GPU: XLA, TF32 and mixed precision are not measured")
    return
  images = random_images(SDSS, 128)
  for precision in ("float32", "tf32", "mixed_bfloat16", "mixed_float16"):
    tf.config.experimental.enable_tensor_float_32_execution(precision != "float32")
    tf.keras.mixed_precision.set_global_policy(
        precision if precision.startswith("mixed") else "float32")
    cases = {xla: Case(net=NET_P, survey=SDSS, batch_size=128, xla=xla) for xla in (False, True)}
    times = interleaved({f"XLA {'on' if xla else 'off'}": case.whole_step(repeated(images))
                         for xla, case in cases.items()}, repeats=repeats)
    for name, timing in times.items():
      print(f"\nNet_P, batch 128, {precision}, {name}: {128 / timing.time_s:.0f} galaxies/s")
  tf.keras.mixed_precision.set_global_policy("float32")


SECTIONS = {"cached": cached, "cost": cost, "torch": against_torch, "outside": outside,
            "adam": adams, "gpu": gpu}


def main() -> None:
  """Measures the chosen sections."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--only", default=",".join(SECTIONS))
  parser.add_argument("--repeats", type=int, default=5)
  values = parser.parse_args()
  print(f"TensorFlow {tf.__version__}, {os.cpu_count()} cores, "
        f"{len(tf.config.list_physical_devices('GPU'))} GPUs, {IMAGE_SIZE} x {IMAGE_SIZE} pixels; "
        f"fastest of {values.repeats} rounds")
  for name in values.only.split(","):
    SECTIONS[name](values.repeats)


if __name__ == "__main__":
  main()
