"""Which objects are converted: rules on the catalogue, before any image is read.

A rule never drops an object in silence: it gives a reason, and the converter
lists it in rejected.csv.  The first reason that applies counts.
"""

from __future__ import annotations

from astropy.table import Table
import numpy as np

from data_tools.conversion import hashing
from data_tools.readers.parts.cutout_source import CutoutSource
from pzbias_tf.survey import Survey

DUPLICATE = "duplicate id"
BAD_EBV = "E(B-V) negative or not finite"
OUTSIDE_GRID = "z outside the redshift grid"
TOO_FAINT = "r magnitude above --max_r_mag"
NO_SPLIT = "in none of the published splits"
CHOSEN = (TOO_FAINT, NO_SPLIT)
"""Objects that are left out on purpose: nothing is wrong with them."""


def check_catalog(source: CutoutSource, survey: Survey, *,
                  max_r_mag: float | None = None) -> tuple[Table, np.ndarray, np.ndarray]:
  """Applies the rules that need no image.

  Args:
    source: the galaxies as read.
    survey: gives the redshift grid.
    max_r_mag: faintest r magnitude (AB) to convert.

  Returns:
    The catalogue with unusable r magnitudes replaced; reasons [objects] object,
    "" where an object is accepted; and where r was replaced, [objects] bool.

  Raises:
    ValueError: no r magnitude is usable.
  """
  table, replaced = replace_bad_r(source.catalog)
  z, ebv = table["z_spec"], table["ebv"]
  reasons = np.full(len(table), "", object)
  for row, reason in source.rejected.items():
    reasons[row] = reason
  _add(reasons, hashing.repeated(table["id"]), DUPLICATE)
  _add(reasons, ~(np.isfinite(ebv) & (ebv >= 0)), BAD_EBV)
  # A galaxy without z is no reject: it goes to the target set.
  _add(reasons, ~np.isnan(z) & ~_on_grid(z, survey), OUTSIDE_GRID)
  if max_r_mag is not None:
    _add(reasons, table["r_mag"] > max_r_mag, TOO_FAINT)
  return table, reasons, replaced


def replace_bad_r(catalog: Table) -> tuple[Table, np.ndarray]:
  """Gives r magnitudes that are negative or not finite the largest finite one.

  Source: Lin et al. 2022, Section 2; a galaxy without r is taken as faint.

  Raises:
    ValueError: there is no usable magnitude to take.
  """
  table = catalog.copy(copy_data=False)  # the other columns are shared
  r_mag = np.asarray(table["r_mag"])
  bad = ~(np.isfinite(r_mag) & (r_mag >= 0))
  if bad.all():
    raise ValueError(f"none of the {len(bad)} r magnitudes is a finite, positive number; "
                     "name another column with --r_column")
  table["r_mag"] = np.where(bad, np.max(r_mag[~bad]), r_mag)
  return table, bad


def _on_grid(z, survey) -> np.ndarray:
  """z_min <= z <= z_max, in the single precision that catalogues store z in."""
  z = np.asarray(z, np.float32)  # z_max itself, stored as float32, may exceed the double
  return (z >= np.float32(survey.z_min)) & (z <= np.float32(survey.z_max))


def _add(reasons, condition, reason):
  reasons[np.asarray(condition) & (reasons == "")] = reason
