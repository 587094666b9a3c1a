"""The study's results: small files that are kept, and the page that is written from them.

  python -m eval.results --workdir=runs/study/sdss   measures what train.experiments trained there
  python -m eval.results                             writes RESULTS.md and its figures

The first writes results/<name of the folder>/<study item>.json, and then the page, like the second.
"""

from __future__ import annotations

from absl import flags

from pzbias_tf.command_line import command, command_flags


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines the command line."""
  runs, page = command_flags.FlagGroup(values, "Runs"), command_flags.FlagGroup(values, "Page")
  metrics = command_flags.FlagGroup(values, "Metrics")
  runs.text("workdir", "", "Folder of the runs of train.experiments to measure. Default: none, the "
            "page alone is written.")
  runs.words("experiments", [], "Study items to measure. Default: all that exist.")
  page.text("results", "results", "Folder of the results files.")
  page.text("page", "RESULTS.md", "The page.")
  metrics.integer("num_bootstrap", 100, "Bootstraps behind each error.", lower_bound=2)
  metrics.integer("seed", 0, "Seed of bootstraps and of Step 4's resampling.", lower_bound=0)


if __name__ == "__main__":  # TensorFlow is imported once the flags are read
  WORDS = command_flags.read(flags.FLAGS, define_flags, __doc__)

import glob
import os

from absl import logging

from eval.study.collect import Collector, missing_stages
from eval.study.sections import SAMPLES
from eval.study.study_page import render
from pzbias_tf.files import write_text
from pzbias_tf.metrics.stage_metrics import Bootstrap
from pzbias_tf.training.run_folder import EXPERIMENT_RECORD


def main(argv):
  """Measures and writes; a mistake of the user ends in one line, not in a traceback."""
  command.refuse_words(argv)
  values = flags.FLAGS
  with command.one_line_errors():
    if values.experiments and not values.workdir:
      raise ValueError("--experiments names study items of --workdir, which is missing")
    if values.workdir:
      measure(values.workdir, values.results, values.experiments,
              Bootstrap(number=values.num_bootstrap, seed=values.seed))
    write_text(values.page, render(values.results))
  print(f"wrote {values.page}")


def measure(workdir: str, results: str, experiments: list[str], bootstrap: Bootstrap) -> None:
  """Measures the study items of a folder of runs.

  Args:
    workdir: the folder.
    results: folder of the results files.
    experiments: their names; [] for all that are complete.
    bootstrap: how errors are estimated.

  Raises:
    OSError: there is no such item, or it is not complete.
    ValueError: the page has no place for a sample of this name.
  """
  names = experiments or sorted(os.path.basename(path).removesuffix(EXPERIMENT_RECORD) for path in
                                glob.glob(os.path.join(glob.escape(workdir),
                                                       "*" + EXPERIMENT_RECORD)))
  if not names:
    raise FileNotFoundError(f"{workdir} holds no study item. Run first:\n"
                            f"  python -m train.experiments --run=NAME --workdir={workdir}")
  collector = Collector(bootstrap)
  sample = os.path.basename(os.path.abspath(workdir))
  if sample not in SAMPLES:
    raise ValueError(f"--workdir={workdir}: the page has a place for the samples "
                     f"{', '.join(SAMPLES)}; give the folder of the runs such a name")
  folder = os.path.join(results, sample)
  for name in names:
    record = os.path.join(workdir, name + EXPERIMENT_RECORD)
    missing = missing_stages(record)
    if missing and experiments:
      raise FileNotFoundError(f"{name} is not complete, {', '.join(missing)} is missing; give its "
                              "python -m train.experiments again")
    if missing:
      logging.warning("%s is left out, it is not complete: %s is missing", name,
                      ", ".join(missing))
    else:
      logging.info("wrote %s", collector.collect(record, folder))


if __name__ == "__main__":
  command.run(main, WORDS)
