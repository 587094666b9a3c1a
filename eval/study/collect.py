"""From the runs of a study item to its results file: small, and all that the page needs."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import tempfile
from typing import Any

from eval.evaluation.calibrations import STEP4, step4_result
from eval.run import EvaluatedStage
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.files import write_text
from pzbias_tf.guards import json_files
from pzbias_tf.metrics.peaks import summarize_peaks
from pzbias_tf.metrics.residuals import rms_by_galaxies
from pzbias_tf.metrics.stage_metrics import Bootstrap, summarize, to_json
from pzbias_tf.metrics.stage_result import measure
from pzbias_tf.report.stage_table import COLUMNS, with_error
from pzbias_tf.training.config import load_config
from pzbias_tf.training.run_folder import PREDICTIONS_TEST, TIMING
from pzbias_tf.training.stages import STEP3
from pzbias_tf.training.training_log import load_timing

RMS = "rms_by_galaxies"
"""Key of `residuals.rms_by_galaxies` of the residual by z_photo."""

PEAKS = (("peaks of p(z)", "peaks", 1), ("TV", "total_variation", 3),
         ("TV, median", "total_variation_median", 3),
         ("TV, peak of smoothed p(z)", "total_variation_smoothed", 3))
"""Columns, as `stage_table.COLUMNS`, of what `peaks.summarize_peaks` gives."""

MEDIAN = (("sigma_MAD, median", "sigma_mad_median", 4),
          ("slope(z_spec), median", "slope_z_spec_median", 3))
"""Columns of the median of p(z) as the point estimate."""

_KEYS = ("errors", "uncorrected", RMS, *(key for _, key, _ in (*COLUMNS, *PEAKS, *MEDIAN)))
_CURVES = ("residual_z_spec", "residual_z_photo", "sigma_mad_by_magnitude")
_DIGITS = 5
SMOOTHED, SMOOTHING = "step4_smoothed", 2.0
"""Name of the Step 4 with smoothed corrections, and over how many wide bins they are smoothed."""
_ARRAY = re.compile(r"\[[^\[\]{}]*\]")


class Collector:
  """Measures the stages of study items, shared ones once.

  Args:
    bootstrap: how errors are estimated.
  """

  def __init__(self, bootstrap: Bootstrap):
    self._bootstrap = bootstrap
    self._measured: dict[str, dict[str, Any]] = {}

  def collect(self, record_path: str, output: str) -> str:
    """Measures the stages of a study item and writes <output>/<experiment>.json.

    Args:
      record_path: the item's record, written by train.experiments.
      output: folder of the results file.

    Returns:
      The path of the results.

    Raises:
      OSError: a file is missing.
      ValueError: a file is damaged.
    """
    workdir, record = os.path.dirname(record_path), load_record(record_path)
    record["data"], record["bootstrap"] = None, self._bootstrap.number
    for variant in record["variants"]:
      folders = {os.path.basename(folder): folder for folder in variant.pop("stages")}
      stages = {name: os.path.join(workdir, folder) for name, folder in folders.items()}
      record["data"] = record["data"] or _describe_data(stages)
      variant["training_s"] = {folder: _training_s(os.path.join(workdir, folder))
                               for folder in variant.pop("trained")}
      variant["stages"] = self._variant(stages, alone=not record["varies"])
    os.makedirs(output, exist_ok=True)
    path = os.path.join(output, f"{record['experiment']}.json")
    write_text(path, _ARRAY.sub(_on_a_line, json.dumps(_rounded(record), indent=1)) + "\n")
    return path

  def _variant(self, stages, *, alone):
    """{name of the stage: its summary}, with Step 4 where there is a Step 3.

    The only variant of its item (`alone`) also has curves and the smoothed Step 4.
    """
    survey = EvaluatedStage(list(stages.values())[-1]).survey
    opened = {name: EvaluatedStage(folder, survey) for name, folder in stages.items()}
    sigma_disp = list(opened.values())[-1].sigma_disp
    # Stages that variants share are measured with the weights of each variant's labels.
    weights = None if sigma_disp is None else tuple(sigma_disp)
    summaries = {
        name: self._once((stage.folder, survey.name, weights), survey, functools.partial(
            self._stage, stage, sigma_disp))
        for name, stage in opened.items()}
    if STEP3.name in stages:
      wanted = {STEP4: 0.0, **({SMOOTHED: SMOOTHING} if alone else {})}
      step3 = opened[STEP3.name]
      for name, smoothing in wanted.items():
        summaries[name] = self._once((step3.folder, name), survey, functools.partial(
            self._step4, step3, smoothing))
    keys = (*_KEYS, *_CURVES) if alone else _KEYS
    return {name: {key: summary[key] for key in keys if key in summary}
            for name, summary in summaries.items()}

  def _stage(self, stage: EvaluatedStage, sigma_disp):
    test = stage.test
    result = measure(stage.name, stage.spec.title, test, stage.survey, self._bootstrap,
                     sigma_disp=sigma_disp)
    peaks = summarize_peaks(test.edges, test.pdf, test.z_spec, stage.survey,
                            num_bootstrap=self._bootstrap.number, seed=self._bootstrap.seed)
    if stage.name != STEP3.name:  # whose predictions Step 4 corrects
      stage.forget()
    return dataclasses.replace(result, summary={
        **result.summary, **peaks, **self._median(test, stage.survey, sigma_disp)})

  def _median(self, test, survey, sigma_disp):
    """Scatter and slope of the medians of p(z)."""
    medians = summarize(test, survey, self._bootstrap, z_photo=test.ancil["zmedian"],
                        sigma_disp=sigma_disp)
    return {"sigma_mad_median": with_error(medians, "sigma_mad"),
            "slope_z_spec_median": medians["slope_z_spec"]}

  def _step4(self, step3: EvaluatedStage, smoothing):
    with tempfile.TemporaryDirectory() as scratch:  # the run keeps the calibration that it has
      return step4_result(step3, scratch, self._bootstrap, smoothing=smoothing)

  def _once(self, key, survey, result_of):
    if key not in self._measured:
      result = result_of()
      rms = rms_by_galaxies(result.summary["residual_z_photo"], result.z_photo, survey)
      self._measured[key] = to_json({**result.summary, RMS: rms})
    return self._measured[key]


def load_record(path: str) -> dict[str, Any]:
  """The record of a study item, written by train.experiments."""
  variant = {"value": json_files.ANYTHING, "stages": [str], "trained": [str]}
  return json_files.read(path, {"experiment": str, "varies": str, "variants": [variant]},
                         f"{path}: damaged ({{problem}}); give its python -m train.experiments "
                         "again")


def missing_stages(record_path: str) -> list[str]:
  """Folders of the stages of a study item that are not complete."""
  workdir = os.path.dirname(record_path)
  variants = load_record(record_path)["variants"]
  return sorted(stage for stage in {stage for variant in variants for stage in variant["stages"]}
                if not os.path.exists(os.path.join(workdir, stage, PREDICTIONS_TEST)))


def _describe_data(stages) -> dict[str, Any]:
  """What the runs were made of: counts, and how the galaxies were simulated, if they were."""
  last = EvaluatedStage(list(stages.values())[-1])
  manifest = Dataset.open(last.data_dir).manifest
  return {"survey": last.survey.name, "train": manifest.records("train"),
          "test": manifest.records("test"), "simulated": manifest.source.get("simulated")}


def _training_s(stage) -> float | None:
  """Time that a stage trained, s; None where it trained nothing."""
  path = os.path.join(stage, TIMING)
  if not os.path.exists(path):
    return None
  return load_timing(path)[1] * load_config(stage)[0].iterations


def _on_a_line(array: re.Match) -> str:
  """A list of numbers on one line, so that differences are readable."""
  return re.sub(r"\s+", " ", array[0])


def _rounded(value):
  """Numbers with as many digits as are significant: the files are kept for good."""
  if isinstance(value, float):
    return float(f"{value:.{_DIGITS}g}")
  if isinstance(value, dict):
    return {name: _rounded(item) for name, item in value.items()}
  return [_rounded(item) for item in value] if isinstance(value, list) else value
