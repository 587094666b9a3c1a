"""Tables of a report: the metrics by magnitude and by redshift, as in metrics.json."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from pzbias_tf.metrics.stage_result import StageResult
from pzbias_tf.report.page import Breakdown, Table
from pzbias_tf.report.stage_table import COLUMNS, cell
from pzbias_tf.survey import Survey

_ABOUT = ("Metrics of the galaxies in each {part}, for one {what} after the other; those without "
          "galaxies are left out. The symbols are those of the table above. Where there are fewer "
          "than about ten galaxies, their errors are not known well.{remark}")


def breakdowns(results: Sequence[StageResult], survey: Survey, shown: str, *,
               what: str = "stage") -> list[Breakdown]:
  """The tables by magnitude, where magnitudes are known, and by z_photo.

  Args:
    results: the stages, in the order of the page.
    survey: the survey.
    shown: title of the stage whose tables are open.
    what: what a result is.
  """
  edges = survey.r_min + survey.r_step * np.arange(survey.rows + 1)
  parts = [
      ("by_magnitude", "Metrics by magnitude", "magnitude row", "r [mag]", edges, 1,
       " The first and the last row hold all brighter and fainter galaxies as well."),
      ("by_z_photo", "Metrics by photometric redshift", "bin of z_photo", "z_photo",
       survey.wide_edges(), 3, "")]
  found = []
  for key, heading, part, label, bins, digits, remark in parts:
    tables = {result.title: _table(result.summary[key], label, bins, digits)
              for result in results if key in result.summary}
    if tables:
      found.append(Breakdown(heading, _ABOUT.format(part=part, what=what, remark=remark), tables,
                             shown if shown in tables else next(iter(tables))))
  return found


def _table(own, label, edges, digits) -> Table:
  """One row per part that has galaxies."""
  columns = [(heading, key, places) for heading, key, places in COLUMNS
             if key in own and key != "galaxies"]
  rows = []
  for index in np.flatnonzero(own["galaxies"]):
    ends = [f"{edge:.{digits}f}" for edge in edges[index:index + 2]]
    numbers = [cell(_number(own[key], index), places) for _, key, places in columns]
    rows.append([" to ".join(ends), f"{own['galaxies'][index]}", *numbers])
  return Table([label, "galaxies", *(heading for heading, _, _ in columns)], rows)


def _number(metric, index):
  """A number with its error; without, where all bootstraps are alike: nobody knows it then."""
  value, error = metric.value[index], metric.error[index]
  return {"mean": value, "error": error} if error > 0.0 else float(value)
