"""The metrics of a sample: of all galaxies, by magnitude row, and by wide bin of z_photo.

`stage_metrics` gets its tables from here; `point` and `pdf` compute the metrics.
Bins are those of z_photo, the redshift that a user has.  Among galaxies chosen by
z_spec, PIT values would not be uniform even for perfect PDFs.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from pzbias_tf import arguments, cells
from pzbias_tf.metrics import pdf, point
from pzbias_tf.metrics.bootstrap import Bootstrap, GroupMetric, by_group
from pzbias_tf.metrics.pdf import PdfScores
from pzbias_tf.metrics.point import mean_by_magnitude_row, normalized_residual
from pzbias_tf.survey import Survey


class ResidualMap(NamedTuple):
  """Mean residual by (magnitude row, wide bin of z_photo), [rows, 40] each.

  Attributes:
    mean: mean dz; NaN in a cell without galaxies.
    error: its standard error; NaN for fewer than two galaxies.
    galaxies: number of galaxies, int64.
  """

  mean: np.ndarray
  error: np.ndarray
  galaxies: np.ndarray


@dataclasses.dataclass(frozen=True)
class Breakdown:
  """A sample of galaxies, and the tables of its metrics.

  Attributes:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n].
    r_mag: r magnitudes, [n].
    survey: the survey.
    scores: scores of the PDFs; None for estimates without PDFs, which have no
      metrics of PDFs.
    weights: weight of each galaxy, [n]; None for 1.
    bootstrap: how errors are estimated.
  """

  z_spec: np.ndarray
  z_photo: np.ndarray
  r_mag: np.ndarray
  survey: Survey
  scores: PdfScores | None
  weights: np.ndarray | None
  bootstrap: Bootstrap

  def whole(self) -> dict[str, Any]:
    """{metric: number} of all galaxies, and {metric: error} under "errors"."""
    metrics = self._metrics(np.zeros(len(self.z_spec), np.int64), 1)
    return {**{name: float(metric.value[0]) for name, metric in metrics.items()},
            "errors": {name: float(metric.error[0]) for name, metric in metrics.items()}}

  def by_magnitude(self) -> dict[str, Any]:
    """Mean "r_mag", number of "galaxies" and every metric in each magnitude row, [rows] each."""
    magnitude_row = self.survey.magnitude_row(self.r_mag)
    weights = arguments.weight_column(self.weights, len(magnitude_row))
    return {"r_mag": mean_by_magnitude_row(self.r_mag, self.r_mag, weights, self.survey),
            "galaxies": np.bincount(magnitude_row, minlength=self.survey.rows),
            **self._metrics(magnitude_row, self.survey.rows)}

  def by_z_photo(self) -> dict[str, Any]:
    """Centre "z", number of "galaxies" and every metric in each wide bin of z_photo, [40] each."""
    cell = cells.wide_cell(self.z_photo, self.survey)
    metrics = self._metrics(cell, cells.WIDE_CELLS)
    return {"z": cells.wide_centers(self.survey),
            "galaxies": np.bincount(cell, minlength=cells.WIDE_CELLS)[1:-1],
            **{name: GroupMetric(*(column[1:-1] for column in metric))
               for name, metric in metrics.items()}}

  def residual_map(self) -> ResidualMap:
    """Mean dz in each (magnitude row, wide bin of z_photo)."""
    dz = normalized_residual(self.z_spec, self.z_photo)
    weights, dz, z_photo, r_mag = arguments.weighted_columns(
        self.weights, dz=dz, z_photo=self.z_photo, r_mag=self.r_mag)
    shape = (self.survey.rows, cells.WIDE_CELLS)
    cell = self.survey.magnitude_row(r_mag) * shape[1] + cells.wide_cell(z_photo, self.survey)
    means = cells.means(dz, weights, cell, shape[0] * shape[1])
    return ResidualMap(*(table.reshape(shape)[:, 1:-1]
                         for table in (means.mean, means.error, means.count)))

  def _metrics(self, group, num_groups):
    """{name of the metric: its value and error in each group}."""
    scores = {} if self.scores is None else self.scores._asdict()
    weights, group, dz, *scored = arguments.weighted_columns(
        self.weights, group=group, dz=normalized_residual(self.z_spec, self.z_photo), **scores)
    measured = [point.measured(dz, self.survey),
                *([pdf.measured(pdf.PdfScores(*scored))] if scored else [])]
    return by_group(measured, group.astype(np.int64), num_groups, weights=weights,
                    bootstrap=self.bootstrap)
