"""Step 4 of predicted galaxies: fitted to them, or that of the run."""

from __future__ import annotations

import os

from eval.evaluation.calibrations import calibrate_target
from eval.prediction.members import Members
from eval.prediction.request import Request
from eval.prediction.tally import Tally
from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.survey import Survey
from pzbias_tf.training.run_folder import CALIBRATION
from pzbias_tf.training.stages import STEP3


def has_step4(request: Request, members: Members) -> bool:
  """Whether the estimates are those that Step 4 corrects: of one Step 3 and view."""
  return members.config.stage == STEP3.name and len(members.stages) == 1 and not request.tta


def survey_to_fit(request: Request, members: Members) -> Survey | None:
  """The survey of a Step 4 that will be fitted to the predicted galaxies; None for no fit."""
  return members.config.survey if request.refit and has_step4(request, members) else None


def step4_remarks(request: Request, members: Members) -> list[str]:
  """Why the estimates of a Step 3 are not corrected, in one line; [] where they are."""
  if members.config.stage != STEP3.name or has_step4(request, members):
    return []
  return ["Step 4 corrects the estimates of one network and view: not applied"]


def step4_of(request: Request, members: Members, tally: Tally, path: str) -> Calibration | None:
  """Step 4 for the predicted galaxies; None where there is none.

  Args:
    request: what was asked.
    members: the stages.
    tally: of all predicted galaxies.
    path: where a Step 4 that is fitted to them is saved.

  Raises:
    OSError: the run has none.
    ValueError: it is that of other weights, or there are no balanced predictions.
  """
  if not has_step4(request, members):
    return None
  if request.refit:
    return calibrate_target(members.stages[0], tally.target, path)
  return run_step4(members)


def run_step4(members: Members) -> Calibration:
  """The run's own Step 4.

  Raises:
    OSError: there is none.
    ValueError: it is that of other weights.
  """
  return Calibration.load(os.path.join(members.run, CALIBRATION), members.config.survey,
                          weights_digest=members.stages[0].weights_digest)
