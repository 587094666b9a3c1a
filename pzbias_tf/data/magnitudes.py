"""Magnitudes as a network's input, in place of an image.

A data set of photometry holds magnitudes and errors as columns of its catalogue, as they are
measured and NaN where a band has no measurement.  The network makes its own input of them:
magnitudes, colours of neighbouring bands, errors and E(B-V), standardised by the galaxies that it
was trained on.  Those numbers are stored with the run.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Sequence

import numpy as np
import tensorflow as tf

from pzbias_tf.data.manifest import LIMIT, PhotometryColumns
from pzbias_tf.missing_values import (
  BRIGHTEST,
  FAINTEST,
  FILL,
  LOWEST,
  NINES,
  NO_BRIGHTNESS,
  NO_MAGNITUDE,
)

SMALLEST_ERROR = 1e-3
"""Mag; smaller errors count as this, so that the logarithm of an error of 0 exists."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhotometryInput:
  """What a network makes of magnitudes.

  Attributes:
    bands: names of the bands, in order.
    columns: the columns of the table that the training galaxies came from.
    limits: faintest magnitude of the training galaxies in each band, which stands for a
      missing one.
    mean: means of the network's input over the training galaxies, in the order of
      `unscaled`.
    deviation: standard deviations of these; 1 where all are equal.
  """

  bands: tuple[str, ...]
  columns: PhotometryColumns
  limits: tuple[float, ...]
  mean: tuple[float, ...]
  deviation: tuple[float, ...]

  @property
  def with_errors(self) -> bool:
    """Whether the network takes errors."""
    return bool(self.columns.errors)

  @property
  def with_missing(self) -> bool:
    """Whether magnitudes may be missing; an input per band then tells which are."""
    return self.columns.missing == LIMIT

  @classmethod
  def from_json(cls, fields: Mapping[str, Any] | None) -> PhotometryInput | None:
    """The inverse of `dataclasses.asdict`; None of None."""
    if fields is None:
      return None
    tuples = {name: tuple(values) for name, values in fields.items() if name != "columns"}
    return cls(columns=PhotometryColumns.from_json(fields["columns"]), **tuples)

  @classmethod
  def fit(cls, bands: Sequence[str], columns: PhotometryColumns, magnitudes: np.ndarray,
          errors: np.ndarray | None, ebv: np.ndarray) -> PhotometryInput:
    """Measures limits, means and standard deviations.

    Args:
      bands: names of the bands.
      columns: where the values came from.
      magnitudes: of the training galaxies [n, bands], mag; NaN where missing.
      errors: their errors [n, bands], mag; None without.
      ebv: E(B-V) [n], mag.

    Raises:
      ValueError: a band has no measured galaxy, or one magnitude for all.
    """
    for band, values in zip(bands, magnitudes.T):
      values = values[np.isfinite(values)]
      if not values.size or values.min() == values.max():
        raise ValueError(f"the training galaxies have {np.unique(values).size} different "
                         f"magnitudes in {band}, so that band tells nothing; name another column "
                         "in --magnitude_columns, and convert again")
    limits = tuple(np.nanmax(magnitudes, axis=0).astype(float).tolist())
    features = unscaled(limits, *(None if values is None else tf.constant(values, tf.float32)
                                  for values in (magnitudes, errors, ebv))).numpy()
    mean, deviation = (measure(features, axis=0, dtype=np.float64)
                       for measure in (np.nanmean, np.nanstd))
    return cls(bands=tuple(bands), columns=columns, limits=limits, mean=tuple(mean.tolist()),
               deviation=tuple(np.where(deviation > 1e-6, deviation, 1.0).tolist()))

  def __call__(self, magnitudes: tf.Tensor, errors: tf.Tensor | None,
               ebv: tf.Tensor) -> tf.Tensor:
    """The network's input, standardised, [batch, inputs] float32; see `fit` for the arguments.

    Where magnitudes may be missing, 1 for each missing one and 0 for the others come last.
    """
    features = unscaled(self.limits, magnitudes, errors if self.with_errors else None, ebv)
    scaled = (features - tf.constant(self.mean, tf.float32)) / tf.constant(
        self.deviation, tf.float32)
    scaled = tf.where(tf.math.is_finite(scaled), scaled, 0.0)  # no error: an average one
    if not self.with_missing:
      return scaled
    return tf.concat([scaled, tf.cast(~tf.math.is_finite(magnitudes), tf.float32)], axis=1)


def unscaled(limits: Sequence[float], magnitudes: tf.Tensor, errors: tf.Tensor | None,
             ebv: tf.Tensor) -> tf.Tensor:
  """Magnitudes, colours of neighbouring bands, E(B-V) and logarithms of errors side by side.

  Args:
    limits: what replaces missing magnitudes, [bands].
    magnitudes: [n, bands] float32, NaN where missing.
    errors: [n, bands] float32; None without.
    ebv: [n] float32.

  Returns:
    [n, 2 bands] or, with errors, [n, 3 bands] float32; NaN where an error is missing.
  """
  magnitudes = tf.where(tf.math.is_finite(magnitudes), magnitudes,
                        tf.constant(limits, tf.float32))
  parts = [magnitudes, magnitudes[:, :-1] - magnitudes[:, 1:], ebv[:, tf.newaxis]]
  if errors is not None:
    finite = tf.math.is_finite(errors)
    log_error = tf.math.log(tf.maximum(tf.where(finite, errors, 1.0), SMALLEST_ERROR))
    parts.append(tf.where(finite, log_error, np.nan))
  return tf.concat(parts, axis=1)


def with_nan_in_graph(magnitudes: tf.Tensor, errors: tf.Tensor | None, *,
                      with_missing: bool) -> tuple[tf.Tensor, tf.Tensor | None]:
  """`with_nan` in TensorFlow operations, which fail for what is no magnitude.

  Args:
    magnitudes: [n, bands] float32, as delivered.
    errors: the same of their errors; None without.
    with_missing: whether bands may be missing.
  """
  missing = _is_missing_in_graph(magnitudes) | (magnitudes == NO_BRIGHTNESS)
  if errors is not None:
    missing |= _is_missing_in_graph(errors) | (errors < 0.0)
  wrong = ~missing & ((magnitudes < BRIGHTEST) | (magnitudes > FAINTEST))
  checks = [tf.debugging.assert_equal(tf.reduce_any(wrong), False,
                                      f"a value is {NO_MAGNITUDE}; are they fluxes?")]
  if not with_missing:
    checks.append(tf.debugging.assert_equal(
        tf.reduce_any(missing), False, "a band has no measurement, and the network was trained on "
        "galaxies with all bands; leave those galaxies out"))
  with tf.control_dependencies(checks):
    magnitudes = tf.where(missing, np.nan, magnitudes)
  return magnitudes, None if errors is None else tf.where(missing, np.nan, errors)


def _is_missing_in_graph(values):
  """`is_missing` in TensorFlow operations."""
  nines = tf.reduce_any(values[..., tf.newaxis] == tf.constant(NINES, values.dtype), axis=-1)
  return ~tf.math.is_finite(values) | (values <= LOWEST) | (values >= FILL) | nines
