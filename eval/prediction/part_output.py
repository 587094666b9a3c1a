"""Predictions as a folder: parts in Parquet, or a HATS catalogue, for any number of galaxies.

There are two passes over the shards.  The first predicts each into a file of its own, and counts
its galaxies, which is all that Step 4's fit needs of them.  The second turns each of these files
into a part that holds the calibrated estimates, too, and removes it.  Memory holds one shard.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import Callable, NamedTuple, Sequence

import numpy as np

from eval.prediction.members import Members
from eval.prediction.request import Request
from eval.prediction.step4 import (
  has_step4,
  run_step4,
  step4_of,
  step4_remarks,
  survey_to_fit,
)
from eval.prediction.tally import Tally
from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.files import write_text
from pzbias_tf.predictions.parts.hats_catalog import write_hats
from pzbias_tf.predictions.parts.part_folder import finish_parts, read_part_columns
from pzbias_tf.predictions.parts.part_schema import PDF, QUANTILES
from pzbias_tf.predictions.parts.part_writer import SUFFIX, write_part
from pzbias_tf.predictions.point_catalog import can_write_parquet
from pzbias_tf.predictions.sharded import (
  PARTS,
  Outcome,
  Shard,
  ShardPrediction,
  predict_shards,
)
from pzbias_tf.training.run_folder import CALIBRATION

_COUNTED = "counted.json"  # its presence means that the first pass is complete
_SHOWN = 20  # galaxies


class Written(NamedTuple):
  """What `write_folder` did.

  Attributes:
    outcome: of the prediction.
    written: the folder, and a file beside it.
    remarks: what is said of the galaxies.
    first: columns of the first galaxies.
  """

  outcome: Outcome
  written: list[str]
  remarks: list[str]
  first: dict[str, np.ndarray]


def check_folder(request: Request) -> None:
  """Refuses a folder that could not be written in the end.

  Raises:
    FileExistsError: it exists and is not empty.
    ValueError: pyarrow is not installed.
  """
  if not can_write_parquet():
    raise ValueError(f"--output={request.output}: Parquet needs pyarrow: pip install '.[parquet]'")
  if os.path.lexists(request.path) and not (
      os.path.isdir(request.path) and not os.listdir(request.path)):
    raise FileExistsError(f"{request.path} already exists; name another --output, or remove it")


def check_positions(shards: Sequence[Shard]) -> None:
  """Refuses galaxies without positions, which have no place in a HATS catalogue.

  Raises:
    ValueError: a position is missing.
  """
  without: list[str] = []
  for shard in shards:
    ids, ra, dec = (shard.part.column(name) for name in ("id", "ra", "dec"))
    without += ids[~(np.isfinite(ra) & (np.abs(dec) <= 90.0))].tolist()
    shard.part.forget()
  if without:
    raise ValueError(f"--healpix_order: {len(without)} galaxies of {shards[0].part.folder} have no "
                     f"position, {without[0]!r} the first; convert them with ra and dec, or leave "
                     "the flag out")


def write_folder(request: Request, members: Members, shards: Sequence[Shard],
                 prediction: Callable[[], ShardPrediction], folder: str) -> Written:
  """Predicts shards and writes the folder, whole or not at all; goes on where it was interrupted.

  Args:
    request: what was asked.
    members: the stages.
    shards: the shards.
    prediction: how each is predicted; called only if one is.
    folder: the working folder.

  Raises:
    OSError: the disk is full.
    FloatingPointError: a network gave NaN.
  """
  work = os.path.join(folder, PARTS)
  if request.healpix_order is not None:
    check_positions(shards)
  outcome, remarks = _first_pass(request, members, shards, prediction, work)
  finished = os.path.join(work, "finished")
  _second_pass(shards, finished, _calibration(request, members, work))
  first = read_part_columns(finished, without=(PDF, QUANTILES), stop=_SHOWN)
  return Written(outcome, _deliver(request, finished, work), remarks, first)


def _first_pass(request, members, shards, prediction, work):
  """Predicts, and fits Step 4; returns the outcome and remarks."""
  path = os.path.join(work, _COUNTED)
  if os.path.exists(path):
    with open(path, encoding="utf-8") as file:
      return Outcome(0, 0.0), json.load(file)["remarks"]
  tally = Tally(survey_to_fit(request, members))
  outcome = predict_shards(shards, prediction(), lambda _, columns: tally.add(columns))
  os.makedirs(work, exist_ok=True)
  step4_of(request, members, tally, os.path.join(work, CALIBRATION))
  remarks = [*tally.remarks(), *step4_remarks(request, members)]
  write_text(path, json.dumps({"remarks": remarks}))
  return outcome, remarks


def _calibration(request, members, work) -> Calibration | None:
  if not has_step4(request, members):
    return None
  if not request.refit:
    return run_step4(members)
  return Calibration.load(os.path.join(work, CALIBRATION), members.config.survey,
                          weights_digest=members.weights_digest)


def _second_pass(shards, finished, calibration):
  """Makes the parts; each shard's predictions make room for the next part."""
  os.makedirs(finished, exist_ok=True)
  for shard in shards:
    name, _ = os.path.splitext(os.path.basename(shard.path))
    part = os.path.join(finished, name + SUFFIX)
    if not os.path.exists(part):
      write_part(shard.path, part, calibration)
    if os.path.exists(shard.path):
      os.remove(shard.path)
  galaxies, expected = finish_parts(finished), sum(shard.galaxies for shard in shards)
  if galaxies != expected:
    raise OSError(f"{finished} holds {galaxies} galaxies, {expected} were expected; remove that "
                  "folder, and give the same command again")


def _deliver(request, finished, work) -> list[str]:
  """Puts the folder in its place, and Step 4 beside it; returns their names."""
  whole = finished
  if request.healpix_order is not None:
    own = os.path.join(work, f"hats-{request.healpix_order}")
    whole = os.path.join(own, os.path.basename(request.path))
    if not os.path.exists(os.path.join(own, "complete")):
      write_hats(finished, whole, request.healpix_order, os.path.join(own, "scratch"))
      write_text(os.path.join(own, "complete"), "")
  written, fitted = [request.path + "/"], os.path.join(work, CALIBRATION)
  if os.path.exists(fitted):
    written.append(request.beside(f"_{CALIBRATION}"))
    shutil.copyfile(fitted, written[-1])
  os.rename(whole, request.path)  # replaces an empty folder, fails on any other
  return written
