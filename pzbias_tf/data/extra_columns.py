"""Columns of the catalogue that a network takes beside E(B-V), e.g. near-infrared magnitudes.

A data set holds them as they are measured.  The network standardises them by the mean and
standard deviation of the galaxies that it was trained on, which are stored with the run.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Sequence

import numpy as np

from pzbias_tf.missing_values import FILL, LOWEST, NINES, NO_BRIGHTNESS

MISSING = ("not finite, -90 or less, 1e15 or more, or one of the numbers that stand for no "
           "measurement: 99, 99.9, 99.99, 999, 999.9, 9999")
"""What `is_missing` looks for, in words."""

_SMALLEST_DEVIATION = 1e-6  # of the largest value; below, float32 cannot tell galaxies apart


@dataclasses.dataclass(frozen=True)
class ExtraColumns:
  """The extra columns of a network, in its order, and how it standardises them.

  Attributes:
    names: names of the columns.
    mean: means over the training galaxies, which are subtracted.
    deviation: standard deviations of the training galaxies, which the rest is divided by.
  """

  names: tuple[str, ...] = ()
  mean: tuple[float, ...] = ()
  deviation: tuple[float, ...] = ()

  def __post_init__(self):
    if not len(self.names) == len(self.mean) == len(self.deviation):
      raise ValueError(f"{len(self.names)} extra columns with {len(self.mean)} means and "
                       f"{len(self.deviation)} deviations; give one of each per column")
    if not (np.isfinite(self.mean).all() and np.isfinite(self.deviation).all()
            and np.all(np.array(self.deviation) > 0)):
      raise ValueError(f"extra columns with the means {self.mean} and deviations "
                       f"{self.deviation}: fit them again to finite, different values")

  def to_json(self) -> dict[str, Any]:
    """The columns as JSON values."""
    return {name: list(values) for name, values in dataclasses.asdict(self).items()}

  @classmethod
  def from_json(cls, fields: Mapping[str, Any]) -> ExtraColumns:
    """The inverse of `to_json`."""
    return cls(**{name: tuple(values) for name, values in fields.items()})

  @classmethod
  def unscaled(cls, names: Sequence[str]) -> ExtraColumns:
    """Columns that a network takes as they are."""
    return cls(tuple(names), (0.0,) * len(names), (1.0,) * len(names))

  @classmethod
  def fit(cls, names: Sequence[str], values: np.ndarray) -> ExtraColumns:
    """Measures mean and standard deviation.

    Args:
      names: names of the columns.
      values: values of the training galaxies, [galaxies, columns].

    Raises:
      ValueError: there is no galaxy, or a column has the same value for all of them.
    """
    values = np.asarray(values, np.float64)
    if not len(values):
      raise ValueError(f"no training galaxy to standardise {', '.join(names)} by; convert "
                       "galaxies into the split 'train'")
    mean, deviation = values.mean(0), values.std(0)
    for name, width, largest in zip(names, deviation, np.abs(values).max(0)):
      if width <= _SMALLEST_DEVIATION * largest:
        raise ValueError(f"extra column {name} has the same value for all training galaxies, so "
                         "it tells nothing; leave it out of --extra_columns")
    return cls(tuple(names), tuple(mean.tolist()), tuple(deviation.tolist()))


def is_missing(values: np.ndarray | float) -> np.ndarray:
  """Whether values of an extra column are no measurements; see MISSING.

  Args:
    values: numbers of any shape.

  Returns:
    bool, same shape.
  """
  with np.errstate(over="ignore"):
    single = np.ma.filled(np.ma.asarray(values, np.float64), np.nan).astype(np.float32)
  return ~np.isfinite(single) | (single <= LOWEST) | (single >= FILL) | np.isin(
      single, np.array(NINES, np.float32))


def with_nan(magnitudes: np.ndarray,
             errors: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
  """Magnitudes and errors with NaN in the bands that have no measurement.

  A band without a magnitude or, where there are errors, without one of 0 or more has none.  A
  magnitude of exactly 0 is a placeholder.

  Args:
    magnitudes: as delivered [n, bands], mag.
    errors: the same of their errors; None without.

  Returns:
    Both, as float64.
  """
  missing = is_missing(magnitudes) | (np.ma.filled(magnitudes, np.nan) == NO_BRIGHTNESS)
  if errors is not None:
    missing |= is_missing(errors) | (np.ma.filled(errors, np.nan) < 0.0)
  return tuple(  # type: ignore[return-value]
      None if values is None else np.where(missing, np.nan, np.ma.filled(
          np.ma.asarray(values, np.float64), np.nan)) for values in (magnitudes, errors))
