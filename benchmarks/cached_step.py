"""Sections "cached" and "cost" of train_step.py: speed of Steps 2 and 3 on cached features."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from typing import Sequence

import numpy as np
import tensorflow as tf

from benchmarks.steps import IMAGE_SIZE, NET_P, Case, adam, random_images, repeated, updates
from benchmarks.timing import interleaved
from pzbias_tf.choices import NETWORKS
from pzbias_tf.data.augment import DIHEDRAL_ELEMENTS
from pzbias_tf.data.draw_order import drawn_pairs
from pzbias_tf.models.network import redshift_variables
from pzbias_tf.survey import CFHTLS_WIDE, SDSS, Survey
from pzbias_tf.training.features import CHUNK
from pzbias_tf.training.stages import STEP2, STEP3

BATCH = 32
CACHED_GALAXIES = 4000
# As published: "at most 60,000" galaxies of the balanced subset of SDSS are used.
SUBSET = 60_000
MORE_VARIANTS = 5


def cached(repeats: int, surveys: Sequence[Survey] = (SDSS, CFHTLS_WIDE), *, net: int = NET_P,
           image_size: int = IMAGE_SIZE) -> None:
  """Times the cached step, its bound, and the matrix products inside it."""
  for survey in surveys:
    for extended in (False, True):
      _cached(Case(net=net, survey=survey, batch_size=BATCH, image_size=image_size,
                   extended=extended), repeats)


def _cached(case, repeats):
  images, features = random_images(case.survey, BATCH, case.image_size), case.random_features()
  with tempfile.TemporaryDirectory() as folder:
    cache = case.cached_batches(os.path.join(folder, "features.npy"), CACHED_GALAXIES)
    times = interleaved({
        "frozen forward": case.frozen_forward(images),
        "step on images": case.frozen_step(repeated(images)),
        "output step": case.output_step(repeated(features)),
        "cached step": case.output_step(cache),
        "its products": _products(case, features["features"]),
        "its Adam": _updates(case)}, repeats=repeats)
  print(f"\n{NETWORKS[case.net]}, batch {BATCH}, {case.survey.outputs} x {_bins(case)}, "
        f"{'soft' if case.extended else 'hard'} labels")
  for name, timing in times.items():
    print(f"  {name:15s} {timing}")
  forward, whole, output, step, products, update = (t.time_s for t in times.values())
  bound = (forward + output) / output
  by_cpu = times["output step"].cpu_s / times["cached step"].cpu_s
  print(f"  cached against images: {whole / step:.1f} times as fast; bound {bound:.1f}; "
        f"{(forward + output) / step / bound:.2f} of the bound ({by_cpu:.2f} by processor time)")
  print(f"  products / output step: {products / output:.2f}; products and Adam / output step: "
        f"{(products + update) / output:.2f}")


def _bins(case):
  return case.survey.bins_extended if case.extended else case.survey.bins


def _products(case, features):
  """The two matrix products of an output step: forward, and for the gradient of the weights."""
  kernel, features = redshift_variables(case.network)[0], tf.constant(features)
  kernel = tf.Variable(tf.convert_to_tensor(kernel))

  @tf.function
  def run(count):
    total = tf.constant(0.0)
    for _ in tf.range(count):
      # Each product depends on the last one, so that none is optimized away.
      logits = tf.matmul(features, kernel) + 1e-9 * total
      total += tf.matmul(features, logits, transpose_a=True)[0, 0]
    return total

  return lambda count: run(tf.constant(count)).numpy()


def _updates(case):
  variables = [tf.Variable(tf.convert_to_tensor(v)) for v in redshift_variables(case.network)]
  return updates(adam(variables), variables)


def cost(repeats: int) -> None:
  """Computes the time of Steps 2 and 3 at the published schedule, with and without cache."""
  steps = [stage.iterations for stage in (STEP2, STEP3)]
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
  pairs = pairs_of_the_study()
  without, on_features = (np.dot(part, steps) for part in (stages_s[:2], stages_s[2:]))
  all_pairs = SUBSET * DIHEDRAL_ELEMENTS
  # Variants with other labels draw the same pairs; variants with other subsets at most all pairs.
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


def pairs_of_the_study() -> int:
  """Number of pairs of galaxy and view that Steps 2 and 3 draw at the published schedule."""
  drawn = [drawn_pairs(SUBSET, batch_size=BATCH, seed=stage.number, steps=stage.iterations)
           for stage in (STEP2, STEP3)]
  return int(np.logical_or(*drawn).sum())


def _hours(time_s):
  return f"{time_s / 3600:.2f} h"
