"""Metrics of every stage of a run, Step 4, and the calibrated catalogue.

  python -m eval.main                            the newest run under runs/
  python -m eval.main --run=runs/sdss_net0_ne1

Writes into the run's folder: metrics.json, and where Step 3 is there,
calibration.json and calibrated_test.fits.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys

from absl import app
from absl import flags
from absl import logging

from eval.stages import find_stages, newest_run, run_survey
from pzbias_tf.evaluation.predictions import Predictions
from pzbias_tf.evaluation.step4 import fit_calibration, save_calibrated_catalog
from pzbias_tf.evaluation.summary import Bootstrap, summarize, to_json
from pzbias_tf.evaluation.table import format_table
from pzbias_tf.files import write_text
from pzbias_tf.survey import Survey
from pzbias_tf.training.config import load_config, package_versions
from pzbias_tf.training.run_folder import PREDICTIONS_BALANCED, PREDICTIONS_TEST
from pzbias_tf.training.stages import STEP3, stage_named


def define_flags() -> None:
  """Defines the command line."""
  flags.DEFINE_string("run", "", "Folder of the experiment. Default: the newest one in --workdir.")
  flags.DEFINE_string("workdir", "runs", "Folder of all runs.")
  flags.DEFINE_integer("num_bootstrap", 100, "Bootstraps behind each error.", lower_bound=2)
  flags.DEFINE_integer("seed", 0, "Seed of bootstraps and of Step 4's resampling.", lower_bound=0)


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(f"unexpected arguments {' '.join(argv[1:])}")
  values = flags.FLAGS
  try:
    run = values.run or newest_run(values.workdir)
    print(evaluate(run, Bootstrap(number=values.num_bootstrap, seed=values.seed)))
  except (ValueError, OSError) as error:
    logging.debug("", exc_info=True)  # --verbosity=1 shows where it came from
    sys.exit(f"Error: {error}")


def evaluate(run: str, bootstrap: Bootstrap) -> str:
  """Evaluates a run and writes its results.

  Args:
    run: folder of the experiment.
    bootstrap: how errors are estimated.

  Returns:
    The table of stages and what was written, as text.

  Raises:
    FileNotFoundError: the run holds no test predictions.
  """
  stages = find_stages(run)
  if not stages:
    raise FileNotFoundError(f"{run} holds no stage with test predictions. Run first:\n"
                            "  python -m train.main --tstep=1 --multir")
  survey = run_survey(stages)
  summaries = {name: summarize(_test_predictions(folder, survey), survey, bootstrap)
               for name, folder in stages.items()}
  written = []
  if STEP3.name in stages:
    summaries["step4"] = _step4(run, stages[STEP3.name], survey, bootstrap, written)
  written.insert(0, _save_metrics(run, stages, survey, bootstrap, summaries))
  titles = {_title(name): summary for name, summary in summaries.items()}
  return "\n".join([f"{run}: {survey.name}, test set", "", format_table(titles), "",
                    *(f"wrote {path}" for path in written),
                    f"look at: tensorboard --logdir {os.path.dirname(run) or run}"])


def _test_predictions(folder: str, survey: Survey) -> Predictions:
  """The test predictions of a stage, of the survey's own part of the data set."""
  predictions = Predictions.load(os.path.join(folder, PREDICTIONS_TEST))
  keep = [predictions.ancil[name] == part for name, part in
          (("field", survey.field), ("sample", survey.sample)) if part]
  return predictions.select(keep[0] & keep[1]) if len(keep) == 2 else (
      predictions.select(keep[0]) if keep else predictions)


def _step4(run, step3, survey, bootstrap, written):
  """Fits, saves and applies Step 4; returns the metrics after it."""
  test = _test_predictions(step3, survey)
  balanced = Predictions.load(os.path.join(step3, PREDICTIONS_BALANCED))
  calibration = fit_calibration(balanced, test, survey, seed=bootstrap.seed)
  calibration.save(os.path.join(run, "calibration.json"))
  catalog = os.path.join(run, "calibrated_test.fits")
  z_photo = save_calibrated_catalog(catalog, test, calibration)
  written += [os.path.join(run, "calibration.json"), catalog]
  return {**summarize(test, survey, bootstrap, z_photo=z_photo),
          "uncorrected": int((~calibration.is_corrected(test.z_photo, test.r_mag)).sum())}


def _save_metrics(run, stages, survey, bootstrap, summaries):
  """metrics.json of the run, and of each of its own stages."""
  for name, folder in stages.items():
    if os.path.dirname(folder) == os.path.normpath(run):
      _write_json(os.path.join(folder, "metrics.json"), to_json(summaries[name]))
  path = os.path.join(run, "metrics.json")
  _write_json(path, {
      "survey": to_json(dataclasses.asdict(survey)),
      "bootstrap": dataclasses.asdict(bootstrap), "versions": package_versions(),
      "stage_folders": stages,
      "settings": {name: load_config(folder)[0].settings() for name, folder in stages.items()},
      "stages": to_json(summaries)})
  return path


def _write_json(path, fields):
  write_text(path, json.dumps(fields, indent=1) + "\n")


def _title(name):
  return "Step 4" if name == "step4" else stage_named(name).title


if __name__ == "__main__":
  define_flags()
  app.run(main)
