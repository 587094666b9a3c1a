"""Step 4: removes residuals that depend on z_photo from point estimates.

The training galaxies are resampled so that they follow the distribution expected
of the test set.  The mean residual of the resampled galaxies in a cell of (wide
z_photo bin, magnitude row) is then subtracted from the test estimates in that
cell.  Nothing is trained.

Source: Lin et al. 2022 (Step 4).
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Mapping, NamedTuple

from absl import logging
import numpy as np

from pzbias_tf import arguments, cells, fitted_models
from pzbias_tf.bias.resampling import resample_to_expected
from pzbias_tf.bias.shrinkage import SURE, shrink_means
from pzbias_tf.bias.smoothing import smooth_means
from pzbias_tf.guards import json_files
from pzbias_tf.survey import Survey

__all__ = ["Calibration", "resample_to_expected"]

_FORMAT = "pzbias_tf calibration 1"
CELLS = ("plain", "smoothed", "shrunk")
"""What a cell's correction is: its mean, that of its neighbours as well, or what of it is sure."""

_USUAL_WIDTH = 2.0  # of a smoothing whose width is not given, wide bins


class Corrected(NamedTuple):
  """Point estimates after Step 4, [n] each.

  Attributes:
    z_photo: corrected estimates, float64; unchanged in cells without training galaxies.
    error: standard error of the subtracted offset, in redshift; NaN in cells of
      fewer than two training galaxies.
    has_correction: whether the cell held training galaxies, bool.
  """

  z_photo: np.ndarray
  error: np.ndarray
  has_correction: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
  """Mean residual per cell of (z_photo, magnitude row), to be subtracted.

  Attributes:
    survey: the survey whose grids define the cells.
    offset: mean of z_photo - z_spec, in redshift, [42, rows] float64; 0 in cells
      without galaxies.  First axis: below z_min, the 40 wide bins, above z_max.
    count: number of different galaxies behind each mean, [42, rows] int64.
    error: standard error of each mean, in redshift, [42, rows] float64; NaN in
      cells of fewer than two galaxies.  All NaN unless given.
  """

  survey: Survey
  offset: np.ndarray
  count: np.ndarray
  error: np.ndarray | None = None

  def __post_init__(self):
    shape = (cells.WIDE_CELLS, self.survey.rows)
    error = np.full(shape, np.nan) if self.error is None else self.error
    object.__setattr__(self, "error", error)
    for name, dtype in (("offset", np.float64), ("count", np.int64), ("error", np.float64)):
      table = np.array(getattr(self, name), dtype)
      if table.shape != shape or not np.all(np.isfinite(table) | (name == "error")):
        raise ValueError(
            f"{name} must hold finite numbers in shape {list(shape)} for survey "
            f"{self.survey.name!r}, got shape {list(table.shape)}; fit it again")
      table.flags.writeable = False
      object.__setattr__(self, name, table)

  @property
  def significant_cells(self) -> int:
    """Number of cells whose correction exceeds SURE times its error; 0: nothing to correct."""
    error = np.nan_to_num(np.asarray(self.error), nan=np.inf)
    return int(np.sum(np.abs(self.offset) > SURE * error))

  @property
  def uncorrected_cells(self) -> np.ndarray:
    """Cells without galaxies, which `apply` leaves as they are: (z_photo cell, magnitude row).

    [cells, 2] int64.
    """
    return np.argwhere(self.count == 0)

  @property
  def uncorrected_rows(self) -> tuple[int, ...]:
    """Magnitude rows without galaxies, whose estimates `apply` leaves as they are."""
    return tuple(int(row) for row in np.flatnonzero(~self.count.any(axis=0)))

  @classmethod
  def fit(
      cls, z_spec: np.ndarray, z_photo: np.ndarray, r_mag: np.ndarray, survey: Survey, *,
      weights: np.ndarray | None = None, smoothing: float = 0.0,
      shrunk: bool = False) -> Calibration:
    """Computes the mean residual of each cell.

    Cells are half-open; the first and the last magnitude row are open-ended,
    and estimates below z_min or above z_max have cells of their own.

    Args:
      z_spec: spectroscopic redshifts of the resampled galaxies, [n].
      z_photo: their Step 3 point estimates, [n].
      r_mag: their r magnitudes, [n].
      survey: the survey.
      weights: how often each galaxy was drawn, [n]; 1 unless given.  Pass a galaxy
        that was drawn twice once, with weight 2: it holds no more information than
        if drawn once, and so errors and counts are right.
      smoothing: width in wide bins of the Gaussian kernel that averages the means
        of a magnitude row; 0 for none.
      shrunk: whether each mean is shrunk by its own error, see
        `shrinkage.shrink_means`.

    Returns:
      The calibration; magnitude rows without galaxies are logged.

    Raises:
      ValueError: the columns differ in length, are empty, or not finite, or the
        smoothing is negative, or goes with `shrunk`.
    """
    if shrunk and smoothing:
      raise ValueError("means are either smoothed or shrunk, which averages over neighbours as "
                       "well; leave out one of smoothing and shrunk")
    weights, z_spec, z_photo, r_mag = arguments.weighted_columns(
        weights, z_spec=z_spec, z_photo=z_photo, r_mag=r_mag)
    shape = (cells.WIDE_CELLS, survey.rows)
    means = cells.means(
        z_photo - z_spec, weights, _calibration_cell(z_photo, r_mag, survey), shape[0] * shape[1])
    tables = cells.Means(*(table.reshape(shape) for table in means))
    tables = shrink_means(tables) if shrunk else smooth_means(tables, smoothing)
    fitted = cls(survey=survey, offset=np.nan_to_num(tables.mean), count=tables.count,
                 error=tables.error)
    if fitted.uncorrected_rows:
      logging.warning(
          "Step 4: magnitude rows %s hold no training galaxies; their estimates stay "
          "uncorrected.", ", ".join(map(str, fitted.uncorrected_rows)))
    return fitted

  def apply(self, z_photo: np.ndarray, r_mag: np.ndarray) -> np.ndarray:
    """Corrects point estimates: subtracts the offset of each estimate's cell.

    Args:
      z_photo: Step 3 point estimates, [n].
      r_mag: r magnitudes, [n].

    Returns:
      Corrected z_photo, [n] float64; unchanged in cells without training galaxies.

    Raises:
      ValueError: the columns differ in length, are empty, or not finite.
    """
    return self.correct(z_photo, r_mag).z_photo

  def correct(self, z_photo: np.ndarray, r_mag: np.ndarray) -> Corrected:
    """Corrects point estimates, and returns the error of each correction.

    Args:
      z_photo: Step 3 point estimates, [n].
      r_mag: r magnitudes, [n].

    Returns:
      The corrected estimates, with errors.

    Raises:
      ValueError: as in `apply`.
    """
    z_photo, r_mag = arguments.columns(z_photo=z_photo, r_mag=r_mag)
    cell = _calibration_cell(z_photo, r_mag, self.survey)
    return Corrected(z_photo - self.offset.ravel()[cell], np.asarray(self.error).ravel()[cell],
                     self.count.ravel()[cell] > 0)

  def save(
      self, path: str | os.PathLike, *, weights_digest: str = "",
      provenance: Mapping[str, Any] | None = None) -> None:
    """Writes the calibration and its grid as JSON, completely or not at all.

    Args:
      path: the file, by convention calibration.json.
      weights_digest: SHA-256 of the weights whose estimates it corrects.
      provenance: what it was fitted on and how; for readers of the file only.

    Raises:
      OSError: the file cannot be written.
    """
    content = {
        "format": _FORMAT, "survey": self.survey.name,
        "grid": fitted_models.settings(self.survey),
        "weights_sha256": weights_digest, "provenance": dict(provenance or {}),
        "offset": self.offset.tolist(), "count": self.count.tolist(),
        "error": [[value if np.isfinite(value) else None for value in row]
                  for row in np.asarray(self.error).tolist()],
        "uncorrected_cells": self.uncorrected_cells.tolist()}
    json_files.write(path, content)

  @classmethod
  def load(cls, path: str | os.PathLike, survey: Survey, *,
           weights_digest: str | None = None) -> Calibration:
    """Reads what `save` wrote.

    Args:
      path: the file.
      survey: the survey whose estimates are to be corrected.
      weights_digest: SHA-256 of the weights whose estimates are to be corrected;
        None accepts any.

    Returns:
      The calibration.

    Raises:
      ValueError: the file is not a calibration, or was made for a different grid
        or for other weights.
      OSError: the file cannot be read.
    """
    table = lambda number: [[number]]
    content = fitted_models.read_model(
        path, _FORMAT, {"offset": table(float), "count": table(int),
                        "error?": (table((float, None)), None)},
        survey, weights_digest=weights_digest)
    return cls(survey=survey, offset=content["offset"], count=content["count"],
               error=content.get("error"))


def is_calibration(path: str | os.PathLike) -> bool:
  """Whether a file is one that `Calibration.save` wrote, for any grid."""
  try:
    return json_files.read(path, {"format": str}, "{problem}")["format"] == _FORMAT
  except (OSError, ValueError):
    return False


def cell_settings(kind: str, width: float = 0.0) -> dict[str, Any]:
  """What CELLS mean to `Calibration.fit`.

  Args:
    kind: one of CELLS; "" for "smoothed" if a width is given, else "plain".
    width: of the smoothing, in wide bins; 0 for the usual one.

  Returns:
    Keyword arguments of `Calibration.fit`.

  Raises:
    ValueError: there is no such kind, or the width is for another one.
  """
  kind = kind or ("smoothed" if width else "plain")
  if kind not in CELLS:
    raise ValueError(f"no calibration of cells {kind!r}; choose one of {', '.join(CELLS)}")
  if width and kind != "smoothed":
    raise ValueError(f"a width of smoothing, {width:g}, is for cells that are smoothed, not {kind}")
  return {"smoothing": (width or _USUAL_WIDTH) if kind == "smoothed" else 0.0,
          "shrunk": kind == "shrunk"}


def _calibration_cell(z_photo, r_mag, survey):
  """Cell of each estimate: z_photo cell x rows + magnitude row."""
  return cells.wide_cell(z_photo, survey) * survey.rows + survey.magnitude_row(r_mag)
