"""Metrics of every stage of a run, Step 4, the calibrated catalogue, figures and a report.

  python -m eval.main                            the newest run under runs/
  python -m eval.main --run=runs/sdss_net0_ne1
  python -m eval.main --compare RUN1 RUN2 ...    runs that have been evaluated, side by side
  python -m eval.main --run=RUN --predictions=FILE1,FILE2    files of eval.predict, side by side

Writes into the run's folder: metrics.json; report/ with figures (PNG and SVG),
table.md and index.html; and, if the run has a Step 3, calibration.json and
calibrated_test.fits.

If there are enough validation galaxies, on which no network was trained, p(z) of
the last stage is calibrated as well, and pdf_calibration.json is written.
"""

from __future__ import annotations

from absl import flags, logging

from pzbias_tf.bias.calibration import CELLS
from pzbias_tf.command_line import command, command_flags


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines the command line."""
  runs, step4 = command_flags.FlagGroup(values, "Runs"), command_flags.FlagGroup(values, "Step 4")
  metrics = command_flags.FlagGroup(values, "Metrics")
  runs.text("run", "", "Folder of the run. Default: the newest one in --workdir.")
  runs.text("workdir", "runs", "Folder of all runs.")
  runs.words("compare", [], "Runs to compare, separated by commas or blanks.")
  runs.words("predictions", [], "Instead of the run's own: predictions files of one sample of "
             "galaxies with redshifts, which are measured for the run's survey; prints a table.")
  runs.text("output", "", "Folder of the comparison. Default: comparison beside the first run.")
  metrics.text("weights", "", "Table with columns id and weight (FITS, CSV, ...): weights of the "
               "test galaxies in the metrics, say those of another n(z).")
  metrics.integer("num_bootstrap", 100, "Bootstraps behind each error.", lower_bound=2)
  metrics.integer("seed", 0, "Seed of bootstraps and of Step 4's resampling.", lower_bound=0)
  step4.choice("calibration_cells", "", ["", *CELLS], "Step 4's correction of a cell: its mean "
               "residual (plain, as published), smoothed over redshift, or shrunk by its own "
               "error. Default: plain.")
  step4.real("smooth_calibration", 0.0, "Width, in wide redshift bins, of "
             "--calibration_cells=smoothed, which it stands for; 0 for the usual 2.",
             lower_bound=0.0)
  step4.switch("pdfs_by_magnitude", False, "Whether p(z) is calibrated in each magnitude row by "
               "itself.")


if __name__ == "__main__":  # TensorFlow is imported once the flags are read
  WORDS = command_flags.read(flags.FLAGS, define_flags, __doc__)

import dataclasses
import os
import shlex

from eval.evaluation.calibrations import (
  CATALOG,
  PDF_CALIBRATION,
  step4_result,
  too_few,
  with_calibrated_pdfs,
)
from eval.evaluation.compare import compare
from eval.evaluation.description import commands_of, describe_run
from eval.evaluation.predictions_files import measure_files
from eval.evaluation.weight_table import WeightTable
from eval.evaluation.worst_outliers import worst_outliers
from eval.run import EvaluatedRun, newest_run
from pzbias_tf.bias.calibration import cell_settings
from pzbias_tf.guards import json_files
from pzbias_tf.guards.locks import exclusive_folder
from pzbias_tf.guards.own_folders import clear_files
from pzbias_tf.metrics.stage_metrics import Bootstrap, to_json
from pzbias_tf.metrics.stage_result import check_same_galaxies, measure, measure_references
from pzbias_tf.report.captions import DIRECTION
from pzbias_tf.report.run_report import write_report
from pzbias_tf.report.stage_table import format_table
from pzbias_tf.training.config import git_revision, package_versions
from pzbias_tf.training.run_folder import CALIBRATION, METRICS
from pzbias_tf.training.stages import STEP3

REPORT = "report"


def main(argv):
  values = flags.FLAGS
  if not values.compare:
    command.refuse_words(argv)
  with command.one_line_errors():
    if values.compare and values.predictions:
      raise ValueError("--compare is for runs, --predictions for files: give one of them")
    if values.compare:
      print(compare([*values.compare, *argv[1:]], values.output))
      return
    folder = values.run or newest_run(values.workdir)
    bootstrap = Bootstrap(number=values.num_bootstrap, seed=values.seed)
    if values.predictions:
      weights = _weights(values.weights)
      print(measure_files(values.predictions, EvaluatedRun.open(folder).survey, bootstrap, weights))
      return
    print(evaluate(folder, bootstrap,
                   Options(**cell_settings(values.calibration_cells, values.smooth_calibration),
                           pdfs_by_magnitude=values.pdfs_by_magnitude,
                           weights=values.weights)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
  """How estimates are calibrated, and galaxies weighed.

  Attributes:
    smoothing, shrunk: of Step 4, see `Calibration.fit`.
    pdfs_by_magnitude: see `PdfCalibration.fit`.
    weights: file of a table with columns "id" and "weight", for the metrics; ""
      for none.
  """

  smoothing: float = 0.0
  shrunk: bool = False
  pdfs_by_magnitude: bool = False
  weights: str = ""


def evaluate(folder: str, bootstrap: Bootstrap, options: Options = Options()) -> str:
  """Evaluates a run and writes its results.

  Args:
    folder: folder of the run.
    bootstrap: how errors are estimated.
    options: how estimates are calibrated, and galaxies weighed.

  Returns:
    The table of stages and what was written, as text.

  Raises:
    FileNotFoundError: the run holds no test predictions.
    OSError: another process evaluates the run.
    ValueError: predictions are damaged, or stages predicted different galaxies.
  """
  run = EvaluatedRun.open(folder, _weights(options.weights))
  with exclusive_folder(folder):
    return _evaluate(run, folder, bootstrap, options)


def _evaluate(run, folder, bootstrap, options):
  """`evaluate`, while no other process does so."""
  for left in (folder, os.path.join(folder, REPORT), *_own_folders(run)):
    clear_files(left)
  results, written, remarks = _measure(run, bootstrap, options)
  remarks = [*run.trained_anew, *_earlier(run.folder, written), *remarks]
  for line in run.trained_anew:
    logging.warning("%s", line)
  commands = commands_of(run, _command(folder, bootstrap, options))
  written.insert(0, _save_metrics(run, bootstrap, options, results, commands))
  outliers, why_not = worst_outliers(run.last)
  remarks += [why_not] if why_not else []
  description = describe_run(run, results, bootstrap, weights=options.weights, commands=commands,
                             metrics=written[0])
  written += write_report(os.path.join(folder, REPORT), results, run.survey, description, outliers)
  return "\n".join([
      f"{folder}: {run.survey.name}, test set, {run.last.origin.headline.lower()}", "",
      format_table({result.title: result.summary for result in results}), "", DIRECTION, "",
      *remarks, *(f"wrote {path}" for path in written),
      f"look at: {written[-1]}; tensorboard --logdir {os.path.dirname(folder) or folder}"])


def _earlier(folder, written) -> list[str]:
  """Calibrations that an earlier evaluation wrote, and this one not, in words."""
  return [f"{path} is of an earlier evaluation, and does not belong to these numbers"
          for path in (os.path.join(folder, name) for name in (CALIBRATION, CATALOG,
                                                                PDF_CALIBRATION))
          if path not in written and os.path.exists(path)]


def _weights(path: str) -> WeightTable | None:
  if not path:
    return None
  weights = WeightTable.read(path)
  print(weights.named())
  return weights


def _measure(run: EvaluatedRun, bootstrap, options):
  """The results in the order of the method, the files of the calibrations, and remarks."""
  results, written, remarks = _measure_stages(run, bootstrap), [], []
  last, held_out = run.last, run.last.validation
  if held_out is not None and too_few(held_out):
    remarks.append(too_few(held_out))
  elif held_out is not None:
    results[-1] = with_calibrated_pdfs(results[-1], last, run.folder, bootstrap,
                                       by_magnitude=options.pdfs_by_magnitude)
    written.append(os.path.join(run.folder, PDF_CALIBRATION))
  if last.name == STEP3.name:
    results.append(step4_result(last, run.folder, bootstrap, smoothing=options.smoothing,
                                shrunk=options.shrunk))
    written += [os.path.join(run.folder, name) for name in (CALIBRATION, CATALOG)]
  results += measure_references(last.test, run.survey, bootstrap, sigma_disp=run.sigma_disp)
  check_same_galaxies(results)
  return results, written, remarks


def _measure_stages(run: EvaluatedRun, bootstrap):
  """The results of the stages with a network; the last one's predictions stay loaded."""
  results = []
  for stage in run.stages:
    results.append(measure(stage.name, stage.spec.title, stage.test, run.survey, bootstrap,
                           sigma_disp=run.sigma_disp))
    if stage is not run.last:
      stage.forget()
  return results


def _command(folder, bootstrap, options):
  """The command that evaluates the run in this way."""
  flags = {"run": folder, "num_bootstrap": bootstrap.number, "seed": bootstrap.seed,
           **({"calibration_cells": "shrunk"} if options.shrunk else {}),
           **({"smooth_calibration": options.smoothing} if options.smoothing else {}),
           **({"weights": options.weights} if options.weights else {})}
  words = [f"--{name}={value}" for name, value in flags.items()]
  return shlex.join(["python", "-m", "eval.main", *words,
                     *["--pdfs_by_magnitude"] * options.pdfs_by_magnitude])


def _save_metrics(run: EvaluatedRun, bootstrap, options, results, commands):
  """metrics.json of the run, and of each of its own stages."""
  summaries = {result.key: to_json(result.summary) for result in results}
  for stage in run.stages:
    if stage.folder in _own_folders(run):
      _write_json(os.path.join(stage.folder, METRICS), summaries[stage.name])
  path = os.path.join(run.folder, METRICS)
  _write_json(path, {
      "survey": to_json(dataclasses.asdict(run.survey)),
      "bootstrap": dataclasses.asdict(bootstrap), "options": dataclasses.asdict(options),
      "versions": package_versions(), "revision": git_revision(),
      "origin": dataclasses.asdict(run.last.origin),
      "data_set": run.last.data_set and run.last.data_set.to_json(), "commands": list(commands),
      "stage_folders": {stage.name: stage.folder for stage in run.stages},
      "settings": {stage.name: stage.config.settings() for stage in run.stages},
      "weights_sha256": {stage.name: stage.test_weights_digest for stage in run.stages},
      "stages": summaries})
  return path


def _own_folders(run):
  """Folders of the stages that the run has itself."""
  return [stage.folder for stage in run.stages
          if os.path.dirname(stage.folder) == os.path.normpath(run.folder)]


def _write_json(path, fields):
  json_files.write(path, fields)


if __name__ == "__main__":
  command.run(main, WORDS)
