"""A trained run in Python: images in numpy arrays go in, a table of redshifts comes out.

    model = load_run("runs/quickstart/sdss_net5_ne1")
    table = model.predict(images, ebv=ebv, r_mag=r_mag)

A run with extra columns takes them as well: `extra={"mag_J": mag_J}`.  A run of photometry
takes `magnitudes=...` and, where it was trained with them, `errors=...` in place of images.  The
numbers are those of `python -m eval.predict --calibration=run`.  `load_bundle` does the same with
what `python -m eval.export` has written, without the run.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Mapping

from absl import logging
import numpy as np

from pzbias_tf import arguments
from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.guards.sealed_folder import SEAL, check_seal
from pzbias_tf.models.representation import network_name
from pzbias_tf.predictions import galaxy_arrays
from pzbias_tf.predictions.domain import TrainingDomain, about_many
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.predictions.predictor import BATCH_SIZE, Predictor, collect
from pzbias_tf.survey import Survey
from pzbias_tf.training.checkpoints import WEIGHTS_NAME, StageFiles, file_digest, load_weights
from pzbias_tf.training.config import TrainConfig, load_config
from pzbias_tf.training.one_stage import make_network
from pzbias_tf.training.run_folder import CALIBRATION, DOMAIN, is_stage
from pzbias_tf.training.stages import STAGES, STEP3, stage_named


def load_run(run: str | os.PathLike, stage: str | None = None) -> TrainedRun:
  """Loads a trained stage of a run.

  Args:
    run: folder of the run.
    stage: "baseline", "step1", "step2" or "step3"; None takes the last one that
      is trained.

  Returns:
    The stage with its weights, the ranges of its training galaxies where they
    were measured, and, for Step 3, Step 4 where `python -m eval.main` fitted it.

  Raises:
    FileNotFoundError: there is no such folder, or the stage is not trained.
    ValueError: no stage has that name, a file is damaged, or the run's Step 4 was
      fitted to other weights.
  """
  folder = _stage_folder(os.fspath(run), stage)
  above = os.path.dirname(folder)
  return _load(folder, StageFiles(folder).last, os.path.join(above, CALIBRATION), loaded_from=above)


def load_bundle(folder: str | os.PathLike) -> TrainedRun:
  """Loads a bundle that `python -m eval.export` has written.

  Args:
    folder: the bundle.

  Returns:
    What `load_run` returns for the exported stage; it predicts the same numbers.

  Raises:
    FileNotFoundError: there is no such folder, or it is not a bundle.
    ValueError: a file of the bundle was changed, added, or is missing.
  """
  folder = os.fspath(folder)
  check_seal(folder)
  return _load(folder, os.path.join(folder, WEIGHTS_NAME), os.path.join(folder, CALIBRATION),
               loaded_from=folder)


def _load(folder, weights, calibration, *, loaded_from):
  """The stage whose settings are in a folder, with Step 4 where it has one."""
  config, _ = load_config(folder)
  network = make_network(config)
  load_weights(network, weights)
  domain = os.path.join(folder, DOMAIN)
  predictor = Predictor(
      [network], config.survey.edges(extended=config.stage_spec.extended),
      domain=TrainingDomain.load(domain) if os.path.exists(domain) else None)
  return TrainedRun(folder=folder, loaded_from=loaded_from, config=config, predictor=predictor,
                    calibration=step_4(calibration, config, file_digest(weights)))


def step_4(path: str, config: TrainConfig, weights_digest: str) -> Calibration | None:
  """Step 4 of a run, which corrects the estimates of Step 3 alone.

  Args:
    path: file of the calibration, which need not exist.
    config: settings of the stage.
    weights_digest: SHA-256 of its weights.

  Returns:
    The calibration; None where there is none for this stage.

  Raises:
    ValueError: it was fitted to the estimates of other weights.
  """
  if config.stage != STEP3.name or not os.path.exists(path):
    return None
  return Calibration.load(path, config.survey, weights_digest=weights_digest)


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class TrainedRun:
  """One trained stage of a run, which predicts arrays; `load_run` and `load_bundle` make it.

  Attributes:
    folder: folder of the stage, or the bundle.
    loaded_from: folder of the run, or the bundle.
    config: settings of the stage.
    predictor: its network.
    calibration: Step 4; None where the run has none for this stage.
  """

  folder: str
  loaded_from: str
  config: TrainConfig
  predictor: Predictor
  calibration: Calibration | None

  @property
  def survey(self) -> Survey:
    """The survey, which names bands and grids."""
    return self.config.survey

  @property
  def stage(self) -> str:
    """Name of the stage, e.g. "step3"."""
    return self.config.stage

  @property
  def extra_columns(self) -> tuple[str, ...]:
    """Names of the columns that `predict` takes as `extra`; () for none."""
    return self.predictor.extra_columns

  @property
  def edges(self) -> np.ndarray:
    """Edges of the redshift bins [bins + 1] float64."""
    return self.predictor.edges

  def __repr__(self) -> str:
    step4 = ", with Step 4" if self.calibration else ""
    extra = f" and {' '.join(self.extra_columns)}" if self.extra_columns else ""
    return (f"<{self.config.stage_spec.title} of {self.loaded_from}: "
            f"{network_name(self.config.net)}, {self.survey.name}, {self._what()} of "
            f"{' '.join(self.survey.bands)}{extra}, {len(self.edges) - 1} redshift bins{step4}>")

  def _what(self):
    """What the network takes of each band."""
    if self.config.photometry:
      return "magnitudes" + " and errors" * self.config.photometry.with_errors
    return f"{self.predictor.size} x {self.predictor.size} pixels"

  def predict(self, images: np.ndarray | None = None, *,
              magnitudes: np.ndarray | None = None, errors: np.ndarray | None = None,
              ebv: np.ndarray | float | None = None,
              r_mag: np.ndarray | float | None = None, ids: np.ndarray | None = None,
              extra: Mapping[str, np.ndarray | float] | None = None,
              batch_size: int = BATCH_SIZE) -> Predictions:
    """Predicts galaxies.

    Args:
      images: [n, size, size, band] flux in the survey's unit, bands in the order
        of `survey.bands`, real numbers of any type.  The central pixels are used;
        images smaller than those of the training are refused.  None for a run of
        photometry.
      magnitudes: of a run of photometry, [n, band] mag, bands in the order of
        `survey.bands`.  Where the run was trained with --missing_magnitudes=limit,
        missing ones may be NaN, masked, -99 and the like.
      errors: their errors [n, band], mag, where the run was trained with errors.
      ebv: Galactic reddening E(B-V), mag: [n], or one number for all.  It must be
        given.
      r_mag: r magnitudes (AB): [n], or one number for all.  Without them there
        are no flags, since some of these compare the magnitude, and no Step 4; a
        warning says so.
      ids: ids of the galaxies [n]; None numbers them from 0.
      extra: the run's `extra_columns`, {name: [n], or one number for all}, in the
        unit of the training; None for a run that has none.
      batch_size: galaxies that the network sees at once.

    Returns:
      Predictions with p(z), "zmode", "zmean", "zmedian", "zbest", the ends of the
      central 68% and 95%, and "redshift", which is NaN; with `r_mag` also "flags"
      (see `predictions.domain.FLAGS`; not for stages without domain.json), and
      "zmode_calibrated" where the run has Step 4.

    Raises:
      ValueError: an argument does not fit; the message names it and the remedy.
      FloatingPointError: the network gave NaN.
    """
    if self.config.photometry:
      inputs = galaxy_arrays.photometry_inputs(images, magnitudes, errors, self.config.photometry)
    else:
      inputs = {"image": galaxy_arrays.check_images(
          galaxy_arrays.only_images(images, magnitudes, errors), self.survey, self.predictor.size)}
    num = len(next(iter(inputs.values())))
    columns = {"id": galaxy_arrays.id_column(ids, num), "ebv": galaxy_arrays.ebv_column(ebv, num),
               "redshift": np.full(num, np.nan)}
    if r_mag is not None:
      columns["r_mag"] = galaxy_arrays.r_column(r_mag, num)
    values = galaxy_arrays.extra_values(extra, self.extra_columns, num)
    batch_size = arguments.whole_number(batch_size, "batch_size", lowest=1)
    if self.config.photometry:
      inputs.update({"ebv": columns["ebv"], **({} if values is None else {"extra": values})})
      batches = self.predictor.photometry_batches(inputs, columns, batch_size=batch_size)
    else:
      batches = self.predictor.array_batches(
          inputs["image"], columns, flux_divisor=self.survey.flux_divisor, extra=values,
          batch_size=batch_size)
    predictions = collect(self.edges, batches)
    many = about_many(predictions.ancil["flags"]) if "flags" in predictions.ancil else ""
    if many:
      logging.warning("%s", many)
    if r_mag is None:
      logging.warning("without r_mag there are no flags of galaxies that are unlike the training's"
                      "%s; pass r_mag=...", ", and no Step 4" if self.calibration else "")
    return self._with_step_4(predictions)

  def _with_step_4(self, predictions):
    if self.calibration is None or "r_mag" not in predictions.ancil:
      return predictions
    calibrated = self.calibration.apply(predictions.z_photo, predictions.r_mag)
    return dataclasses.replace(predictions, ancil={
        **predictions.ancil, "zmode_calibrated": calibrated})


def _stage_folder(run, stage):
  """Folder of a trained stage, of the last one where `stage` is None."""
  if not os.path.isdir(run):
    raise FileNotFoundError(f"there is no folder {run}; name the folder of a run, as "
                            "python -m train.main makes it under --workdir")
  workdir, name = os.path.split(os.path.abspath(run))
  if os.path.exists(os.path.join(run, SEAL)):
    raise FileNotFoundError(f"{run} is not a run; load_bundle loads a bundle")
  if is_stage(run):
    raise FileNotFoundError(f"{run} is a stage; name its run, {workdir}, and stage={name!r}")
  command = f"python -m train.main --workdir={workdir} --experiment={name}"
  trained = [other.name for other in STAGES if _is_trained(os.path.join(run, other.name))]
  if not trained:
    raise FileNotFoundError(
        f"{run} holds no trained stage ({', '.join(other.name for other in STAGES)}). Train one:\n"
        f"  {command}")
  if stage is not None and stage_named(stage).name not in trained:
    number = stage_named(stage).number
    raise FileNotFoundError(
        f"{run} holds no trained {stage}, only {', '.join(trained)}. Train it:\n"
        f"  {command} --tstep={number}{' --multir' if number else ''}")
  return os.path.join(run, stage or trained[-1])


def _is_trained(folder):
  return is_stage(folder) and os.path.exists(StageFiles(folder).last)
