"""The stages that belong to a run: its own, and those that they started from."""

from __future__ import annotations

import os

from pzbias_tf.survey import Survey
from pzbias_tf.training.config import load_config
from pzbias_tf.training.run_folder import PREDICTIONS_TEST, is_stage
from pzbias_tf.training.stages import STAGES


def newest_run(workdir: str) -> str:
  """The experiment under `workdir` whose test predictions are the newest.

  Raises:
    FileNotFoundError: no experiment has any.
  """
  times = {}
  for name in sorted(os.listdir(workdir)) if os.path.isdir(workdir) else []:
    for folder in find_stages(os.path.join(workdir, name), own_only=True).values():
      changed = os.path.getmtime(os.path.join(folder, PREDICTIONS_TEST))
      times[os.path.join(workdir, name)] = max(changed, times.get(os.path.join(workdir, name), 0))
  if not times:
    raise FileNotFoundError(f"{workdir} holds no run with test predictions. Run first:\n"
                            "  python -m train.main --tstep=1 --multir")
  return max(times, key=times.get)


def find_stages(run: str, *, own_only: bool = False) -> dict[str, str]:
  """The stages of a run that have test predictions.

  Args:
    run: folder of an experiment.
    own_only: leave out stages of other experiments that the run's own stages
      started from (and the Baseline beside those).

  Returns:
    {stage name: folder}, in the order of the method.
  """
  own = {stage.name: os.path.join(run, stage.name) for stage in STAGES
         if _is_predicted(os.path.join(run, stage.name))}
  borrowed = {} if own_only else _borrowed(own)
  return {stage.name: own.get(stage.name) or borrowed[stage.name] for stage in STAGES
          if stage.name in own or stage.name in borrowed}


def _borrowed(own: dict[str, str]) -> dict[str, str]:
  """The stages that a run's own stages started from, and the Baseline beside those."""
  borrowed = {}
  for folder in own.values():
    _, provenance = load_config(folder)
    paths = [provenance["init_from"], os.path.dirname(provenance["label_predictions"])]
    for path in [os.path.normpath(path) for path in paths if path]:
      beside = os.path.join(os.path.dirname(path), STAGES[0].name)
      for found in (path, beside):
        if _is_predicted(found):
          borrowed.setdefault(os.path.basename(found), found)
  return borrowed


def _is_predicted(folder: str) -> bool:
  return is_stage(folder) and os.path.exists(os.path.join(folder, PREDICTIONS_TEST))


def run_survey(stages: dict[str, str]) -> Survey:
  """The survey that a run is judged on: that of its last stage."""
  return load_config(list(stages.values())[-1])[0].survey
