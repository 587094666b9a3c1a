"""A table of magnitudes: photometry in place of images.

`--magnitude_columns` names the magnitudes in the order of the survey's bands, `--error_columns`
their errors.  Those columns are never taken for anything else: a column `z` among them is a
magnitude, not the redshift.
"""

from __future__ import annotations

import dataclasses
import os

from astropy.table import Table
import numpy as np

from data_tools.readers.parts import columns as columns_lib
from data_tools.readers.parts import table_files
from data_tools.readers.parts.cutout_source import (
  Columns,
  CutoutSource,
  Reader,
  ReaderOptions,
  with_split,
)
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.data.magnitudes import FAINTEST, NO_MAGNITUDE, outside, with_nan
from pzbias_tf.survey import Survey

FILES = ("a table (.fits, .csv, .csv.gz, .parquet, .npy, .npz or text with a line of names) whose "
         "magnitudes are named by --magnitude_columns")
_NAMES = {**columns_lib.USUAL_NAMES, "id": ("id", "objid", "specobjid", "name"),
          "z": ("z", "z_spec", "zspec", "zs", "redshift"), "r": (), "i": (), "r_err": (),
          "i_err": ()}
_TOO_MANY = 0.1  # of the galaxies outside of what can be a magnitude: a column of something else


def read(path: str, survey: Survey, options: ReaderOptions) -> CutoutSource:
  """Reads the table.

  Raises:
    OSError: the file cannot be read.
    ValueError: a column is missing, ambiguous, or holds no magnitudes.
  """
  if not options.magnitude_columns:
    raise ValueError(f"{path}: name the magnitudes of the bands {', '.join(survey.bands)} with "
                     "--magnitude_columns=..., in this order")
  if not os.path.isfile(path):
    raise FileNotFoundError(f"{path}: not a file; --magnitude_columns is for {FILES}")
  photometry = manifest_lib.PhotometryColumns(
      magnitudes=options.magnitude_columns, errors=options.error_columns,
      missing=options.missing_magnitudes or manifest_lib.REJECT)
  _check_flags(photometry, survey)
  table = table_files.columns_of(path)
  num = table_files.num_rows(table, path)
  magnitudes, errors = _values(table, photometry, num, path)
  others = {name: values for name, values in table.items()
            if name not in (*photometry.magnitudes, *photometry.errors)}
  _check_redshift(others, photometry, options, path)
  catalog, chosen = columns_lib.build_catalog(
      {**others, **_labels(survey, magnitudes, errors)}, _NAMES, num,
      _with_labels(options, survey, others, errors), origin=path)
  return CutoutSource(
      catalog=_with_photometry(with_split(catalog), survey, magnitudes, errors),
      images=_no_image, image_shape=(), photometry=photometry,
      description={"path": path, "layout": "photometry",
                   "columns": _as_named(chosen, photometry, survey),
                   "photometry": dataclasses.asdict(photometry)})


def _check_flags(photometry, survey):
  """Refuses numbers of columns that do not fit the bands, and names that come twice."""
  for flag, names in (("magnitude", photometry.magnitudes), ("error", photometry.errors)):
    if names and len(names) != len(survey.bands):
      raise ValueError(f"--{flag}_columns={','.join(names)}: {len(names)} columns, but survey "
                       f"{survey.name} has the bands {', '.join(survey.bands)}; name one for each, "
                       "in this order, or give another --survey")
  names = (*photometry.magnitudes, *photometry.errors)
  twice = sorted({name for name in names if names.count(name) > 1})
  if twice:
    raise ValueError(f"--magnitude_columns and --error_columns name {', '.join(twice)} twice")


def _values(table: Columns, photometry: manifest_lib.PhotometryColumns, num: int,
            path: str) -> tuple[np.ndarray, np.ndarray | None]:
  """Magnitudes and errors [num, bands], NaN where missing; refuses columns of fluxes."""
  def stacked(flag, names):
    return np.stack([_column(table, name, flag, num, path) for name in names], 1)

  magnitudes, errors = with_nan(
      stacked("magnitude", photometry.magnitudes),
      stacked("error", photometry.errors) if photometry.errors else None)
  for name, values in zip(photometry.magnitudes, magnitudes.T):
    wrong = np.flatnonzero(outside(values))
    if wrong.size > _TOO_MANY * num:
      raise ValueError(
          f"{path}: {wrong.size} of {num} values of {name} are {NO_MAGNITUDE}, e.g. "
          f"{values[wrong[0]]:g} in row {wrong[0]}. If they are fluxes, turn them into magnitudes "
          "first, e.g. 22.5 - 2.5 log10(flux) from nanomaggies, and into a missing value, such as "
          "-99, where the flux is not positive")
  return magnitudes, errors


def _column(table, name, flag, num, path):
  if name not in table:
    raise ValueError(f"{path}: no column {name!r}, named by --{flag}_columns; the columns are "
                     f"{', '.join(table)}")
  values = np.asarray(table[name])
  if values.dtype.kind not in "iuf" or values.shape != (num,):
    raise ValueError(f"{path}: column {name!r}, named by --{flag}_columns, holds {values.dtype}, "
                     "not one number per galaxy; name another one, or convert it")
  return values.astype(np.float64)


def _check_redshift(others, photometry, options, path):
  """Refuses to guess the column of redshifts where the name `z` may mean a magnitude."""
  if options.columns.get("z"):
    return
  found = [name for name in others if name.lower() in _NAMES["z"]]
  may_be_a_band = found in (["z"], ["Z"]) and all(len(name) == 1 for name in photometry.magnitudes)
  if len(found) > 1 or may_be_a_band:
    what = (f"columns {', '.join(found)} may all hold the redshift" if len(found) > 1 else
            f"column {found[0]} may hold redshifts, or magnitudes as "
            f"{', '.join(photometry.magnitudes)} do")
    raise ValueError(f"{path}: {what}; name the redshift with --z_column, e.g. "
                     f"--z_column={found[-1]}, or --z_column={columns_lib.NONE} if none is known")


# Names that the magnitudes of a band have while the catalogue is built; no table has such.
_R, _I, _R_ERR, _I_ERR = ("(magnitude in r)", "(magnitude in i)", "(error in r)", "(error in i)")


def _labels(survey, magnitudes, errors) -> dict[str, np.ndarray]:
  """Magnitudes of r and i, with errors, for the catalogue's own columns of them."""
  labels = {}
  for band, own, own_error in (("r", _R, _R_ERR), ("i", _I, _I_ERR)):
    if band in survey.bands:
      place = survey.bands.index(band)
      labels[own] = np.where(outside(magnitudes[:, place]), np.nan, magnitudes[:, place])
      if errors is not None:
        labels[own_error] = errors[:, place]
  return labels


def _with_labels(options, survey, others, errors) -> ReaderOptions:
  """The options, with r and i taken from the magnitudes where the user names no column."""
  own: dict[str, str] = {}
  for band, role, name, name_of_error in (("r", "r", _R, _R_ERR), ("i", "i", _I, _I_ERR)):
    if band in survey.bands and not options.columns.get(role):
      own[role] = name
      if errors is not None:
        own[f"{role}_err"] = name_of_error
  given = {role: name for role, name in options.columns.items() if name}
  return dataclasses.replace(options, columns={**own, **given})


def _as_named(chosen, photometry, survey) -> dict[str, str]:
  """{role: column} with the table's own names of r and i."""
  names = {own: columns[survey.bands.index(band)] for band, own, columns in (
      ("r", _R, photometry.magnitudes), ("i", _I, photometry.magnitudes),
      ("r", _R_ERR, photometry.errors), ("i", _I_ERR, photometry.errors))
           if columns and band in survey.bands}
  return {role: names.get(name, name) for role, name in chosen.items()}


def _with_photometry(catalog: Table, survey, magnitudes, errors) -> Table:
  """The catalogue with a column per band for magnitudes and errors."""
  for place, band in enumerate(survey.bands):
    catalog[manifest_lib.magnitude_column(band)] = magnitudes[:, place]
    if errors is not None:
      catalog[manifest_lib.error_column(band)] = errors[:, place]
  return catalog


def _no_image(row: int) -> np.ndarray:
  raise TypeError(f"row {row} is photometry up to {FAINTEST:g} mag and has no image")


READER = Reader(files=FILES, matches=lambda path: False, read=read,
                uses=("magnitude_columns", "error_columns", "missing_magnitudes"))
