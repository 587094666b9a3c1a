"""<experiment>.experiment.json: which stages belong to an experiment, for eval.results."""

from __future__ import annotations

import json
import os
from typing import Mapping, Sequence

from pzbias_tf.files import write_text
from pzbias_tf.training.run_folder import EXPERIMENT_RECORD
from train.plan import Run
from train.study_items import Experiment


def save_record(name: str, experiment: Experiment, variants: Mapping[str, Sequence[Sequence[Run]]],
                *, scale: str, workdir: str, seed: int, command: str) -> str:
  """Writes the record of an experiment beside its runs.

  Args:
    name: the experiment's name.
    experiment: the experiment.
    variants: of `plan_variants`.
    scale: a key of `SCALES`.
    workdir: folder of all runs.
    seed: of every run.
    command: what made the runs.

  Returns:
    The path.
  """
  os.makedirs(workdir, exist_ok=True)
  path = os.path.join(workdir, name + EXPERIMENT_RECORD)
  write_text(path, json.dumps({
      "experiment": name, "title": experiment.title, "varies": experiment.varies, "scale": scale,
      "seed": seed, "command": command,
      "variants": [{"value": value, "stages": [
          os.path.relpath(runs[-1].stage_dir, workdir) for runs in stages], "trained": [
              os.path.relpath(run.stage_dir, workdir) for runs in stages for run in runs
              if run.iterations]} for value, stages in variants.items()]}, indent=1) + "\n")
  return path
