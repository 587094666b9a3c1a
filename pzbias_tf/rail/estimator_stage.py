"""RAIL's estimator: a run or a bundle predicts galaxies, chunk by chunk, as qp ensembles."""

from __future__ import annotations

import os
from typing import Any, Mapping

import numpy as np
import qp
from rail.estimation.estimator import CatEstimator

from pzbias_tf.data.extra_columns import is_missing, with_nan
from pzbias_tf.guards.sealed_folder import SEAL
from pzbias_tf.missing_values import LARGEST_EBV, NO_BRIGHTNESS, outside
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.rail import rail_tables
from pzbias_tf.rail.bundle_model import trained_from
from pzbias_tf.trained_run import TrainedRun, load_bundle, load_run

ESTIMATED = "estimated"
"""Column that is 0 where a galaxy lacks what the network needs: its p(z) is flat."""

_OF_THE_TABLE = ("id", "redshift", "ebv", "r_mag")  # RAIL adds its own columns of these


class PzbiasEstimator(CatEstimator):
  """Estimates p(z) of galaxies from their photometry or images.

  The model is what PzbiasInformer has trained, its file, or the folder of a run or of a bundle.
  The ensemble is a histogram on the model's grid; its ancillary columns are those of
  `eval.predict`: "zmode", "zmean", "zmedian", "zbest", the ends of intervals, "flags" and, after
  Step 4, "zmode_calibrated"; and "estimated", which is 0 for galaxies whose p(z) says nothing
  since they lack a measurement.
  """

  name = "PzbiasEstimator"
  entrypoint_function = "estimate"
  interactive_function = "pzbias_estimator"
  config_options = CatEstimator.config_options.copy()
  config_options.update(rail_tables.column_options())

  _trained: TrainedRun  # set by open_model

  def open_model(self, tag: str = "model", **kwargs: Any) -> Any:
    """Loads the model; see RAIL's own method.

    Raises:
      FileNotFoundError: there is no such file or folder.
      ValueError: there is no model, or it is of another stage.
    """
    place = kwargs.get(tag)
    if isinstance(place, str) and os.path.isdir(place):
      sealed = os.path.exists(os.path.join(place, SEAL))
      self._trained = load_bundle(place) if sealed else load_run(place)
      self.model = place
    else:
      self.model = super().open_model(tag, **kwargs)
      self._trained = trained_from(self.model, self.instance_name)
    self._check_bands()
    return self.model

  def _check_bands(self) -> None:
    """Refuses columns that do not fit what the network was trained on."""
    trained, config, photometry = self._trained, self.config, self._trained.config.photometry
    bands = trained.survey.bands
    if bool(config.image_col) == bool(photometry):
      what, remedy = (("photometry", "leave image_col out") if photometry else
                      ("images", "name their column with image_col"))
      raise ValueError(f"{config.name}: {trained!r} was trained on {what}; {remedy}")
    names = ["bands", *(["err_bands"] if photometry and photometry.with_errors else [])]
    for name in names if photometry else ():
      if len(config[name]) != len(bands):
        raise ValueError(f"{config.name}: {name} names {len(config[name])} columns, the model has "
                         f"the bands {', '.join(bands)}; name one for each, in this order")
    if tuple(config.extra_cols) != trained.extra_columns:
      raise ValueError(f"{config.name}: extra_cols is {list(config.extra_cols)}, the model takes "
                       f"{list(trained.extra_columns)}")

  def _process_chunk(self, start: int, end: int, data: Any, first: bool) -> None:
    table = self._convert_table_format(data, "numpyDict")
    predictions, usable = self._predict(table)
    if not usable.all():
      self.log.warning(f"galaxies {start:,} to {end:,}: {np.sum(~usable):,} lack a measurement "
                       "that the model needs; their p(z) is flat")
    self._do_chunk_output(_ensemble(predictions, usable), start, end, first, data=table)

  def _predict(self, table: Mapping[str, np.ndarray]) -> tuple[Predictions, np.ndarray]:
    """Predictions of all galaxies, and which of them have what the network needs."""
    trained, config = self._trained, self.config
    ebv = rail_tables.optional_column(table, config.ebv_col)
    usable = ~is_missing(ebv) & (ebv >= 0.0) & (ebv <= LARGEST_EBV)
    photometry = trained.config.photometry
    inputs, complete = (self._photometry(table, photometry) if photometry
                        else self._images(table))
    usable &= complete
    extra = {name: rail_tables.number_column(table, name).copy() for name in config.extra_cols}
    for values, mean in zip(extra.values(), trained.config.extra_columns.mean):
      missing = is_missing(values)
      usable &= ~missing
      values[missing] = mean
    r_mag = rail_tables.magnitude_column(table, config.r_col, config)
    known = ~is_missing(r_mag) & ~outside(r_mag) & (r_mag != NO_BRIGHTNESS)
    # As conversion does: a galaxy that was not seen in r counts as faint.
    predictions = trained.predict(
        **inputs, ebv=np.where(usable, np.nan_to_num(ebv), 0.0), extra=extra or None,
        r_mag=np.where(known, r_mag, trained.survey.r_max))
    if "zmode_calibrated" in predictions.ancil:
      predictions.ancil["zmode_calibrated"][~known] = np.nan
    return predictions, usable

  def _photometry(self, table, photometry):
    """What `predict` takes, and which galaxies have all of it; others have neutral values."""
    config = self.config
    magnitudes, errors = with_nan(
        rail_tables.magnitudes(table, config.bands, config),
        rail_tables.magnitudes(table, config.err_bands, config) if photometry.with_errors else None)
    missing = np.isnan(magnitudes)
    lost = missing.all(1) if photometry.with_missing else missing.any(1)
    complete = ~(lost | outside(magnitudes).any(1))
    magnitudes[~complete] = photometry.limits
    if errors is not None:
      errors[~complete] = 1.0
    return {"magnitudes": magnitudes, "errors": errors}, complete

  def _images(self, table):
    """The same of images."""
    images = np.asarray(table[self.config.image_col])
    with np.errstate(over="ignore"):
      complete = np.isfinite(images.astype(np.float32)).reshape(len(images), -1).all(1)
    whole = complete.reshape(-1, *[1] * (images.ndim - 1))
    return {"images": np.where(whole, images, 0.0)}, complete


def _ensemble(predictions: Predictions, usable: np.ndarray) -> qp.Ensemble:
  """Predictions as a qp ensemble; of galaxies that are not usable, p(z) is flat."""
  width = np.diff(predictions.edges)
  flat = np.full_like(width, 1.0 / np.sum(width))
  density = np.where(usable[:, None], predictions.pdf / width, flat)
  ancil = {name: _without(values, usable) for name, values in predictions.ancil.items()
           if name not in _OF_THE_TABLE}
  return qp.Ensemble(qp.hist, data={"bins": predictions.edges, "pdfs": density},
                     ancil={**ancil, ESTIMATED: usable.astype(np.int8)})


def _without(values: np.ndarray, usable: np.ndarray) -> np.ndarray:
  """A column with NaN (0 of whole numbers) where the galaxy was not estimated."""
  return np.where(usable, values, np.nan if values.dtype.kind == "f" else 0).astype(values.dtype)
