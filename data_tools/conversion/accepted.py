"""Which objects of a source are accepted by the catalogue alone, and their splits.

First the rules that need no image: each object gets a reason to be rejected, or none.  Then
the accepted ones get their splits; some published splits leave objects out.
"""

from __future__ import annotations

import dataclasses

from absl import logging
from astropy.table import Table
import numpy as np

from data_tools.conversion import hashing
from data_tools.conversion import splits as splits_lib
from data_tools.readers.parts.cutout_source import EXCLUDED, CutoutSource
from pzbias_tf import missing_values
from pzbias_tf.data import extra_columns
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.data.manifest import magnitude_column
from pzbias_tf.missing_values import NO_MAGNITUDE, outside
from pzbias_tf.survey import Survey

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
class AcceptedGalaxies:
  """What is to be converted, before any image is read.

  Attributes:
    catalog: the objects as read, unusable r magnitudes and, where the source says how, missing
      values of extra columns replaced.
    rows: [galaxies] rows of the catalogue to write.
    splits: [galaxies] uint8, their splits as numbers of `manifest.SPLITS`.
    rule: how the splits were made, in words.
    reasons: [objects] object, "" for an accepted object.
    replaced: {column: [objects] bool, whether its value was replaced}.
  """

  catalog: Table
  rows: np.ndarray
  splits: np.ndarray
  rule: str
  reasons: np.ndarray
  replaced: dict[str, np.ndarray]


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
  catalog, bad_r = replace_bad_r(source.catalog, max_r_mag=max_r_mag)
  filled = fill_missing(catalog, source)
  reasons = rejection_reasons(catalog, source, survey, max_r_mag=max_r_mag)
  rows = np.flatnonzero(reasons == "")
  splits, rule = splits_lib.assign_splits(
      _columns_for_splits(catalog, rows), survey.dataset, seed=seed, fractions=fractions,
      validation_share=validation_share)
  reasons[rows[splits == ""]] = NO_SPLIT
  rows, splits = rows[splits != ""], _split_numbers(splits[splits != ""])
  if bad_r.any():
    logging.warning("%d galaxies have no usable r magnitude and take the largest of the "
                    "sample, %.3f", bad_r.sum(), catalog["r_mag"][bad_r][0])
  return AcceptedGalaxies(catalog=catalog, rows=rows, splits=splits, rule=rule, reasons=reasons,
                          replaced={"r_mag": bad_r, **filled})


def replace_bad_r(catalog: Table, *,
                  max_r_mag: float | None = None) -> tuple[Table, np.ndarray]:
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
  if bad.any():
    logging.warning("r stands for no measurement, or is negative, in %d galaxies%s", bad.sum(),
                    "".join(f"; {reason}: {number}" for reason, number in reasons.items()))
  within = usable if max_r_mag is None else usable[usable <= max_r_mag]
  table["r_mag"] = np.where(bad, np.max(within if within.size else usable), r_mag)
  return table, bad


def fill_missing(catalog: Table, source: CutoutSource) -> dict[str, np.ndarray]:
  """Replaces missing values of extra columns in a catalogue, if the source says by which number.

  Returns:
    {column: whether its value was replaced, [objects] bool}.
  """
  if source.extra_fill is None:
    return {}
  filled = {name: extra_columns.is_missing(catalog[name]) for name in source.extra_columns}
  for name, missing in filled.items():
    catalog[name] = np.where(missing, source.extra_fill, catalog[name])
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
  _reject(reasons, np.char.str_len(catalog["id"]) == 0, NO_ID)
  _reject(reasons, hashing.repeated(catalog["id"]), DUPLICATE)
  _reject(reasons, extra_columns.is_missing(ebv) | ~(np.asarray(ebv) >= 0), BAD_EBV)
  missing_values.check_reddening(np.asarray(ebv), np.asarray(catalog["id"]))
  _reject(reasons, np.asarray(ebv) > missing_values.LARGEST_EBV, LARGE_EBV)
  _reject(reasons, outside(catalog["r_mag"]), NO_R)
  for name in source.extra_columns:
    _reject(reasons, extra_columns.is_missing(catalog[name]), missing_extra(name))
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
  values = np.stack([catalog[magnitude_column(band)] for band in survey.bands], 1)
  for band, column in zip(survey.bands, values.T):
    _reject(reasons, outside(column), wrong_magnitude(band))
    if missing == manifest_lib.REJECT:
      _reject(reasons, np.isnan(column), missing_magnitude(band))
  _reject(reasons, np.isnan(values).all(1), NO_BAND)


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


def _columns_for_splits(catalog, rows) -> Table:
  """The columns of some rows that the splits need; only copied if rows are left out."""
  if len(rows) == len(catalog):
    return catalog
  return Table({name: catalog[name][rows] for name in splits_lib.COLUMNS
                if name in catalog.colnames}, copy=False)


def _split_numbers(splits) -> np.ndarray:
  """Splits as numbers, which take a fortieth of the memory.

  Raises:
    ValueError: a published split has an unknown name.
  """
  unknown = len(manifest_lib.SPLITS)
  numbers = np.full(len(splits), unknown, np.uint8)
  for number, name in enumerate(manifest_lib.SPLITS):
    numbers[splits == name] = number
  if np.any(numbers == unknown):
    name = str(splits[numbers == unknown][0])
    raise ValueError(f"the reader returns a split {name!r}; it must be one of "
                     f"{', '.join(manifest_lib.SPLITS)}, or empty for none")
  return numbers
