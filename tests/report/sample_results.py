"""Results that follow known laws, for the tests of figures and report."""

import dataclasses

import numpy as np

from pzbias_tf.metrics.stage_metrics import Bootstrap
from pzbias_tf.metrics.stage_result import REFERENCE, StageResult, measure
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.report.page_files import RunDescription
from pzbias_tf.survey import SDSS

DESCRIPTION = RunDescription(
    name="run <1> & more", facts={"Survey": "sdss", "Test galaxies": "3000"},
    settings={"Baseline": {"iterations": "10"}, "Step 3": {"iterations": "20", "labels": "soft"}})
BOOTSTRAP = Bootstrap(number=3)
# {name: (title, slope of the estimates, whether they pile up in every fourth bin)}
LAWS = {
    "baseline": ("Baseline", 0.8, True), "step1": ("Step 1", 0.7, True),
    "step2": ("Step 2", 0.9, False), "step3": ("Step 3", 1.0, False),
    "step4": ("Step 4", 0.95, False), REFERENCE: ("reference", 1.1, False),
}


def make_result(name: str, num: int = 3000, survey=SDSS, seed: int = 0) -> StageResult:
  """A stage whose estimates follow LAWS, for `num` galaxies."""
  title, slope, collapsed = LAWS[name]
  rng = np.random.default_rng(seed)
  z_spec = rng.beta(2, 3, num) * survey.z_max
  r_mag = rng.uniform(survey.r_min, survey.r_max, num)
  middle = 0.4 * survey.z_max
  z_photo = middle + slope * (z_spec - middle) + rng.normal(0, 0.02 * survey.z_max, num)
  bins = survey.redshift_bin(z_photo)
  bins = bins // 4 * 4 if collapsed else bins
  pdf = np.zeros((num, survey.bins), np.float32)
  pdf[np.arange(num), bins] = 1
  predictions = Predictions.make(survey.edges(), pdf, redshift=z_spec, r_mag=r_mag)
  point_only = name in ("step4", REFERENCE)
  return measure(name, title, predictions, survey, BOOTSTRAP,
                 z_photo=z_photo if point_only else None)


def make_references(*titles: str, **settings) -> list[StageResult]:
  """Several photometric redshifts of the source catalogue."""
  names = [REFERENCE, *(f"{REFERENCE}{number}" for number in range(2, len(titles) + 1))]
  return [dataclasses.replace(make_result(REFERENCE, seed=seed, **settings), name=name, title=title)
          for seed, (name, title) in enumerate(zip(names, titles))]


def make_results(*names: str, **settings) -> list[StageResult]:
  """Results of several stages."""
  return [make_result(name, **settings) for name in names]
