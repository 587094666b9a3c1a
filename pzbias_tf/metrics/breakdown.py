"""The metrics of a sample: of all galaxies, by magnitude row, and by wide bin of z_photo.

`stage_metrics` gets its tables from here; `point` and `pdf` compute the metrics.
Bins are those of z_photo, the redshift that a user has.  Among galaxies chosen by
z_spec, PIT values would not be uniform even for perfect PDFs.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, NamedTuple, Sequence

import numpy as np

from pzbias_tf import arguments, cells
from pzbias_tf.metrics import pdf, point
from pzbias_tf.metrics.bootstrap import Bootstrap, GroupMetric, Measured, by_group
from pzbias_tf.metrics.pdf import PdfScores
from pzbias_tf.metrics.point import mean_by_magnitude_row, normalized_residual
from pzbias_tf.survey import Survey

_START = "{} "  # of a metric's name, with the number of its table


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


class SharedMetrics(NamedTuple):
  """Metrics that have been measured already, {metric: its value and error in each group}.

  Attributes:
    whole: of all galaxies.
    by_magnitude: of each magnitude row.
  """

  whole: Mapping[str, GroupMetric]
  by_magnitude: Mapping[str, GroupMetric]


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
    shared: what `share_draws` has measured; None without.
  """

  z_spec: np.ndarray
  z_photo: np.ndarray
  r_mag: np.ndarray
  survey: Survey
  scores: PdfScores | None
  weights: np.ndarray | None
  bootstrap: Bootstrap
  shared: SharedMetrics | None = None

  def whole(self) -> dict[str, Any]:
    """{metric: number} of all galaxies, and {metric: error} under "errors"."""
    metrics = self.shared.whole if self.shared else self._metrics(*_all_of(self))
    return {**{name: float(metric.value[0]) for name, metric in metrics.items()},
            "errors": {name: float(metric.error[0]) for name, metric in metrics.items()}}

  def by_magnitude(self) -> dict[str, Any]:
    """Mean "r_mag", number of "galaxies" and every metric in each magnitude row, [rows] each."""
    magnitude_row = self.survey.magnitude_row(self.r_mag)
    weights = arguments.weight_column(self.weights, len(magnitude_row))
    return {"r_mag": mean_by_magnitude_row(self.r_mag, self.r_mag, weights, self.survey),
            "galaxies": np.bincount(magnitude_row, minlength=self.survey.rows),
            **(self.shared.by_magnitude if self.shared else
               self._metrics(magnitude_row, self.survey.rows))}

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
    return _metrics_of([self], group, num_groups)[0]

  def measured(self) -> list[Measured]:
    """The metrics, as `bootstrap.by_group` takes them."""
    scores = {} if self.scores is None else self.scores._asdict()
    _, dz, *scored = arguments.weighted_columns(
        self.weights, dz=normalized_residual(self.z_spec, self.z_photo), **scores)
    return [point.measured(dz, self.survey),
            *([pdf.measured(pdf.PdfScores(*scored))] if scored else [])]


def share_draws(tables: Sequence[Breakdown]) -> list[Breakdown]:
  """The same samples, whose metrics are measured together; this takes three quarters of the time.

  Args:
    tables: estimates of the same galaxies, which differ in z_photo alone.
  """
  first = tables[0]
  whole = _metrics_of(tables, *_all_of(first))
  by_magnitude = _metrics_of(
      tables, first.survey.magnitude_row(first.r_mag), first.survey.rows)
  return [dataclasses.replace(table, shared=SharedMetrics(*metrics))
          for table, *metrics in zip(tables, whole, by_magnitude)]


def _all_of(table):
  """The only group of all galaxies, and the number of groups."""
  return np.zeros(len(table.z_spec), np.int64), 1


def _metrics_of(tables, group, num_groups):
  """{name of the metric: its value and error in each group} of each table, by the same draws."""
  weights, group = arguments.weighted_columns(tables[0].weights, group=group)
  measured = [_numbered(own, number) for number, table in enumerate(tables)
              for own in table.measured()]
  found = by_group(measured, group.astype(np.int64), num_groups, weights=weights,
                   bootstrap=tables[0].bootstrap)
  return [{name.removeprefix(start): metric for name, metric in found.items()
           if name.startswith(start)} for start in map(_START.format, range(len(tables)))]


def _numbered(measured, number):
  """The same metrics, whose names begin with a number."""
  return measured._replace(statistics=lambda draws, columns: {
      _START.format(number) + name: values
      for name, values in measured.statistics(draws, columns).items()})
