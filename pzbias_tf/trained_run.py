"""A trained run for notebooks: arrays of images in, p(z) and estimates out.

    model = pz.load_run("runs/sdss_net0_ne1")
    table = model.predict(images, ebv=ebv, r_mag=r_mag)

The numbers are those that eval.predict writes for the same galaxies.
"""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.predictions.domain import TrainingDomain
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.predictions.predictor import BATCH_SIZE, Predictor, collect
from pzbias_tf.survey import Survey
from pzbias_tf.training.checkpoints import StageFiles, file_digest, load_weights
from pzbias_tf.training.config import TrainConfig, load_config
from pzbias_tf.training.one_stage import make_network
from pzbias_tf.training.run_folder import CALIBRATION, DOMAIN
from pzbias_tf.training.stages import STAGES, STEP3, stage_named


@dataclasses.dataclass(frozen=True, repr=False)
class TrainedModel:
  """A trained stage of a run, ready to predict.

  Attributes:
    folder: folder of the stage.
    config: its settings.
    predictor: its network.
    calibration: Step 4 of the run; None where the stage is not Step 3, or
      eval.main has not evaluated the run.
  """

  folder: str
  config: TrainConfig
  predictor: Predictor
  calibration: Calibration | None

  @property
  def survey(self) -> Survey:
    """The survey: bands in order, grids of redshift and magnitude."""
    return self.config.survey

  @property
  def stage(self) -> str:
    """"baseline", "step1", "step2" or "step3"."""
    return self.config.stage

  @property
  def edges(self) -> np.ndarray:
    """Edges of the redshift bins [bins + 1]; Step 3's reach below z_min and above z_max."""
    return self.predictor.edges

  def predict(self, images: np.ndarray, *, ebv: np.ndarray | float,
              r_mag: np.ndarray | float | None = None, ids: np.ndarray | None = None,
              batch_size: int = BATCH_SIZE) -> Predictions:
    """Predicts galaxies.

    Args:
      images: [n, size, size, band] flux in the unit of the survey's own files, bands in the
        survey's order.  Larger images than the network's are cropped to the
        centre, smaller ones are filled up with 0, the level of the subtracted sky.
      ebv: Galactic reddening E(B-V) in mag, [n] or one number.
      r_mag: r magnitudes (AB) as in training, [n] or one number.  Flags and Step 4
        need them.
      ids: names of the galaxies [n]; "0", "1", ... unless given.
      batch_size: galaxies per batch.

    Returns:
      Predictions with columns "id", "ebv", "zmode", "zmean", "zmedian", "zbest",
      the ends of the central 68% and 95% intervals, and, where r_mag is given,
      "r_mag", "flags" (see `domain.FLAGS`) and "zmode_calibrated" (Step 4).

    Raises:
      ValueError: an argument has another shape or other bands, or holds values
        that are not finite; the message names it.
      FloatingPointError: the network gave NaN.
    """
    images = _checked_images(images, self.survey)
    number = len(images)
    columns = {"id": _checked_ids(ids, number), "ebv": _checked_column("ebv", ebv, number)}
    if columns["ebv"].min() < 0:
      raise ValueError(f"ebv is negative for the galaxy at position "
                       f"{np.argmin(columns['ebv'])}; E(B-V) is 0 or more")
    if r_mag is not None:
      columns["r_mag"] = _checked_column("r_mag", r_mag, number)
    table = collect(self.edges, self.predictor.array_batches(
        images, columns, flux_divisor=self.survey.flux_divisor, batch_size=batch_size))
    if self.calibration is None or r_mag is None:
      return table
    calibrated = self.calibration.apply(table.z_photo, table.r_mag)
    return dataclasses.replace(table, ancil={**table.ancil, "zmode_calibrated": calibrated})

  def __repr__(self) -> str:
    return (f"<{self.config.stage_spec.title} of {os.path.dirname(self.folder)}: network "
            f"{self.config.net}, {self.survey.name}, {self.predictor.size} x "
            f"{self.predictor.size} pixels of {' '.join(self.survey.bands)}, "
            f"{len(self.edges) - 1} redshift bins>")


def load_run(run: str | os.PathLike, stage: str | None = None) -> TrainedModel:
  """Loads a trained run.

  Args:
    run: folder of the run.
    stage: "baseline", "step1", "step2" or "step3"; None for the last trained one.

  Raises:
    FileNotFoundError: there is no such run, or the stage is not trained.
    ValueError: there is no stage of that name, or a file is damaged or belongs to
      other weights.
  """
  folder = os.path.join(os.fspath(run), _stage_to_load(os.fspath(run), stage))
  config, weights = load_config(folder)[0], StageFiles(folder).last
  network = make_network(config)
  load_weights(network, weights)
  domain = os.path.join(folder, DOMAIN)
  return TrainedModel(
      folder=folder, config=config, calibration=_calibration(folder, config, weights),
      predictor=Predictor(
          [network], config.survey.edges(extended=config.stage_spec.extended),
          domain=TrainingDomain.load(domain) if os.path.exists(domain) else None))


def _stage_to_load(run, stage):
  """Name of the stage that is asked for, and trained."""
  trained = [known.name for known in STAGES
             if os.path.exists(StageFiles(os.path.join(run, known.name)).last)]
  if stage is not None:
    stage_named(stage)
  if not trained:
    raise FileNotFoundError(f"{run} holds no trained stage. Name the folder of a run, such as "
                            "runs/sdss_net0_ne1, or train one: python -m train.main")
  if stage not in (None, *trained):
    raise FileNotFoundError(f"{run} holds no trained {stage}, only {', '.join(trained)}. Train it: "
                            f"python -m train.main --tstep={stage_named(stage).number}")
  return stage or trained[-1]


def _calibration(folder, config, weights):
  """Step 4 of the run, which corrects Step 3's estimates."""
  path = os.path.join(os.path.dirname(folder), CALIBRATION)
  if config.stage != STEP3.name or not os.path.exists(path):
    return None
  return Calibration.load(path, config.survey, weights_digest=file_digest(weights))


def _checked_images(images, survey) -> np.ndarray:
  images, bands = np.asarray(images), len(survey.bands)
  if images.ndim != 4 or images.shape[3] != bands:
    raise ValueError(f"images has the shape {list(images.shape)}; [n, size, size, {bands}] is "
                     f"expected, with the bands {' '.join(survey.bands)} last")
  if not len(images) or min(images.shape[1:3]) < 1:
    raise ValueError(f"images has the shape {list(images.shape)}: there is nothing to predict")
  if images.dtype.kind not in "fiu":
    raise ValueError(f"images holds values of the type {images.dtype}; real numbers are expected")
  for position, image in enumerate(images):
    if not np.isfinite(image).all():
      raise ValueError(f"images[{position}] has pixels that are not finite; leave that galaxy out, "
                       "or set them to the level of the sky, 0")
  return images


def _checked_column(name, values, number) -> np.ndarray:
  """One number per galaxy, float64."""
  if values is None:
    raise ValueError(f"{name} is None; the network was trained with E(B-V): give one number per "
                     f"galaxy, or {name}=0.0 where dust is negligible")
  values = np.asarray(values, np.float64)
  if values.shape not in ((), (number,)):
    raise ValueError(f"{name} has the shape {list(values.shape)} for {number} images; give one "
                     "number per galaxy, or one for all")
  values = np.broadcast_to(values, (number,))
  bad = np.flatnonzero(~np.isfinite(values))
  if bad.size:
    raise ValueError(f"{name} is not finite for {bad.size} of {number} galaxies, the first at "
                     f"position {bad[0]}; leave those galaxies out")
  return values


def _checked_ids(ids, number) -> np.ndarray:
  names = np.arange(number).astype(str) if ids is None else np.asarray(ids).astype(str)
  if names.shape != (number,):
    raise ValueError(f"ids has the shape {list(names.shape)} for {number} images; give one id per "
                     "galaxy")
  return names
