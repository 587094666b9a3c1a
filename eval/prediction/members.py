"""The trained stages that predict together, and whether they fit each other and the data."""

from __future__ import annotations

import dataclasses
import functools
import operator
import os
from typing import Sequence

from absl import logging
import numpy as np
import tensorflow as tf

from eval.evaluation.calibrations import PDF_CALIBRATION
from eval.run import EvaluatedStage
from pzbias_tf.bias.pdf_calibration import FEWEST, PdfCalibration
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.manifest import LIMIT, REJECT
from pzbias_tf.predictions.domain import TrainingDomain
from pzbias_tf.predictions.predictor import Predictor
from pzbias_tf.training.checkpoints import StageFiles, load_weights
from pzbias_tf.training.config import TrainConfig
from pzbias_tf.training.one_stage import make_network
from pzbias_tf.training.run_folder import DOMAIN

_OF_PHOTOMETRY = ("photometry.with_errors", "photometry.with_missing")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Members:
  """One stage, or the same stage of several runs.

  Attributes:
    stages: the stages; their settings agree in what matters here.
  """

  stages: tuple[EvaluatedStage, ...]

  @classmethod
  def open(cls, folders: Sequence[str]) -> Members:
    """Finds out whether the stages can be combined.

    Raises:
      OSError: one is not trained.
      ValueError: they do not fit together, or one is named twice.
    """
    stages = tuple(EvaluatedStage(folder) for folder in folders)
    first, digests = stages[0], [stage.weights_digest for stage in stages]
    for other in stages[1:]:
      for name in ("stage", "survey", "image_size", "extra_columns.names", *_OF_PHOTOMETRY):
        setting = operator.attrgetter(name)
        wanted, own = _of(first.config, setting), _of(other.config, setting)
        if own != wanted:
          raise ValueError(f"{other.folder} was trained with {name}={own!r}, {first.folder} with "
                           f"{wanted!r}; combine runs of the same {name}")
    for number, digest in enumerate(digests):
      if digest in digests[:number]:
        raise ValueError(f"{stages[number].folder} has the weights of "
                         f"{stages[digests.index(digest)].folder}; name each run once")
    return cls(stages=stages)

  @property
  def config(self) -> TrainConfig:
    """Settings of the first stage."""
    return self.stages[0].config

  @property
  def weights_digest(self) -> str:
    """SHA-256 of the weights, comma-separated."""
    return ",".join(stage.weights_digest for stage in self.stages)

  @property
  def run(self) -> str:
    """Folder of the first stage's run."""
    return os.path.dirname(self.stages[0].folder)

  def predictor(self, strategy: tf.distribute.Strategy, *, tta: bool,
                combination: str) -> Predictor:
    """The networks with their weights; arguments as those of `Predictor`."""
    with strategy.scope():
      networks = [make_network(stage.config) for stage in self.stages]
      for network, stage in zip(networks, self.stages):
        load_weights(network, StageFiles(stage.folder).last)
    edges = self.config.survey.edges(extended=self.config.stage_spec.extended)
    return Predictor(networks, edges, tta=tta, combination=combination, strategy=strategy,
                     domain=self.domain)

  def pdf_calibration(self) -> PdfCalibration:
    """The calibration of p(z) that eval.main has fitted to the run's validation galaxies.

    Raises:
      OSError: there is none, or it cannot be read.
      ValueError: it is that of other weights: of another stage, or of an earlier training.
    """
    path = os.path.join(self.run, PDF_CALIBRATION)
    if not os.path.exists(path):
      raise FileNotFoundError(f"{path} is missing: python -m eval.main writes it for the last "
                              f"stage of a run that has {FEWEST} validation galaxies")
    return PdfCalibration.load(path, self.config.survey, weights_digest=self.weights_digest)

  @functools.cached_property
  def domain(self) -> TrainingDomain | None:
    """What the first stage was trained on; None where an older version trained it."""
    path = os.path.join(self.stages[0].folder, DOMAIN)
    return TrainingDomain.load(path) if os.path.exists(path) else None


def _of(config, setting):
  """A setting; None where it is one of photometry and the run is of images."""
  try:
    return setting(config)
  except AttributeError:
    return None


def check_data_fit(data: Dataset, config: TrainConfig, *, force: bool) -> None:
  """Refuses images that the networks were not trained for.

  Args:
    data: the data set.
    config: settings of the stage.
    force: warn only, where the images can be read at all.

  Raises:
    ValueError: what does not fit, and how; the data set lacks an extra column.
  """
  _check_kind(data, config)
  problems = misfits(data, config)
  data.check_extra(config.extra_columns.names)
  if config.photometry:
    return _refuse(problems, force)
  bands = data.manifest.image_shape[-1]
  if bands != len(config.survey.bands):
    raise ValueError(f"{data.folder}: images of {bands} bands, the run was trained on "
                     f"{len(config.survey.bands)}: {', '.join(config.survey.bands)}")
  return _refuse(problems, force)


def _refuse(problems, force):
  """Raises for problems, or warns of them."""
  if problems and not force:
    raise ValueError("\n".join([*problems, "--force predicts all the same"]))
  for problem in problems:
    logging.warning("%s; predicted all the same (--force)", problem)


def _check_kind(data, config):
  """Refuses images for networks of photometry, and the other way round; and missing inputs."""
  own, wanted = data.manifest.photometry, config.photometry
  if wanted is None:
    if own:
      raise ValueError(f"{data.folder} holds photometry, the run was trained on images; name a run "
                       "of photometry, or a data set of images")
    return
  if own is None:
    raise ValueError(f"{data.folder} holds images, the run was trained on photometry; name a run "
                     "of images, or convert a table with --magnitude_columns")
  if data.manifest.bands != wanted.bands:
    raise ValueError(f"{data.folder} has magnitudes in {', '.join(data.manifest.bands)}, the run "
                     f"was trained on {', '.join(wanted.bands)}; convert it with the run's survey")
  for role in ("r", "ebv"):
    names = [getattr(columns, role) for columns in (own, wanted.columns)]
    if names[0] != names[1]:
      what = [f"--{role}_column={name}" if name else f"without --{role}_column" for name in names]
      logging.warning("%s was converted %s, the run's galaxies %s; mind that both mean the same",
                      data.folder, *what)
  if wanted.with_errors and not own.errors:
    raise ValueError(f"{data.folder} has magnitudes without errors, the run was trained with "
                     "errors; convert it with --error_columns")
  if not wanted.with_missing and own.missing == LIMIT:
    raise ValueError(f"{data.folder} may lack magnitudes (--missing_magnitudes={LIMIT}), the run "
                     f"was trained without; convert it with --missing_magnitudes={REJECT}")


def misfits(data: Dataset, config: TrainConfig) -> list[str]:
  """How a data set differs from that of a run, in words."""
  survey, manifest, problems = config.survey, data.manifest, []
  try:
    data.check_survey(survey)
  except ValueError as error:
    problems.append(str(error))
  if config.photometry:
    return problems
  if min(manifest.image_shape[:2]) < config.image_size:
    problems.append(f"{data.folder} has images of {manifest.image_shape[0]} x "
                 f"{manifest.image_shape[1]} pixels, the run was trained on {config.image_size}")
  # What float16 images were divided by before they were stored counts as well.
  divisor = manifest.flux_divisor * manifest.source.get("divided_by", 1.0)
  if not np.isclose(divisor, survey.flux_divisor):
    problems.append(f"{data.folder} has its flux divided by {divisor:g}, the run was trained on "
                    f"flux divided by {survey.flux_divisor:g}")
  return problems
