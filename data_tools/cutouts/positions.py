"""The catalogue of positions to cut, with all its columns."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping

import numpy as np

from data_tools.fits_headers import sky_columns
from data_tools.readers.parts import table_files

_NAMES = {"id": ("id", "objid", "name"), "ra": ("ra", "raj2000", "alpha_j2000"),
          "dec": ("dec", "dej2000", "decj2000", "delta_j2000")}


@dataclasses.dataclass(frozen=True)
class Positions:
  """Places on the sky.

  Attributes:
    ids: [n] str.
    ra: [n] float64, deg (ICRS).
    dec: [n] float64, deg (ICRS).
    columns: all columns of the catalogue, each [n]; with `ra` and `dec` in deg (ICRS).
  """

  ids: np.ndarray
  ra: np.ndarray
  dec: np.ndarray
  columns: Mapping[str, np.ndarray]

  def __len__(self):
    return len(self.ids)

  def on_the_sky(self) -> np.ndarray:
    """Whether each position is a valid one, [n] bool."""
    with np.errstate(invalid="ignore"):
      return (np.abs(self.dec) <= 90) & (self.ra >= -180) & (self.ra <= 360)


def read_positions(path: str, names: Mapping[str, str] | None = None) -> Positions:
  """Reads a FITS, CSV, Parquet, .npy or .npz table.

  Args:
    path: the file.
    names: {"id", "ra" or "dec": column name}; usual names are tried for the others.

  Raises:
    OSError: the file is missing.
    ValueError: a column is missing, does not hold numbers, or has a unit that is no angle.
  """
  columns = table_files.columns_of(path)
  num = table_files.num_rows(columns, path)
  names_of = {role: _pick(columns, role, (names or {}).get(role, ""), path) for role in _NAMES}
  ids: Any = columns[names_of["id"]] if names_of["id"] else np.arange(num)
  if ids.dtype.kind == "S":
    ids = np.char.decode(ids, "utf-8")
  sky = names_of["ra"], names_of["dec"]
  try:
    ra, dec = sky_columns.in_degrees(columns[sky[0]], columns[sky[1]], sky, path)
  except ValueError as error:
    raise ValueError(f"{error}. Other columns: --ra_column, --dec_column") from error
  return Positions(np.char.strip(ids.astype(str)), ra, dec, _with_degrees(columns, ra, dec))


def _with_degrees(columns, ra, dec) -> dict[str, np.ndarray]:
  """The columns with `ra` and `dec` of the cutouts, which replace those of other units."""
  columns = dict(columns)
  for name, values in (("ra", ra), ("dec", dec)):
    own = [column for column in columns if column.lower() == name]
    columns.update(dict.fromkeys(own or [name], values))
  return columns


def _pick(columns, role, named, path) -> str:
  """Name of a role's column; "" for an id without a column."""
  if named and named not in columns:
    raise ValueError(f"{path}: no column {named}, named by --{role}_column; the columns are "
                     f"{', '.join(columns)}")
  lowered = {name.lower(): name for name in reversed(list(columns))}
  name = named or next((lowered[name] for name in _NAMES[role] if name in lowered), "")
  if not name and role != "id":
    raise ValueError(f"{path}: no column {role} (deg); the columns are {', '.join(columns)}. "
                     f"Name it with --{role}_column")
  return name
