"""Metrics of every stage of a run, Step 4, the calibrated catalogue, figures and a report.

  python -m eval.main                            the newest run under runs/
  python -m eval.main --run=runs/sdss_net0_ne1
  python -m eval.main --compare RUN1 RUN2 ...    runs that have been evaluated, side by side

Writes into the run's folder: metrics.json; report/ with figures (PNG and SVG),
table.md and index.html; and where Step 3 is there, calibration.json and
calibrated_test.fits.

p(z) of the last stage is calibrated as well, and pdf_calibration.json written,
where there are enough validation galaxies, which it was not trained on.
"""

from __future__ import annotations

import dataclasses
import json
import os

from absl import app, flags
from astropy.table import Table

from eval.evaluation.compare import compare
from eval.evaluation.description import describe_run
from eval.evaluation.worst_outliers import worst_outliers
from eval.pdf_calibration import PDF_CALIBRATION, load_validation, too_few, with_calibrated_pdfs
from eval.stage_results import load_test_predictions, reference_result, stage_result
from eval.stages import find_stages, newest_run, run_survey
from eval.step4 import CALIBRATION, CATALOG, step4_result
from pzbias_tf import command
from pzbias_tf.files import write_text
from pzbias_tf.metrics.stage_metrics import Bootstrap, to_json
from pzbias_tf.metrics.stage_result import check_same_galaxies
from pzbias_tf.report.captions import DIRECTION
from pzbias_tf.report.run_report import write_report
from pzbias_tf.report.stage_table import format_table
from pzbias_tf.training.config import load_config, package_versions
from pzbias_tf.training.stages import STEP3

REPORT = "report"


def define_flags() -> None:
  """Defines the command line."""
  flags.DEFINE_string("run", "", "Folder of the experiment. Default: the newest one in --workdir.")
  flags.DEFINE_string("workdir", "runs", "Folder of all runs.")
  flags.DEFINE_integer("num_bootstrap", 100, "Bootstraps behind each error.", lower_bound=2)
  flags.DEFINE_integer("seed", 0, "Seed of bootstraps and of Step 4's resampling.", lower_bound=0)
  flags.DEFINE_float("smooth_calibration", 0.0, "Width, in wide redshift bins, over which Step 4's "
                     "corrections are smoothed; 0 for none.", lower_bound=0.0)
  flags.DEFINE_bool("pdfs_by_magnitude", False, "Whether p(z) is calibrated in each magnitude row "
                    "by itself.")
  flags.DEFINE_list("compare", [], "Runs to compare, separated by commas or blanks.")
  flags.DEFINE_string("output", "", "Folder of the comparison. Default: comparison beside the "
                      "first run.")
  flags.DEFINE_string("weights", "", "Table with columns id and weight (FITS, CSV, ...): weights "
                      "of the test galaxies in the metrics, say those of another n(z).")


def main(argv):
  values = flags.FLAGS
  if len(argv) > 1 and not values.compare:
    raise app.UsageError(f"unexpected arguments {' '.join(argv[1:])}")
  with command.one_line_errors():
    if values.compare:
      print(compare([*values.compare, *argv[1:]], values.output))
      return
    run = values.run or newest_run(values.workdir)
    print(evaluate(run, Bootstrap(number=values.num_bootstrap, seed=values.seed),
                   Options(smoothing=values.smooth_calibration,
                           pdfs_by_magnitude=values.pdfs_by_magnitude,
                           weights=values.weights)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
  """How estimates are calibrated, and galaxies weighed.

  Attributes:
    smoothing: of Step 4, see `Calibration.fit`.
    pdfs_by_magnitude: see `PdfCalibration.fit`.
    weights: file of a table with columns "id" and "weight", for the metrics; ""
      for none.
  """

  smoothing: float = 0.0
  pdfs_by_magnitude: bool = False
  weights: str = ""


def evaluate(run: str, bootstrap: Bootstrap, options: Options = Options()) -> str:
  """Evaluates a run and writes its results.

  Args:
    run: folder of the experiment.
    bootstrap: how errors are estimated.
    options: how estimates are calibrated, and galaxies weighed.

  Returns:
    The table of stages and what was written, as text.

  Raises:
    FileNotFoundError: the run holds no test predictions.
    ValueError: predictions are damaged, or stages predicted different galaxies.
  """
  stages = find_stages(run)
  if not stages:
    raise FileNotFoundError(f"{run} holds no stage with test predictions. Run first:\n"
                            "  python -m train.main --tstep=1 --multir")
  survey = run_survey(stages)
  results, written, remarks = _measure(run, stages, survey, bootstrap, options)
  written.insert(0, _save_metrics(run, stages, survey, bootstrap, options, results))
  last = list(stages.values())[-1]
  outliers, why_not = worst_outliers(last, survey)
  remarks += [why_not] if why_not else []
  written += write_report(os.path.join(run, REPORT), results, survey,
                          describe_run(run, stages, results, survey, bootstrap,
                                       weights=options.weights, flags=load_test_predictions(
                                           last, survey).ancil.get("flags")), outliers)
  return "\n".join([
      f"{run}: {survey.name}, test set", "",
      format_table({result.title: result.summary for result in results}), "", DIRECTION, "",
      *remarks, *(f"wrote {path}" for path in written),
      f"look at: tensorboard --logdir {os.path.dirname(run) or run}"])


def _measure(run, stages, survey, bootstrap, options):
  """The results in the order of the method, the files of the calibrations, and remarks."""
  weights = Table.read(options.weights) if options.weights else None
  results = [stage_result(name, folder, survey, bootstrap, weights)
             for name, folder in stages.items()]
  last, written = list(stages.values())[-1], []
  held_out = load_validation(last, survey)
  remarks = [] if held_out is None else list(filter(None, [too_few(held_out)]))
  if held_out is not None and not remarks:
    results[-1] = with_calibrated_pdfs(results[-1], held_out, run, last, survey, bootstrap,
                                       by_magnitude=options.pdfs_by_magnitude, weights=weights)
    written.append(os.path.join(run, PDF_CALIBRATION))
  if STEP3.name in stages:
    results.append(step4_result(run, stages[STEP3.name], survey, bootstrap,
                                smoothing=options.smoothing, weights=weights))
    written += [os.path.join(run, name) for name in (CALIBRATION, CATALOG)]
  reference = reference_result(last, survey, bootstrap, weights)
  results += [reference] if reference else []
  check_same_galaxies(results)
  return results, written, remarks


def _save_metrics(run, stages, survey, bootstrap, options, results):
  """metrics.json of the run, and of each of its own stages."""
  summaries = {result.name: to_json(result.summary) for result in results}
  for name, folder in stages.items():
    if os.path.dirname(folder) == os.path.normpath(run):
      _write_json(os.path.join(folder, "metrics.json"), summaries[name])
  path = os.path.join(run, "metrics.json")
  _write_json(path, {
      "survey": to_json(dataclasses.asdict(survey)),
      "bootstrap": dataclasses.asdict(bootstrap), "options": dataclasses.asdict(options),
      "versions": package_versions(),
      "stage_folders": stages,
      "settings": {name: load_config(folder)[0].settings() for name, folder in stages.items()},
      "stages": summaries})
  return path


def _write_json(path, fields):
  write_text(path, json.dumps(fields, indent=1) + "\n")


if __name__ == "__main__":
  define_flags()
  app.run(main)
