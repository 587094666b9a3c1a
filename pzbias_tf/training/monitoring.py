"""What TensorBoard shows of a stage, besides its loss: settings, pictures, weights, a profile.

Its files stand in the stage's folder itself, since TensorBoard names a run by its folder.
"""

from __future__ import annotations

import dataclasses
import io
import os
from typing import Mapping

import numpy as np
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.summary import session_end_pb
import tensorflow as tf

from pzbias_tf.compat.keras import plain_variable
from pzbias_tf.metrics.distributions import total_variation
from pzbias_tf.metrics.point import mean_residual, outlier_fraction, sigma_mad
from pzbias_tf.metrics.residuals import fitted_slope
from pzbias_tf.predictions.predictions import Estimates
from pzbias_tf.training.checkpoints import named_weights
from pzbias_tf.training.config import TrainConfig

# The settings by which variants are compared; the others are in config.json.
_COMPARED = ("stage", "net", "image_size", "ne", "seed", "fth", "nsub", "errl", "midreduce",
             "softlabel", "shiftlabel", "augment", "optimizer", "precision", "iterations",
             "batch_size", "learning_rate")


_OF_SURVEY = ("survey", "bins")
_OUTCOME = "outcome"
OUTCOMES = {f"{_OUTCOME}_{sample}/{name}": f"{symbol}, {sample}"
            for sample in ("validation", "test")
            for name, symbol in (("total_variation", "TV"), ("sigma_mad", "sigma_MAD"),
                                 ("slope_z_spec", "slope(z_spec)"))}
"""{tag of a scalar: its name on the HParams page}."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Monitoring:
  """What is recorded during training; this changes no result.

  Attributes:
    histograms: whether to write histograms of all weights, at each validation.
    profile: first and last iteration of a profile; () for none.
  """

  histograms: bool = False
  profile: tuple[int, ...] = ()

  def __post_init__(self):
    if self.profile and not (len(self.profile) == 2 and 0 < self.profile[0] < self.profile[1]):
      raise ValueError(f"--profile={','.join(map(str, self.profile))}: give the first and the last "
                       "iteration, e.g. --profile=100,110")

  def check_profile(self, iterations: int) -> None:
    """Refuses a profile that would not end within so many iterations."""
    if self.profile and self.profile[1] > iterations:
      raise ValueError(f"--profile={','.join(map(str, self.profile))}: the stage ends at iteration "
                       f"{iterations}")

  def follow_profile(self, step: int, folder: str, *, running: bool) -> bool:
    """Starts or stops the profiler where `step` is one of the profile's ends.

    Args:
      step: the iteration reached.
      folder: the stage's folder.
      running: whether this process has started it; one that resumed in between has not.

    Returns:
      Whether the profiler runs now.
    """
    if self.profile and step == self.profile[0]:
      tf.profiler.experimental.start(folder)
      return True
    if running and step == self.profile[1]:
      tf.profiler.experimental.stop()
      return False
    return running


def write_settings(config: TrainConfig, folder: str) -> None:
  """Writes the settings, for the HParams page, into the current summary writer.

  Args:
    config: the settings.
    folder: the stage's folder; its last two parts name the trial.
  """
  values = {name: getattr(config, name) for name in _COMPARED}
  run = os.path.basename(os.path.dirname(os.path.abspath(folder)))
  hparams.hparams_config(
      hparams=[hparams.HParam(name) for name in (*_COMPARED, *_OF_SURVEY)],
      metrics=[hparams.Metric(tag, display_name=name) for tag, name in OUTCOMES.items()])
  hparams.hparams({**values, "survey": config.survey.name, "bins": config.survey.bins},
                  trial_id=f"{run}/{config.stage}")


def write_outcomes(config: TrainConfig, folder: str,
                   samples: Mapping[str, Estimates]) -> None:
  """Writes what a stage has come to, for the HParams page: TV, sigma_MAD and slope.

  Args:
    config: the settings.
    folder: the stage's folder.
    samples: {"validation" or "test": its estimates}; variants are better chosen by the first.
  """
  with tf.summary.create_file_writer(folder, filename_suffix=".outcomes").as_default():
    write_settings(config, folder)
    for sample, estimates in samples.items():
      for name, value in _outcomes(estimates, config.survey).items():
        if np.isfinite(value):
          tf.summary.scalar(f"{_OUTCOME}_{sample}/{name}", value, config.iterations)
    end = session_end_pb(api_pb2.STATUS_SUCCESS)
    tf.summary.experimental.write_raw_pb(end.SerializeToString(), step=config.iterations)


def _outcomes(estimates, survey):
  """{metric: its number}; eval.main weights the slope by Step 3's labels, which come later."""
  z_spec, z_photo, r_mag = estimates.z_spec, estimates.z_photo, estimates.r_mag
  return {"total_variation": total_variation(z_spec, z_photo, survey).mean,
          "sigma_mad": sigma_mad(z_spec, z_photo),
          "slope_z_spec": fitted_slope(z_spec, z_photo, r_mag, survey)}


def named_losses(parts: Mapping[str, float]) -> dict[str, float]:
  """The loss and, where it has several parts, each of them, under the names in TensorBoard."""
  named = {f"loss_{name}": float(part) for name, part in parts.items()}
  return {"loss": sum(named.values()), **(named if len(named) > 1 else {})}


def write_validation(config: TrainConfig, losses: Mapping[str, np.ndarray], z_spec: np.ndarray,
                     z_photo: np.ndarray, step: int, *, picture: bool) -> None:
  """Writes losses by part, metrics and perhaps a picture of validation galaxies.

  Args:
    config: the settings.
    losses: {part of the loss: [n], of each galaxy}.
    z_spec: [n], centres of the galaxies' redshift bins.
    z_photo: [n].
    step: the iteration reached.
    picture: whether to draw the picture.
  """
  survey = config.survey
  parts = {name: loss.mean() for name, loss in losses.items()}
  for name, value in (*named_losses(parts).items(),
                      ("sigma_mad", sigma_mad(z_spec, z_photo)),
                      ("mean_residual", mean_residual(z_spec, z_photo)),
                      ("outlier_fraction", outlier_fraction(z_spec, z_photo, survey))):
    tf.summary.scalar(f"validation/{name}", value, step)
  if picture:
    # Imported here: matplotlib takes half a second, which the first iterations need not wait for.
    from pzbias_tf.report.figures import draw_validation
    png = io.BytesIO()
    draw_validation(z_spec, z_photo, survey, config.stage).savefig(png, format="png", dpi=130)
    tf.summary.image("validation/redshifts", tf.image.decode_png(png.getvalue())[tf.newaxis], step)


def write_histograms(network: tf.keras.Model, step: int) -> None:
  """Writes histograms of all weights, by name."""
  for name, variable in named_weights(network):
    tf.summary.histogram(f"weights/{name}", plain_variable(variable), step)
