"""A table of magnitudes: photometry in place of images.

`--magnitude_columns` names the magnitudes in the order of the survey's bands, `--error_columns`
their errors.  Those columns are never taken for anything else: a column `z` among them is a
magnitude, not the redshift.
"""

from __future__ import annotations

import dataclasses
import os
import re
from typing import Sequence

from absl import logging
from astropy.table import Table
import numpy as np

from data_tools.fits_headers import sky_columns
from data_tools.readers.parts import columns as columns_lib
from data_tools.readers.parts import table_files
from data_tools.readers.parts.cutout_source import (
  Columns,
  CutoutSource,
  Reader,
  ReaderOptions,
  with_split,
)
from pzbias_tf import missing_values, table_columns, tables
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.data.extra_columns import with_nan
from pzbias_tf.missing_values import NO_MAGNITUDE, TOO_MANY, outside
from pzbias_tf.survey import Survey
from pzbias_tf.tables import disk_columns
from pzbias_tf.tables.scratch_file import release_pages

FILES = ("a table (.fits, .csv, .csv.gz, .parquet or a folder of its parts, .npy, .npz or text "
         "with a line of names) whose magnitudes are named by --magnitude_columns")
_NAMES = {**columns_lib.USUAL_NAMES,
          "id": ("id", "objid", "specobjid", *columns_lib.USUAL_NAMES["id"][2:]),
          "z": ("z", "z_spec", "zspec", "zs", "redshift"), "r": (), "i": (), "r_err": (),
          "i_err": ()}
_SMALLEST_MEDIAN = 1.0  # mag: errors are smaller, magnitudes larger
_MOST_BY_CHANCE = 3  # galaxies
_LARGEST_MEDIAN_ERROR = 2.0  # mag
_MARK = " (checked)"  # of columns whose missing values have become NaN

Bands = Sequence[np.ndarray]
"""[galaxies] of each band; () for none."""


def read(path: str, survey: Survey, options: ReaderOptions) -> CutoutSource:
  """Reads the table.

  Raises:
    OSError: the file cannot be read.
    ValueError: a column is missing, ambiguous, or holds no magnitudes.
  """
  photometry = _named_columns(path, survey, options)
  table = table_files.columns_of(path, options.scratch)
  num = table_files.num_rows(table, path)
  _refuse_twice(table, photometry, path)
  magnitudes, errors = _values(table, photometry, num, path, options.scratch)
  options = _check_redshift(table, photometry, options, path)
  own = _own_labels(survey, photometry, magnitudes, errors, options.scratch)
  roles = {role: name for role, (name, _) in own.items()
           if role.removesuffix("_err") not in options.columns}
  catalog, chosen = columns_lib.build_catalog(
      table.joined(dict(own.values())), _names(photometry), num,
      dataclasses.replace(options, columns={**roles, **options.columns}), origin=path)
  sky_columns.correct(catalog, chosen, table, path, options.scratch)
  photometry = dataclasses.replace(photometry, r=_named_r(survey, photometry, options),
                                   ebv=catalog.meta.pop(columns_lib.NAMED).get("ebv", ""))
  return CutoutSource(
      catalog=_with_photometry(with_split(catalog), survey, magnitudes, errors),
      images=_no_image, image_shape=(), photometry=photometry,
      description={"path": path, "layout": "photometry",
                   "columns": {role: name.removesuffix(_MARK) for role, name in chosen.items()},
                   "photometry": {name: value for name, value in photometry.to_json().items()
                                  if name not in ("r", "ebv")}})


def _named_columns(path, survey, options) -> manifest_lib.PhotometryColumns:
  """The columns that the flags name, where they fit the survey."""
  if not options.magnitude_columns:
    raise ValueError(f"{path}: name the magnitudes of the bands {', '.join(survey.bands)} with "
                     "--magnitude_columns=..., in this order")
  if not (os.path.isfile(path) or tables.parquet_parts(path)):
    raise FileNotFoundError(f"{path}: not a file; --magnitude_columns is for {FILES}")
  photometry = manifest_lib.PhotometryColumns(
      magnitudes=options.magnitude_columns, errors=options.error_columns,
      missing=options.missing_magnitudes or manifest_lib.REJECT)
  _check_flags(photometry, survey)
  return photometry


def _named_r(survey, photometry, options) -> str:
  """The column of r magnitudes that the user named; "" for that of the band r."""
  name = options.columns.get("r", "")
  own = photometry.magnitudes[survey.bands.index("r")] if "r" in survey.bands else ""
  return "" if name in (own, columns_lib.NONE) else name


def _check_flags(photometry, survey):
  """Refuses numbers of columns that do not fit the bands, and names that come twice."""
  for flag, names in (("magnitude", photometry.magnitudes), ("error", photometry.errors)):
    if names and len(names) != len(survey.bands):
      raise ValueError(f"--{flag}_columns={','.join(names)}: {len(names)} columns, but survey "
                       f"{survey.name} has the bands {', '.join(survey.bands)}; name one for each, "
                       "in this order, or give another --survey")
  for flag, names in (("magnitude", photometry.magnitudes), ("error", photometry.errors)):
    _refuse_other_order(flag, names, survey)
  names = (*photometry.magnitudes, *photometry.errors)
  twice = sorted({name for name in names if names.count(name) > 1})
  if twice:
    raise ValueError(f"--magnitude_columns and --error_columns name {', '.join(twice)} twice")


def _refuse_other_order(flag, names, survey) -> None:
  """Raises ValueError if the names are those of the bands, in another order."""
  found = [{band for band in survey.bands if band in re.split(r"[^A-Za-z0-9]+", name)}
           for name in names]
  bands = [next(iter(own)) for own in found if len(own) == 1]
  if len(bands) == len(names) and sorted(bands) == sorted(survey.bands) and (
      tuple(bands) != tuple(survey.bands)):
    right = [names[bands.index(band)] for band in survey.bands]
    raise ValueError(f"--{flag}_columns={','.join(names)}: the bands of survey {survey.name} are "
                     f"{', '.join(survey.bands)}, in this order; give "
                     f"--{flag}_columns={','.join(right)}")


def _refuse_twice(table, photometry, path) -> None:
  """Raises ValueError if two names mean one column, such as two spellings of a path of HDF5."""
  means: dict[str, str] = {}
  for flag, names in (("magnitude", photometry.magnitudes), ("error", photometry.errors)):
    for name in names:
      own = table_columns.named(table, name, f"--{flag}_columns", path)
      if own in means:
        raise ValueError(f"{path}: {means[own]} and {name} are one column, {own}, and each is "
                         "named as another band; name the columns of different bands")
      means[own] = name


def _values(table: Columns, photometry: manifest_lib.PhotometryColumns, num: int, path: str,
            scratch: str) -> tuple[Bands, Bands]:
  """Magnitudes and errors by band, NaN where missing; refuses columns of fluxes."""
  given, given_errors = ([_column(table, name, flag, num, path, scratch) for name in names]
                         for flag, names in (("magnitude", photometry.magnitudes),
                                             ("error", photometry.errors)))
  if given_errors:
    magnitudes, errors = zip(*(disk_columns.all_transformed(_with_nan, *columns, scratch=scratch)
                               for columns in zip(given, given_errors)))
  else:
    magnitudes, errors = [disk_columns.transformed(
        lambda block: with_nan(block, None)[0], own, scratch=scratch) for own in given], ()
  _refuse_exchanged(photometry, magnitudes, errors, path)
  _refuse_other_errors(photometry, errors, path)
  for name, values in zip(photometry.magnitudes, magnitudes):
    if missing_values.are_too_bright(values):
      raise ValueError(f"{path}: the values of {name} have the median {np.nanmedian(values):.3g}, "
                       "and no sample of galaxies is as bright. If they are fluxes, turn them into "
                       "magnitudes first")
    lone = missing_values.lone_largest(values)
    if lone:
      logging.warning("%s: column %s: %s, make them empty or NaN first", path, name, lone)
    release_pages()
    wrong = np.flatnonzero(outside(values))
    if wrong.size > TOO_MANY * num:
      raise ValueError(
          f"{path}: {wrong.size} of {num} values of {name} are {NO_MAGNITUDE}, e.g. "
          f"{values[wrong[0]]:g} in row {wrong[0]}. If they are fluxes, turn them into magnitudes "
          "first, e.g. 22.5 - 2.5 log10(flux) from nanomaggies, and into a missing value, such as "
          "-99, where the flux is not positive")
    release_pages()
  return magnitudes, errors


def _with_nan(magnitudes: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  return with_nan(magnitudes, errors)  # type: ignore[return-value]


def _refuse_exchanged(photometry, magnitudes, errors, path) -> None:
  """Raises ValueError if columns hold errors in place of magnitudes, or one of them twice."""
  for name, values in zip(photometry.magnitudes, magnitudes):
    if np.isfinite(values).any() and np.nanmedian(values) < _SMALLEST_MEDIAN:
      beside = (f", and --error_columns={','.join(photometry.errors)}: are the two exchanged?"
                if photometry.errors else "")
      raise ValueError(f"{path}: the values of {name} have the median {np.nanmedian(values):.3g}, "
                       "as errors of magnitudes have, and no magnitudes. It is named by "
                       f"--magnitude_columns={','.join(photometry.magnitudes)}{beside}")
  for names, table in ((photometry.magnitudes, magnitudes), (photometry.errors, errors)):
    for place, name in enumerate(names):
      for other, earlier in enumerate(names[:place]):
        if _are_copies(table[place], table[other]):
          raise ValueError(f"{path}: columns {earlier} and {name} hold the same numbers, so one "
                           "band is named twice; name the columns of different bands")


def _are_copies(values, others) -> bool:
  """Whether two columns have the same numbers, enough of them and no constant."""
  known = np.isfinite(values) & np.isfinite(others)
  return bool(np.sum(known) >= _MOST_BY_CHANCE and np.ptp(values[known]) > 0
              and np.array_equal(values, others, equal_nan=True))


def _refuse_other_errors(photometry, errors, path) -> None:
  """Raises ValueError if what is named as errors is larger than errors of magnitudes are."""
  for name, values in zip(photometry.errors, errors):
    known = values[np.isfinite(values)]
    if known.size and np.median(known) > _LARGEST_MEDIAN_ERROR:
      raise ValueError(f"{path}: the values of {name} have the median {np.median(known):.3g}, too "
                       f"much for errors of magnitudes. If they are magnitudes, exchange {name} "
                       f"with one of --magnitude_columns={','.join(photometry.magnitudes)}. If "
                       "they are errors of fluxes, or signal to noise, turn them into magnitudes "
                       "first, 1.0857 flux_error / flux")


def _column(table, name, flag, num, path, scratch):
  own = table_columns.named(table, name, f"--{flag}_columns", path)
  table_columns.check_unit(table, own, "magnitudes", path)
  values = np.asarray(table[own])
  try:
    if values.dtype.kind in "iufSU" and values.shape == (num,):
      return disk_columns.transformed(
          lambda block: table_columns.numbers(block, name, path), values, scratch=scratch)
    problem = ""
  except ValueError as error:
    problem = f" ({error.__cause__})"
  raise ValueError(f"{path}: column {name!r}, named by --{flag}_columns, holds {values.dtype}, "
                   f"not one number per galaxy{problem}; name another one, or convert it")


def _check_redshift(table, photometry, options, path) -> ReaderOptions:
  """Refuses magnitudes as redshifts, and to guess where the name `z` may mean a magnitude.

  Returns:
    The options, without a column of redshifts where it is optional and not certain.
  """
  used, given = (*photometry.magnitudes, *photometry.errors), options.columns.get("z")
  if given in used:
    raise ValueError(f"--z_column={given} is named as photometry, too; name the column of the "
                     f"redshifts, or --z_column={columns_lib.NONE} if none is known")
  found = [name for name in table if name.lower() in _NAMES["z"] and name not in used]
  may_be_a_band = found in (["z"], ["Z"]) and all(len(name) == 1 for name in photometry.magnitudes)
  if given or not (len(found) > 1 or may_be_a_band):
    return options
  if "z" in options.optional:
    return dataclasses.replace(options, columns={**options.columns, "z": columns_lib.NONE})
  what = (f"columns {', '.join(found)} may all hold the redshift" if len(found) > 1 else
          f"column {found[0]} may hold redshifts, or magnitudes as "
          f"{', '.join(photometry.magnitudes)} do")
  raise ValueError(f"{path}: {what}; name the redshift with --z_column, e.g. --z_column={found[-1]}"
                   f", or --z_column={columns_lib.NONE} if none is known")


def _names(photometry) -> dict[str, tuple[str, ...]]:
  """Usual names of the other columns, without those that hold photometry."""
  used = {name.lower() for name in (*photometry.magnitudes, *photometry.errors)}
  return {role: tuple(name for name in names if name not in used)
          for role, names in _NAMES.items()}


def _own_labels(survey, photometry, magnitudes, errors, scratch
                ) -> dict[str, tuple[str, np.ndarray]]:
  """{role: (column, values)} of magnitudes and errors in r and i.

  A magnitude that is none counts as missing.  The columns have their names in the table, marked.
  """
  labels = {}
  for role in ("r", "i"):
    if role in survey.bands:
      band = survey.bands.index(role)
      labels[role] = (f"{photometry.magnitudes[band]}{_MARK}",
                      disk_columns.transformed(
                          lambda values: np.where(outside(values), np.nan, values),
                          magnitudes[band], scratch=scratch))
      if errors:
        labels[f"{role}_err"] = f"{photometry.errors[band]}{_MARK}", errors[band]
  return labels


def _with_photometry(catalog: Table, survey, magnitudes, errors) -> Table:
  """The catalogue with a column per band for magnitudes and errors."""
  for place, band in enumerate(survey.bands):
    catalog_lib.put_column(catalog, manifest_lib.magnitude_column(band), magnitudes[place])
    if errors:
      catalog_lib.put_column(catalog, manifest_lib.error_column(band), errors[place])
  return catalog


def _no_image(row: int) -> np.ndarray:
  raise TypeError(f"row {row} has no image, since this is photometry")


READER = Reader(files=FILES, matches=lambda path: False, read=read,
                uses=("magnitude_columns", "error_columns", "missing_magnitudes"))
