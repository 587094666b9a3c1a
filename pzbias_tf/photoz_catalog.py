"""Photometric redshifts that any code has estimated: measured and calibrated as a run's are.

A `Catalog` is made from the columns of a table.  Galaxies with a missing value are left
out and counted, and all others are sorted by their ids, so that the order of a table's
rows changes no number.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Sequence

from absl import logging
import numpy as np

from pzbias_tf import missing_values, table_columns, table_ids
from pzbias_tf.bias.calibration import Calibration, Corrected, cell_settings
from pzbias_tf.bias.resampling import resample_to_expected
from pzbias_tf.compat.plain_arrays import ANY, MAGNITUDE, REDSHIFT, array
from pzbias_tf.compat.sorting import order_of_texts
from pzbias_tf.metrics.bootstrap import Bootstrap
from pzbias_tf.metrics.stage_metrics import Together, measure_together, summarize
from pzbias_tf.predictions.predictions import Estimates, Predictions
from pzbias_tf.survey import Survey

_SHOWN = 5  # rows in a message
BY_MAGNITUDE = ("by_magnitude", "sigma_mad_by_magnitude", "wasserstein_by_magnitude",
                "residual_map")
"""Metrics that galaxies without magnitudes do not have."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Catalog:
  """Galaxies with photometric redshifts, none of whose values is missing.

  Attributes:
    survey: its grids; with a single magnitude row where r is not known.
    rows: rows of the galaxies in the table, [n] int64.
    ids: their ids, [n] str; those of the rows where there is no id column.
    z_photo: {name: point estimates [n]}, at least one.
    z_spec: spectroscopic redshifts, [n]; None where they are not known.
    r_mag: r magnitudes, [n]; None where they are not known.
    weights: weights of the galaxies in metrics, [n]; None for 1.
    edges: edges of the redshift bins of p(z), [bins + 1]; None without p(z).
    pdf: probability of each bin, [n, bins]; None without p(z).
    missing: {column: {what stood there: number of rows}} of the rows left out.
  """

  survey: Survey
  rows: np.ndarray
  ids: np.ndarray
  z_photo: Mapping[str, np.ndarray]
  z_spec: np.ndarray | None = None
  r_mag: np.ndarray | None = None
  weights: np.ndarray | None = None
  edges: np.ndarray | None = None
  pdf: np.ndarray | None = None
  missing: Mapping[str, Mapping[str, int]] = dataclasses.field(default_factory=dict)

  @classmethod
  def from_table(
      cls, table: Mapping[str, Any], survey: Survey, *, z_photo: str | Sequence[str],
      z_spec: str = "", r_mag: str = "", ids: str = "", weights: str = "",
      missing: Sequence[float] = (), edges: np.ndarray | None = None,
      pdf: np.ndarray | None = None, origin: str = "the table") -> Catalog:
    """Takes the galaxies of a table that have all values.

    Args:
      table: {name: column [rows]}: an astropy table, a data frame, a dictionary, an
        array with fields.  Masked values are missing, and units of redshifts and
        magnitudes are honoured.
      survey: the survey, whose grids the metrics and Step 4 take.
      z_photo: name of the column of estimates, or several names.
      z_spec: name of the column of spectroscopic redshifts; "" for none.
      r_mag: name of the column of r magnitudes; "" for none.
      ids: name of the column of ids; "" for none.
      weights: name of the column of weights; "" for none.
      missing: numbers that stand for a missing value, besides
        `missing_values.SENTINELS`, NaN and infinite ones.
      edges: edges of the redshift bins of p(z), [bins + 1].
      pdf: probability of each bin, [rows, bins].
      origin: the file, for messages.

    Raises:
      ValueError: a column is absent, holds no numbers or differs in length; an id
        stands there twice; a weight is not valid; or no galaxy is left.
    """
    names = (z_photo,) if isinstance(z_photo, str) else tuple(z_photo)
    kinds = {weights: ANY, r_mag: MAGNITUDE, **dict.fromkeys((*names, z_spec), REDSHIFT)}
    columns = {name: table_columns.number_column(table, name, origin, kind)
               for name, kind in kinds.items() if name}
    pdf = None if pdf is None else array(pdf, "pdf")
    keys = (table_ids.unique_ids(table, ids, origin) if ids
            else np.arange(len(columns[names[0]])).astype(str))
    _check(columns, keys, ids, pdf, origin)
    redshifts = [name for name in (*names, z_spec) if name]
    rows, reasons = _complete(columns, redshifts, r_mag, weights, missing, origin,
                              {ids: keys == ""})
    rows = rows[order_of_texts(keys[rows])] if ids else rows
    take = lambda name: columns[name][rows] if name else None
    return cls(
        survey=survey if r_mag else survey.without_magnitudes(), rows=rows, ids=keys[rows],
        z_photo={name: columns[name][rows] for name in names}, z_spec=take(z_spec),
        r_mag=take(r_mag), weights=take(weights), edges=edges,
        pdf=None if pdf is None else pdf[rows], missing=reasons)

  def __len__(self) -> int:
    return len(self.rows)

  def select(self, keep: np.ndarray) -> Catalog:
    """Some of the galaxies; `keep` is a mask or indices."""
    own = lambda column: None if column is None else column[keep]
    return dataclasses.replace(
        self, rows=self.rows[keep], ids=self.ids[keep], z_spec=own(self.z_spec),
        r_mag=own(self.r_mag), weights=own(self.weights), pdf=own(self.pdf),
        z_photo={name: z[keep] for name, z in self.z_photo.items()})

  def measure(self, name: str = "", *, z_photo: np.ndarray | None = None,
              bootstrap: Bootstrap = Bootstrap(),
              together: Together | None = None) -> dict[str, Any]:
    """The metrics of an estimate, as `stage_metrics.summarize` returns them.

    Metrics by magnitude need r, and those of p(z) come with the first estimate.

    Args:
      name: name of the estimate; "" for the first.
      z_photo: estimates, [n], that replace it, such as calibrated ones.
      bootstrap: how errors are estimated.
      together: that of `measure_together` for these estimates; None without.

    Raises:
      ValueError: there are no spectroscopic redshifts, no such estimate, or p(z)
        on another grid than the survey's.
    """
    estimate = self._estimate(name)
    columns = {"redshift": self._truth(), "r_mag": self._magnitudes(), "zmode": estimate}
    first = self.pdf is not None and name in ("", next(iter(self.z_photo)))
    sample = (Predictions(self.edges, self.pdf, columns) if first and self.edges is not None
              and self.pdf is not None else Estimates(columns))
    summary = summarize(sample, self.survey, bootstrap, z_photo=z_photo, weights=self.weights,
                        together=together)
    without = BY_MAGNITUDE if self.r_mag is None else ()
    return {key: value for key, value in summary.items() if key not in without}

  def measure_together(self, estimates: Sequence[np.ndarray], *,
                       bootstrap: Bootstrap = Bootstrap()) -> list[Together]:
    """What several estimates, [n] each, share in `measure`; the numbers stay the same.

    Args:
      estimates: the estimates, such as those before and after Step 4.
      bootstrap: how errors are estimated.

    Raises:
      ValueError: there are no spectroscopic redshifts.
    """
    return measure_together(self._truth(), estimates, self._magnitudes(), self.survey, bootstrap,
                            weights=self.weights)

  def fit(self, name: str = "", *, target: Catalog | None = None, calibration_cells: str = "shrunk",
          width: float = 0.0, seed: int = 0) -> Calibration:
    """Fits Step 4 to an estimate of these galaxies.

    Args:
      name: name of the estimate; "" for the first.
      target: galaxies to correct, of another distribution than these ones; these
        are then resampled to the distribution that is expected of it.  None for
        galaxies of the same distribution, such as the other half of a sample.
      calibration_cells: one of `calibration.CELLS`.
      width: of a smoothing, see `calibration.cell_settings`.
      seed: seed of the resampling.

    Raises:
      ValueError: as in `measure`, or the target has r magnitudes and these galaxies
        have none, or the other way round.
    """
    z_spec, z_photo, r_mag = self._truth(), self._estimate(name), self._magnitudes()
    galaxy, times = np.arange(len(self)), np.ones(len(self))
    if target is not None:
      if (target.r_mag is None) != (self.r_mag is None):
        raise ValueError("r magnitudes are known of one of the two samples only; name the column "
                         "of both, or of none")
      drawn = resample_to_expected(z_spec, r_mag, target._estimate(name), target._magnitudes(),
                                   self.survey, seed=seed)
      galaxy, times = np.unique(drawn, return_counts=True)
    return Calibration.fit(z_spec[galaxy], z_photo[galaxy], r_mag[galaxy], self.survey,
                           weights=times, **cell_settings(calibration_cells, width))

  def apply(self, calibration: Calibration, name: str = "") -> Corrected:
    """Corrects an estimate by Step 4; `name` as in `fit`."""
    return calibration.correct(self._estimate(name), self._magnitudes())

  def _estimate(self, name):
    if name and name not in self.z_photo:
      raise ValueError(f"no estimate {name!r}; there are {', '.join(self.z_photo)}")
    return self.z_photo[name or next(iter(self.z_photo))]

  def _truth(self):
    if self.z_spec is None:
      raise ValueError("spectroscopic redshifts are needed for this; name their column")
    return self.z_spec

  def _magnitudes(self):
    """r magnitudes; any number where there is a single magnitude row."""
    return np.full(len(self), self.survey.r_min) if self.r_mag is None else self.r_mag


def listed(missing: Mapping[str, Mapping[str, int]]) -> str:
  """The missing values of each column, in words; "" if there are none."""
  return "; ".join(
      f"{name} {', '.join(f'{reason} ({number})' for reason, number in reasons.items())}"
      for name, reasons in missing.items() if reasons)


def _complete(columns, redshifts, r_mag, weights, further, origin, without):
  """Rows without missing values, and {column: {reason: number of rows}} of the others.

  `without` are the rows without an id, by the name of that column.
  """
  keep, reasons = np.ones(len(columns[redshifts[0]]), bool), {}
  for name, lost in without.items():
    keep &= ~lost
    reasons[name] = {"none": int(lost.sum())} if lost.any() else {}
  for name in dict.fromkeys((*redshifts, *([r_mag] if r_mag else []))):
    lost, reasons[name] = missing_values.find_missing(
        columns[name], redshifts=name in redshifts, further=further)
    if name in redshifts:
      lost |= _no_redshifts(columns[name], lost, reasons[name], f"{origin}: column {name!r}")
    if name == r_mag:
      lost |= _no_magnitudes(columns[name], lost, reasons[name], origin)
    zeros = missing_values.many_zeros(columns[name][~lost]) if name in redshifts else ""
    if zeros:
      logging.warning("%s: column %r: %s, name it with --missing=0", origin, name, zeros)
    lone = missing_values.lone_largest(columns[name][~lost])
    if lone:
      logging.warning("%s: column %r: %s, name that number with --missing", origin, name, lone)
    keep &= ~lost
  if weights:
    lost, reasons[weights] = missing_values.find_missing_weights(columns[weights], further=further)
    _check_weights(columns[weights], ~lost, f"{origin}: column {weights!r}")
    keep &= ~lost
  if not keep.size:
    raise ValueError(f"{origin}: no rows; name a file with galaxies")
  if not keep.any():
    raise ValueError(f"{origin}: no galaxy is left, since all {keep.size} have a missing value "
                     f"({listed(reasons)}); name other columns")
  return np.flatnonzero(keep), {name: own for name, own in reasons.items() if own}


def _no_redshifts(values, missing, reasons, what):
  """Which numbers are too large for redshifts, counted in `reasons`; refuses velocities."""
  missing_values.check_no_velocities(values[~missing], what)
  wrong = ~missing & (values > missing_values.HIGHEST)
  if wrong.any():
    reasons[f"above {missing_values.HIGHEST:g}"] = int(wrong.sum())
  return wrong


def _no_magnitudes(r_mag, missing, reasons, origin):
  """Which r magnitudes are none, counted in `reasons`; refuses a column of fluxes."""
  try:
    missing_values.check_no_fluxes(r_mag[~missing], "r magnitudes")
  except ValueError as error:
    raise ValueError(f"{origin}: {error}") from error
  wrong = ~missing & missing_values.outside(r_mag)
  if wrong.any():
    reasons[missing_values.NO_MAGNITUDE] = int(wrong.sum())
  return wrong


def _check_weights(weights, known, what):
  """Refuses weights that are negative, or all 0."""
  wrong = np.flatnonzero(known & (weights < 0.0))
  if wrong.size:
    shown = ", ".join(f"{row} ({weights[row]:g})" for row in wrong[:_SHOWN])
    raise ValueError(f"{what}: weights must not be negative, but {wrong.size} are, in rows {shown}"
                     f"{', ...' * (wrong.size > _SHOWN)}; give 0 to galaxies that are to be left "
                     "out, or name with --missing a number that stands for none")
  if known.any() and not weights[known].any():
    raise ValueError(f"{what}: all weights are 0; give at least one galaxy a positive weight")


def _check(columns, keys, ids, pdf, origin):
  """Refuses columns of different lengths."""
  lengths = {name: len(values) for name, values in columns.items()}
  lengths |= {ids: len(keys)} if ids else {}
  lengths |= {} if pdf is None else {"p(z)": len(pdf)}
  if len(set(lengths.values())) > 1:
    raise ValueError(f"{origin}: columns of different lengths: {lengths}; pass columns of the "
                     "same galaxies")
