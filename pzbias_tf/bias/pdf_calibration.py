"""Calibration of p(z) itself, beyond the paper: makes PIT values uniform.

The PIT value of a galaxy is the CDF of its PDF at the true redshift.  PIT values
of correct PDFs are uniform.  If they are not, their distribution B corrects the
PDFs: the CDF of every PDF becomes B(CDF).  B is fitted on galaxies that were not
trained on, those of the validation split.

Source: Bordoloi et al. 2010 (MNRAS 406, 881).
"""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from pzbias_tf import arguments, fitted_models
from pzbias_tf.guards import json_files
from pzbias_tf.survey import Survey

KNOTS = 32
"""Number of intervals between quantiles of the PIT values, within which B is linear."""

FEWEST = 500
"""A magnitude row with fewer galaxies uses the B of all: noise would be worse than the bias."""

_FORMAT = "pzbias_tf pdf calibration 1"
# The k-th knot keeps at least k times this distance from 0 and from 1.  So a bin without any
# probability gets none, even if many galaxies lie outside their whole PDF.
_TAIL = 1e-6
_LEVELS = np.arange(KNOTS + 1) / KNOTS
_CHUNK = 4096  # galaxies at a time: 80 MB of float64 at 2500 bins


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PdfCalibration:
  """The distribution of PIT values, by magnitude row.

  Attributes:
    survey: the survey whose grid defines the magnitude rows.
    quantiles: PIT values below which 0, 1 / KNOTS, ..., 1 of the galaxies lie,
      [rows, KNOTS + 1] float64, rising from 0 to 1.
    count: number of galaxies that the quantiles of each magnitude row come from,
      [rows] int64.
  """

  survey: Survey
  quantiles: np.ndarray
  count: np.ndarray

  def __post_init__(self):
    for name, shape in (
        ("quantiles", (self.survey.rows, KNOTS + 1)), ("count", (self.survey.rows,))):
      table = np.array(getattr(self, name), np.int64 if name == "count" else np.float64)
      if table.shape != shape:
        raise ValueError(f"{name} must have shape {list(shape)} for survey {self.survey.name!r}, "
                         f"got {list(table.shape)}; fit it again")
      table.flags.writeable = False
      object.__setattr__(self, name, table)
    if not (np.all(np.diff(self.quantiles) >= 0.0)
            and np.allclose(self.quantiles[:, [0, -1]], [0.0, 1.0])):
      raise ValueError("quantiles must rise from 0 to 1; fit it again")

  @classmethod
  def fit(
      cls, pit: np.ndarray, r_mag: np.ndarray, survey: Survey, *, by_magnitude: bool = False,
      weights: np.ndarray | None = None) -> PdfCalibration:
    """Measures the distribution of PIT values.

    Args:
      pit: PIT values of galaxies that were not trained on, [n] in [0, 1], as
        `metrics.pdf.pit` returns them.
      r_mag: their r magnitudes, [n].
      survey: the survey.
      by_magnitude: whether each magnitude row of at least FEWEST galaxies gets a
        distribution of its own.
      weights: weight of each galaxy, [n], not negative; 1 unless given.

    Returns:
      The calibration.

    Raises:
      ValueError: the columns differ in length, are empty, not finite or out of
        range, or there are fewer than FEWEST galaxies.
    """
    weights, pit, r_mag = arguments.weighted_columns(weights, pit=pit, r_mag=r_mag)
    if pit.min() < 0.0 or pit.max() > 1.0:
      raise ValueError(f"pit spans [{pit.min()}, {pit.max()}]; pass the values that "
                       "metrics.pdf.pit returns")
    if pit.size < FEWEST:
      raise ValueError(f"a calibration of p(z) needs {FEWEST} galaxies, got {pit.size}; predict "
                       "more galaxies that were not trained on")
    magnitude_row = survey.magnitude_row(r_mag)
    quantiles = np.tile(_quantiles(pit, weights), (survey.rows, 1))
    count = np.full(survey.rows, pit.size)
    for index, number in enumerate(np.bincount(magnitude_row, minlength=survey.rows)):
      if by_magnitude and number >= FEWEST:
        own = magnitude_row == index
        quantiles[index], count[index] = _quantiles(pit[own], weights[own]), number
    return cls(survey=survey, quantiles=quantiles, count=count)

  def apply(self, probabilities: np.ndarray, r_mag: np.ndarray) -> np.ndarray:
    """Calibrates PDFs.  Point estimates made from them before stay as they are.

    Args:
      probabilities: probabilities of redshift bins, [n, bins] with any number of
        bins, each galaxy summing to 1.
      r_mag: r magnitudes, [n].

    Returns:
      [n, bins] in the dtype of `probabilities`, each galaxy summing to 1.

    Raises:
      ValueError: the shapes do not match, or a magnitude is not finite.
    """
    (r_mag,) = arguments.columns(r_mag=r_mag)
    if probabilities.ndim != 2 or len(probabilities) != r_mag.size:
      raise ValueError(f"probabilities have shape {list(probabilities.shape)} for {r_mag.size} "
                       "magnitudes; pass p(z) and magnitudes of the same galaxies")
    magnitude_row, calibrated = self.survey.magnitude_row(r_mag), np.empty_like(probabilities)
    for start in range(0, r_mag.size, _CHUNK):
      part = slice(start, start + _CHUNK)
      total = np.cumsum(probabilities[part], axis=1, dtype=np.float64)
      cdf = self._mapped(total / total[:, -1:], magnitude_row[part])
      calibrated[part] = np.diff(cdf, prepend=0.0)
    return calibrated

  def _mapped(self, cdf, magnitude_row):
    """B of each CDF; `cdf` [galaxies, bins], `magnitude_row` [galaxies]."""
    mapped = np.empty_like(cdf)
    for index in np.unique(magnitude_row):
      own = magnitude_row == index
      mapped[own] = np.interp(cdf[own], self.quantiles[index], _LEVELS)
    return mapped

  def save(self, path: str | os.PathLike, *, weights_digest: str = "") -> None:
    """Writes the calibration as JSON, completely or not at all.

    Args:
      path: the file, by convention pdf_calibration.json.
      weights_digest: SHA-256 of the weights whose PDFs it calibrates.

    Raises:
      OSError: the file cannot be written.
    """
    json_files.write(path, {
        "format": _FORMAT, "survey": self.survey.name, "grid": fitted_models.settings(self.survey),
        "weights_sha256": weights_digest, "quantiles": self.quantiles.tolist(),
        "count": self.count.tolist()})

  @classmethod
  def load(cls, path: str | os.PathLike, survey: Survey, *,
           weights_digest: str | None = None) -> PdfCalibration:
    """Reads what `save` wrote.

    Args:
      path: the file.
      survey: the survey whose PDFs are to be calibrated.
      weights_digest: SHA-256 of the weights whose PDFs are to be calibrated; None
        accepts any.

    Returns:
      The calibration.

    Raises:
      ValueError: the file is not a calibration of p(z), or was made for a different
        grid or for other weights.
      OSError: the file cannot be read.
    """
    content = fitted_models.read_model(
        path, _FORMAT, {"quantiles": [[float]], "count": [int]}, survey,
        weights_digest=weights_digest)
    return cls(survey=survey, quantiles=content["quantiles"], count=content["count"])


def _quantiles(pit, weights):
  """PIT values below which the shares `_LEVELS` of the weight lie, [KNOTS + 1]."""
  order = np.argsort(pit)
  reached = np.cumsum(weights[order])
  inner = pit[order][np.searchsorted(reached, _LEVELS[1:-1] * reached[-1])]
  steps = _TAIL * np.arange(KNOTS + 1)
  return np.clip(np.concatenate([[0.0], inner, [1.0]]), steps, 1.0 - steps[::-1])
