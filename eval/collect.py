"""From the runs of an experiment to its results file: small, and all that the page needs."""

from __future__ import annotations

import json
import os
import re
import tempfile
from typing import Any

import numpy as np

from eval.stage_results import stage_result
from eval.stages import run_survey
from eval.step4 import STEP4, step4_result
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.evaluation.figures.experiments import WEIGHTED_RMS
from pzbias_tf.evaluation.residuals import Curve
from pzbias_tf.evaluation.summary import Bootstrap, to_json
from pzbias_tf.evaluation.table import COLUMNS
from pzbias_tf.files import write_text
from pzbias_tf.training.config import load_config
from pzbias_tf.training.stages import STEP3
from pzbias_tf.training.timing import TIMING

_KEYS = ("errors", "uncorrected", WEIGHTED_RMS, *(key for _, key, _ in COLUMNS))
_CURVES = ("residual_z_spec", "residual_z_photo", "sigma_mad_by_magnitude")
_DIGITS = 5
SMOOTHED, SMOOTHING = "step4_smoothed", 2.0
"""Name of a Step 4 whose corrections are smoothed, and over how many wide bins."""
_ARRAY = re.compile(r"\[[^\[\]{}]*\]")


class Collector:
  """Measures the stages of experiments, shared ones once.

  Args:
    bootstrap: how errors are estimated.
  """

  def __init__(self, bootstrap: Bootstrap):
    self._bootstrap = bootstrap
    self._measured: dict[str, dict[str, Any]] = {}

  def collect(self, record_path: str, output: str) -> str:
    """Measures the stages of an experiment and writes <output>/<experiment>.json.

    Args:
      record_path: the record that train.experiments has left.
      output: where to.

    Returns:
      The path of the results.

    Raises:
      OSError: a stage has no predictions.
      ValueError: they are damaged.
    """
    workdir = os.path.dirname(record_path)
    with open(record_path, encoding="utf-8") as file:
      record = json.load(file)
    record["data"], record["bootstrap"] = None, self._bootstrap.number
    for variant in record["variants"]:
      folders = {os.path.basename(folder): folder for folder in variant.pop("stages")}
      stages = {name: os.path.join(workdir, folder) for name, folder in folders.items()}
      record["data"] = record["data"] or _describe_data(stages)
      variant["training_s"] = {folder: _training_s(stages[name])
                               for name, folder in folders.items()}
      variant["stages"] = self._variant(stages, alone=not record["varies"])
    os.makedirs(output, exist_ok=True)
    path = os.path.join(output, f"{record['experiment']}.json")
    write_text(path, _ARRAY.sub(_on_a_line, json.dumps(_rounded(record), indent=1)) + "\n")
    return path

  def _variant(self, stages, *, alone):
    """{name of the stage: its summary}, Step 4 where there is a Step 3.

    With curves and the smoothed Step 4 where the variant stands `alone`.
    """
    survey = run_survey(stages)
    summaries = {name: self._once((stage, survey.name), lambda stage=stage, name=name: stage_result(
        name, stage, survey, self._bootstrap)) for name, stage in stages.items()}
    if STEP3.name in stages:
      step3 = stages[STEP3.name]
      summaries[STEP4] = self._once((step3, STEP4), lambda: step4_result(
          os.path.dirname(step3), step3, survey, self._bootstrap))
      if alone:
        summaries[SMOOTHED] = self._once((step3, SMOOTHED), lambda: self._smoothed(step3, survey))
    keys = (*_KEYS, *_CURVES) if alone else _KEYS
    return {name: {key: summary[key] for key in keys if key in summary}
            for name, summary in summaries.items()}

  def _smoothed(self, step3, survey):
    with tempfile.TemporaryDirectory() as scratch:  # the run keeps the calibration without smoothing
      return step4_result(scratch, step3, survey, self._bootstrap, smoothing=SMOOTHING)

  def _once(self, key, measure):
    if key not in self._measured:
      summary = measure().summary
      rms = _weighted_rms(summary["residual_z_photo"])
      self._measured[key] = to_json({**summary, WEIGHTED_RMS: rms})
    return self._measured[key]


def _weighted_rms(curve: Curve) -> float:
  """See WEIGHTED_RMS: sparse bins, which decide the plain one, hardly count."""
  good = np.isfinite(curve.mean) & (np.nan_to_num(curve.error) > 0)
  weight = curve.error[good]**-2
  return float(np.sqrt(np.sum(weight * curve.mean[good]**2) / np.sum(weight)))


def _describe_data(stages) -> dict[str, Any]:
  """What the runs were made of: counts, and how the galaxies were simulated, if they were."""
  config, provenance = load_config(list(stages.values())[-1])
  manifest = Dataset.open(provenance["data_dir"]).manifest
  return {"survey": config.survey.name, "fit_z_min": config.survey.fit_z_min,
          "train": manifest.records("train"), "test": manifest.records("test"),
          "simulated": manifest.source.get("simulated")}


def _training_s(stage) -> float | None:
  """Time that a stage trained, s; None where it trained nothing."""
  path = os.path.join(stage, TIMING)
  if not os.path.exists(path):
    return None
  with open(path, encoding="utf-8") as file:
    return json.load(file)["step_time_s"] * load_config(stage)[0].iterations


def _on_a_line(array: re.Match) -> str:
  """A list of numbers as one line, so that changes can be read."""
  return re.sub(r"\s+", " ", array[0])


def _rounded(value):
  """Numbers with as many digits as they are worth: the files are kept for good."""
  if isinstance(value, float):
    return float(f"{value:.{_DIGITS}g}")
  if isinstance(value, dict):
    return {name: _rounded(item) for name, item in value.items()}
  return [_rounded(item) for item in value] if isinstance(value, list) else value
