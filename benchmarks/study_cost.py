"""Section "study" of train_step.py: time of the published study, computed from measured steps."""

from __future__ import annotations

from benchmarks.cached_step import BATCH, pairs_of_the_study
from benchmarks.steps import NET_P, Case, random_images, repeated
from benchmarks.timing import interleaved
from pzbias_tf.survey import SDSS
from pzbias_tf.training.features import CHUNK
from pzbias_tf.training.stages import BASELINE, STEP1, STEP2, STEP3

WHOLE_BATCH = 128
FOLDS, VARIANTS = 5, 12


def study(repeats: int) -> None:
  """Computes the hours that Net_P trains at the published schedule, Baseline and Steps 1 to 3."""
  times_s = _step_times(repeats)
  counts = {BASELINE.title: BASELINE.iterations, STEP1.title: STEP1.iterations,
            "features": pairs_of_the_study() / CHUNK, STEP2.title: STEP2.iterations,
            STEP3.title: STEP3.iterations}
  hours = {name: count * times_s[name] / 3600 for name, count in counts.items()}
  print(f"\nThe published schedule, Net_P of SDSS, computed from measured steps (batch "
        f"{WHOLE_BATCH}, {CHUNK} for features, {BATCH} on features)")
  for name, count in counts.items():
    print(f"  {name:10s} {count:8.0f} x {1e3 * times_s[name]:9.3f} ms = {hours[name]:8.3f} h")
  shared = sum(hours[name] for name in (STEP1.title, "features"))
  variant = hours[STEP2.title] + hours[STEP3.title]
  run = hours[BASELINE.title] + shared + variant
  print(f"  one run, all of these: {run:.2f} h; {FOLDS} folds: {FOLDS * run:.2f} h\n"
        f"  {FOLDS} folds with {VARIANTS} variants of Steps 2 and 3 on the same Step 1: "
        f"{FOLDS * (run + (VARIANTS - 1) * variant):.2f} h\n"
        f"  {FOLDS} folds of {VARIANTS} variants that train everything: "
        f"{FOLDS * VARIANTS * run:.2f} h")


def _step_times(repeats):
  """Seconds per step of each stage, and per forward pass that computes a chunk of features."""
  images = random_images(SDSS, WHOLE_BATCH)
  single = Case(net=NET_P, survey=SDSS, batch_size=WHOLE_BATCH, multi_output=False)
  several = Case(net=NET_P, survey=SDSS, batch_size=WHOLE_BATCH)
  step2 = Case(net=NET_P, survey=SDSS, batch_size=BATCH)
  step3 = Case(net=NET_P, survey=SDSS, batch_size=BATCH, extended=True)
  times = interleaved({
      BASELINE.title: single.whole_step(repeated(images)),
      STEP1.title: several.whole_step(repeated(images)),
      "features": step2.frozen_forward(random_images(SDSS, CHUNK)),
      STEP2.title: step2.output_step(repeated(step2.random_features())),
      STEP3.title: step3.output_step(repeated(step3.random_features()))}, repeats=repeats)
  return {name: timing.time_s for name, timing in times.items()}
