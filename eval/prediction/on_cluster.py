"""Shards predicted by the workers of a cluster, each into a file of its own.

A worker opens networks and data once, uses one device, and gives the numbers that this process
would give.  Its files have the key of the prediction in their names: those of a worker that
outlives its command are taken by the same prediction, and by no other.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from typing import Callable, NamedTuple, Sequence

from absl import logging

from data_tools.conversion.executors import pipelines
from eval.prediction.members import Members
from pzbias_tf import storage
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.predictions.predictions_file import PdfFormat, read_columns
from pzbias_tf.predictions.sharded import KEY_NAME, Shard, ShardPrediction, Written
from pzbias_tf.training.devices import make_strategy


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorkerSettings:
  """What a worker needs to know; small, and the same for all shards.

  Attributes:
    stage_dirs: folders of the stages, absolute.
    data: the data set's folder, absolute.
    weights_digest: SHA-256 of the weights.
    data_digest: that of the manifest.
    tta, combine, calibrate_pdf, pdf_format: as in `Request`.
    simulated, widths: as in `ShardPrediction`.
  """

  stage_dirs: tuple[str, ...]
  data: str
  weights_digest: str
  data_digest: str
  tta: bool
  combine: str
  calibrate_pdf: bool
  pdf_format: PdfFormat
  simulated: str
  widths: tuple[tuple[str, int], ...]


class _Job(NamedTuple):
  """A shard to predict: the name of its records' file, and other fields of `Shard`."""

  name: str
  first_row: int
  path: str
  galaxies: int


class ClusterPrediction:
  """As `ShardPrediction`, by the workers of a runner of Apache Beam."""

  def __init__(self, settings: WorkerSettings, runner: str, options: Sequence[str], folder: str):
    """Stores where the workers are.

    Args:
      settings: for the workers.
      runner: one of `runners.RUNNERS`.
      options: of the pipeline.
      folder: the working folder, which the workers share.

    Raises:
      ValueError: Beam is not installed.
    """
    self.simulated = settings.simulated
    self._settings, self._runner, self._folder = settings, runner, folder
    self._options = pipelines.options_for(runner, 1, options)

  def write(self, shards: Sequence[Shard],
            advance: Callable[[int], object] = lambda count: None) -> Written:
    """Predicts shards and writes their files, each whole or not at all.

    Args:
      shards: the shards.
      advance: called with the number of galaxies of each shard, once all are there.

    Yields:
      The columns of each shard.

    Raises:
      OSError: the pipeline failed; the shards that are there stay.
    """
    key = storage.sha256(os.path.join(self._folder, KEY_NAME))[:16]
    made = {shard.path: _own_name(shard.path, key) for shard in shards}
    jobs = [_job(shard, made[shard.path]) for shard in shards
            if not os.path.exists(made[shard.path])]
    logging.info("%d shards are predicted by %s", len(jobs), self._runner)
    pipelines.run(functools.partial(predict_job, self._settings), jobs, self._options)
    for shard in shards:
      os.replace(made[shard.path], shard.path)
      advance(shard.galaxies)
      yield read_columns([shard.path])


def predict_job(settings: WorkerSettings, job: _Job) -> None:
  """Predicts one shard, unless its file is there; called by a worker.

  Raises:
    FloatingPointError: a network gave NaN.
    OSError, ValueError: the stage or the data cannot be read, or have changed.
  """
  if os.path.exists(job.path):
    return
  prediction, data, numbers = _opened(settings)
  shard = Shard(data.shard(numbers[job.name]), job.first_row, job.path, job.galaxies)
  for _ in prediction.write([shard]):
    pass


@functools.lru_cache(maxsize=1)
def _opened(settings: WorkerSettings) -> tuple[ShardPrediction, Dataset, dict[str, int]]:
  """How shards are predicted on one device, the data set, and the numbers of its shards by name."""
  members, data = Members.open(settings.stage_dirs), Dataset.open(settings.data)
  if (members.weights_digest, data.manifest.digest()) != (
      settings.weights_digest, settings.data_digest):
    raise ValueError(f"{settings.stage_dirs[0]} or {settings.data} has changed since the command "
                     "began; give it again")
  predictor = members.predictor(make_strategy(1), tta=settings.tta, combination=settings.combine)
  prediction = ShardPrediction(
      predictor=predictor, pdf_format=settings.pdf_format, weights_digest=settings.weights_digest,
      simulated=settings.simulated, widths=dict(settings.widths),
      pdf_calibration=members.pdf_calibration() if settings.calibrate_pdf else None)
  return prediction, data, {shard.name: number for number, shard in enumerate(data.manifest.shards)}


def _job(shard: Shard, path: str) -> _Job:
  return _Job(shard.part.manifest.shards[0].name, shard.first_row, path, shard.galaxies)


def _own_name(path: str, key: str) -> str:
  """The name under which the workers of a prediction write a shard's file."""
  stem, suffix = os.path.splitext(path)
  return f"{stem}.{key}{suffix}"
