"""Which objects of a source are accepted by the catalogue alone, and their splits.

First the rules that need no image: each object gets a reason to be rejected, or none.  Then
the accepted ones get their splits; some published splits leave objects out.
"""

from __future__ import annotations

import dataclasses

from absl import logging
from astropy.table import Column, Table
import numpy as np

from data_tools.conversion import hashing
from data_tools.conversion import splits as splits_lib
from data_tools.readers.parts import compact_ids
from data_tools.readers.parts.cutout_source import EXCLUDED, CutoutSource
from pzbias_tf import missing_values
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import extra_columns
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.data.manifest import magnitude_column
from pzbias_tf.missing_values import NO_MAGNITUDE, outside
from pzbias_tf.survey import Survey
from pzbias_tf.tables import disk_columns
from pzbias_tf.tables.scratch_file import release_pages

NO_ID = "no id in the table"
DUPLICATE = "duplicate id"
BAD_EBV = "E(B-V) negative or not finite"
LARGE_EBV = f"E(B-V) above {missing_values.LARGEST_EBV:g} mag"
OUTSIDE_GRID = "z outside the redshift grid"
NO_BAND = "no magnitude in any band"
NO_R = f"r magnitude {NO_MAGNITUDE}"
TOO_FAINT = "r magnitude above --max_r_mag"
NO_SPLIT = "in none of the published splits"
OUTSIDE_SAMPLE = (TOO_FAINT, NO_SPLIT, EXCLUDED)
"""Reasons of objects outside of the sample: nothing is wrong with them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AcceptedFacts:
  """What the manifest tells of them.

  Attributes:
    rule: how the splits were made, in words.
    replaced: {column: [objects] bool, whether its value was replaced}.
  """

  rule: str
  replaced: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AcceptedGalaxies:
  """What is to be converted, before any image is read.

  Attributes:
    catalog: the objects as read, unusable r magnitudes and, where the source says how, missing
      values of extra columns replaced.
    rows: [galaxies] rows of the catalogue to write.
    splits: [galaxies] uint8, their splits as numbers of `manifest.SPLITS`.
    reasons: [objects] object, "" for an accepted object.
    facts: what the manifest tells of them.
  """

  catalog: Table
  rows: np.ndarray
  splits: np.ndarray
  reasons: np.ndarray
  facts: AcceptedFacts


def accept_galaxies(source: CutoutSource, survey: Survey, *, seed: int,
                    fractions: tuple[float, float, float] | None = None,
                    validation_share: float = 0.0,
                    max_r_mag: float | None = None) -> AcceptedGalaxies:
  """Applies the rules to the catalogue, and makes the splits.

  Args:
    source: the galaxies.
    survey: gives grid and data set.
    seed: salt of the splits.
    fractions: explicit split; see `splits.assign_splits`.
    validation_share: as there.
    max_r_mag: faintest r magnitude (AB) to convert.

  Raises:
    ValueError: no r magnitude is usable, or a published split has an unknown name.
  """
  catalog, bad_r = replace_bad_r(source.catalog, max_r_mag=max_r_mag, scratch=source.scratch)
  filled = fill_missing(catalog, source)
  reasons = rejection_reasons(catalog, source, survey, max_r_mag=max_r_mag)
  rows = np.flatnonzero(reasons == "")
  splits, rule = splits_lib.assign_splits(
      _columns_for_splits(catalog, rows, source.scratch), survey.dataset, seed=seed,
      fractions=fractions, validation_share=validation_share)
  left_out = splits == splits_lib.LEFT_OUT
  if left_out.any():
    reasons[rows[left_out]] = NO_SPLIT
    rows, splits = rows[~left_out], splits[~left_out]
  if bad_r.any():
    logging.warning("%d galaxies have no usable r magnitude and take the largest of the "
                    "sample, %.3f", bad_r.sum(), catalog["r_mag"][bad_r][0])
  return AcceptedGalaxies(catalog=catalog, rows=rows, splits=splits, reasons=reasons,
                          facts=AcceptedFacts(rule=rule, replaced={"r_mag": bad_r, **filled}))


def replace_bad_r(catalog: Table, *, max_r_mag: float | None = None,
                  scratch: str = "") -> tuple[Table, np.ndarray]:
  """Replaces r magnitudes that are missing or negative by the largest other one.

  With a limit it is the largest within the limit, as if the catalogue ended there.

  Source: Lin et al. 2022, Section 2; a galaxy without r is taken as faint.

  Returns:
    The new catalogue, and whether r was replaced, [objects] bool.

  Raises:
    ValueError: no magnitude is usable, or they are fluxes.
  """
  table = catalog.copy(copy_data=False)  # the other columns are shared
  r_mag = np.asarray(table["r_mag"])
  missing, reasons = missing_values.find_missing(r_mag, redshifts=False)
  bad = missing | (r_mag < 0)
  if bad.all():
    raise ValueError(f"none of the {len(bad)} r magnitudes is a finite, positive number; "
                     "name another column with --r_column")
  usable = r_mag[~bad & ~outside(r_mag)]
  missing_values.check_no_fluxes(r_mag[~bad], "r magnitudes")
  lone = missing_values.lone_largest(usable)
  if lone:
    logging.warning("r magnitudes: %s, make them empty or NaN first", lone)
  if bad.any():
    logging.warning("r stands for no measurement, or is negative, in %d galaxies%s", bad.sum(),
                    "".join(f"; {reason}: {number}" for reason, number in reasons.items()))
  within = usable if max_r_mag is None else usable[usable <= max_r_mag]
  if bad.any():
    largest = np.max(within if within.size else usable)
    catalog_lib.put_column(table, "r_mag", disk_columns.transformed(
        lambda bad, own: np.where(bad, largest, own), bad, r_mag, scratch=scratch))
  return table, bad


def fill_missing(catalog: Table, source: CutoutSource) -> dict[str, np.ndarray]:
  """Replaces missing values of extra columns in a catalogue, if the source says by which number.

  Returns:
    {column: whether its value was replaced, [objects] bool}.
  """
  if source.extra_fill is None:
    return {}
  fill = source.extra_fill
  filled = {name: _is_missing(catalog[name], source.scratch) for name in source.extra_columns}
  for name, missing in filled.items():
    catalog_lib.put_column(catalog, name, disk_columns.transformed(
        lambda missing, own: np.where(missing, fill, own), missing,
        np.asarray(catalog[name]), scratch=source.scratch))
    if missing.any():
      logging.warning("%d galaxies lack %s and take %g (--extra_fill)", missing.sum(), name,
                      source.extra_fill)
  return filled


def missing_extra(name: str) -> str:
  """The reason for rejecting a galaxy without a value of an extra column."""
  return f"no value in extra column {name}"


def rejection_reasons(catalog: Table, source: CutoutSource, survey: Survey, *,
                      max_r_mag: float | None = None) -> np.ndarray:
  """Applies the rules that need no image.

  Args:
    catalog: the galaxies, unusable values replaced.
    source: the galaxies as read; the reader may have rejected some.
    survey: gives the redshift grid.
    max_r_mag: faintest r magnitude (AB) to convert.

  Returns:
    Reasons [objects] object, "" for an accepted object.
  """
  z, ebv = catalog["z_spec"], catalog["ebv"]
  reasons = np.full(len(catalog), "", object)
  for row, reason in source.rejected.items():
    reasons[row] = reason
  if max_r_mag is not None:  # what is outside of the sample may have any fault
    _reject(reasons, catalog["r_mag"] > max_r_mag, TOO_FAINT)
  _reject(reasons, np.asarray(catalog["id"]) == np.asarray(catalog["id"]).dtype.type(), NO_ID)
  _reject(reasons, hashing.repeated(catalog["id"]), DUPLICATE)
  _reject(reasons, _is_missing(ebv, source.scratch) | ~(np.asarray(ebv) >= 0), BAD_EBV)
  missing_values.check_reddening(
      np.asarray(ebv), lambda row: str(compact_ids.texts(catalog["id"], [row])[0]),
      origin=source.origin)
  _reject(reasons, np.asarray(ebv) > missing_values.LARGEST_EBV, LARGE_EBV)
  _reject(reasons, outside(catalog["r_mag"]), NO_R)
  for name in source.extra_columns:
    _reject(reasons, _is_missing(catalog[name], source.scratch), missing_extra(name))
  if source.photometry:
    _reject_photometry(reasons, catalog, source.photometry.missing, survey)
  # A galaxy without z is not rejected: it goes to the target set.
  _reject(reasons, ~np.isnan(z) & ~on_grid(z, survey), OUTSIDE_GRID)
  _list_sentinels(np.asarray(z, np.float64))
  return reasons


def missing_magnitude(band: str) -> str:
  """The reason for rejecting a galaxy without a measurement in a band."""
  return f"no measurement in {band}"


def wrong_magnitude(band: str) -> str:
  """The reason for rejecting a galaxy whose magnitude in a band is none."""
  return f"value in {band} {NO_MAGNITUDE}"


def _reject_photometry(reasons, catalog, missing, survey):
  """Rejects galaxies whose magnitudes cannot be used."""
  none = np.ones(len(catalog), bool)
  for band in survey.bands:
    column = np.asarray(catalog[magnitude_column(band)])
    _reject(reasons, outside(column), wrong_magnitude(band))
    if missing == manifest_lib.REJECT:
      _reject(reasons, np.isnan(column), missing_magnitude(band))
    none &= np.isnan(column)
  _reject(reasons, none, NO_BAND)


def _list_sentinels(z) -> None:
  """Says how many redshifts are numbers that stand for none."""
  zeros = missing_values.many_zeros(z)
  if zeros:
    logging.warning("%s, make these values empty or NaN first", zeros)
  _, found = missing_values.find_missing(z, redshifts=True)
  listed = [f"{reason} ({number})" for reason, number in found.items() if reason != "NaN"]
  if listed:
    logging.warning("z_spec has numbers that stand for none, and those galaxies are rejected: %s. "
                    "Galaxies to predict have an empty or NaN z_spec", ", ".join(listed))


def on_grid(z: np.ndarray, survey: Survey) -> np.ndarray:
  """z_min <= z <= z_max, in the single precision that catalogues store z in."""
  z = np.asarray(z, np.float32)  # z_max itself, stored as float32, may exceed the double
  return (z >= np.float32(survey.z_min)) & (z <= np.float32(survey.z_max))


def _reject(reasons, condition, reason):
  """Gives a reason to the objects that have none yet."""
  reasons[np.asarray(condition) & (reasons == "")] = reason
  release_pages()


def _is_missing(column, scratch) -> np.ndarray:
  """`extra_columns.is_missing` of a column."""
  return disk_columns.transformed(extra_columns.is_missing, np.asarray(column), scratch=scratch)


def _columns_for_splits(catalog, rows, scratch) -> Table:
  """The columns of some rows that the splits need; only copied if rows are left out."""
  if len(rows) == len(catalog):
    return catalog
  return Table({name: _of_rows(catalog[name], rows, scratch) for name in splits_lib.COLUMNS
                if name in catalog.colnames}, copy=False)


def _of_rows(column, rows, scratch) -> Column:
  values = np.asarray(column)
  if values.strides == (0,):
    return Column(np.broadcast_to(values[0], len(rows)), copy=False)
  return Column(disk_columns.transformed(lambda block: values[block], rows, scratch=scratch),
                copy=False, meta=column.meta)
