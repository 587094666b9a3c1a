"""The catalogue of positions to cut, with all its columns."""

from __future__ import annotations

import dataclasses
from typing import Mapping

from absl import logging
import numpy as np

from data_tools.fits_headers import sky_columns
from data_tools.readers.parts import table_files
from pzbias_tf import table_columns, table_ids
from pzbias_tf.tables import TableColumns

_EXACT_INTEGERS = 2.0**53  # beyond, doubles do not hold all whole numbers
_PAIRS = (
    ("ra", "dec"), ("raj2000", "dej2000"), ("raj2000", "decj2000"), ("alpha_j2000", "delta_j2000"),
    ("_raj2000", "_dej2000"), ("ra_icrs", "de_icrs"), ("_ra_icrs", "_de_icrs"), ("radeg", "dedeg"),
    ("ra_deg", "dec_deg"), ("ra_j2000", "dec_j2000"), ("ramean", "decmean"),
    ("rastack", "decstack"), ("alphawin_j2000", "deltawin_j2000"), ("coord_ra", "coord_dec"),
    ("right_ascension", "declination"), ("target_ra", "target_dec"), ("plug_ra", "plug_dec"))
"""Usual names of right ascension and declination, which belong together."""
_NAMES = {"id": table_columns.USUAL_NAMES["id"],
          **{role: tuple(dict.fromkeys(pair[place] for pair in _PAIRS))
             for place, role in enumerate(("ra", "dec"))}}


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


def read_positions(path: str, names: Mapping[str, str] | None = None,
                   scratch: str = "") -> Positions:
  """Reads a table, as `table_files.columns_of` does.

  Args:
    path: the file.
    names: {"id", "ra" or "dec": column name}; usual names are tried for the others.
    scratch: folder for long columns; "" is the system's folder for temporary files.

  Raises:
    OSError: the file is missing, or the scratch folder is full.
    ValueError: a column is missing, does not hold numbers, or has a unit that is no angle.
  """
  columns = table_files.columns_of(path, scratch)
  num = table_files.num_rows(columns, path)
  given = {**(_pair(columns) if not {"ra", "dec"} & set(names or {}) else {}), **(names or {})}
  names_of = {role: _pick(columns, role, given.get(role, ""), path) for role in _NAMES}
  logging.info("%s: columns %s", path, ", ".join(
      f"{role} = {name or 'numbers of the rows'}" for role, name in names_of.items()))
  ids = (table_ids.ids_of(columns, names_of["id"], path) if names_of["id"]
         else np.arange(num).astype(str))
  if np.any(ids == ""):
    logging.warning("%s: %d of %d positions have no id", path, np.sum(ids == ""), num)
  sky = names_of["ra"], names_of["dec"]
  try:
    ra, dec = sky_columns.in_degrees(columns[sky[0]], columns[sky[1]], sky, path, columns.header)
  except ValueError as error:
    raise ValueError(f"{error}. Other columns: --ra_column, --dec_column") from error
  return Positions(ids, ra, dec, _with_degrees(_exact(columns), ra, dec))


def _exact(columns: TableColumns) -> dict[str, np.ndarray]:
  """The columns; large whole numbers with gaps, which doubles do not hold, as text."""
  return {name: columns.texts[name] if name in columns.texts and values.dtype.kind == "f"
          and np.any(np.abs(values) >= _EXACT_INTEGERS) else values
          for name, values in columns.items()}


def _with_degrees(columns, ra, dec) -> dict[str, np.ndarray]:
  """The columns with `ra` and `dec` of the cutouts, which replace those of other units."""
  columns = dict(columns)
  for name, values in (("ra", ra), ("dec", dec)):
    own = [column for column in columns if column.lower() == name]
    columns.update(dict.fromkeys(own or [name], values))
  return columns


def _pair(columns) -> dict[str, str]:
  """The columns of the first of _PAIRS of which both exist; {} if there is none."""
  found = ({role: table_columns.find(columns, (name,)) for role, name in zip(("ra", "dec"), pair)}
           for pair in _PAIRS)
  return next((pair for pair in found if all(pair.values())), {})


def _pick(columns, role, named, path) -> str:
  """Name of a role's column; "" for an id without a column."""
  flag = f"--{role}_column"
  if named:
    return table_columns.named(columns, named, flag, path)
  if role == "id":
    return table_columns.find_id(columns, _NAMES[role], path)
  name = table_columns.find(columns, _NAMES[role])
  if not name:
    raise ValueError(f"{path}: no column {role} (deg); the columns are "
                     f"{table_columns.listing(columns)}. Name it with {flag}")
  return table_columns.named(columns, name, flag, path)
