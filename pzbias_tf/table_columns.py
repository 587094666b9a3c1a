"""Finds columns of tables by their usual names; reads numbers, missing ones among them, and ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence

import numpy as np

if TYPE_CHECKING:  # it imports astropy, which takes a third of a second
  from pzbias_tf.tables import Columns

USUAL_NAMES = {
    "id": ("id", "objid", "name"), "z": ("z", "z_spec", "zspec", "redshift"),
    "ebv": ("ebv", "E(B-V)"), "r": ("r", "r_mag", "mag_r"),
    "r_err": ("r_err", "mag_err_r"), "i": ("i", "i_mag", "mag_i"),
    "i_err": ("i_err", "mag_err_i"), "z_photo": ("z_photo", "zphot"),
    "ra": ("ra",), "dec": ("dec",),
}
"""{role: usual names of its column}, for surveys without a layout of their own."""

NONE = "none"
"""This column name says that a role has no column."""

LOWEST = -90.0
"""Missing are -99, -999, -9999 and the like; no magnitude and no colour is as low."""
NINES = (99.0, 99.9, 99.99, 999.0, 999.9, 9999.0)
"""Other numbers that stand for no measurement."""
SENTINELS = (-9999.0, -999.0, -99.0, *NINES)
"""Numbers that stand for a missing redshift or magnitude, besides all from LOWEST down."""

_LOWEST_REDSHIFT = -1.0  # at which 1 + z is 0
_EXACT_INTEGERS = 2.0**53  # above this, ids stored as doubles have lost digits


def find(columns: Columns, candidates: Sequence[str]) -> str:
  """The first of some names that is a column, in any case of its letters; "" if none is."""
  lowered = {name.lower(): name for name in reversed(list(columns))}
  for name in candidates:
    if name in columns or name.lower() in lowered:
      return name if name in columns else lowered[name.lower()]
  return ""


def named(columns: Columns, name: str, flag: str, origin: str) -> str:
  """The name of a column that the user gave by a flag; "" for NONE.

  Args:
    columns: the table.
    name: what was given.
    flag: the flag, such as "--id_column", for the message.
    origin: the file, for the message.

  Raises:
    ValueError: the table has no such column.
  """
  if name != NONE and name not in columns:
    raise ValueError(f"{origin}: no column {name!r}, named by {flag}; the columns are "
                     f"{listing(columns)}")
  return "" if name == NONE else name


def listing(columns: Columns) -> str:
  """The names of the columns, for messages."""
  return ", ".join(columns) or "none at all"


def numbers(values: Any, name: str, origin: str) -> np.ndarray:
  """A column as numbers, [rows] float64.

  Raises:
    ValueError: it does not hold numbers.
  """
  try:
    return np.asarray(values).astype(np.float64)
  except (TypeError, ValueError) as error:
    raise ValueError(f"{origin}: column {name!r} does not hold numbers: {error}") from error


def number_column(table: Mapping[str, Any], name: str, origin: str) -> np.ndarray:
  """A column of a table as numbers, [rows] float64; masked ones are NaN.

  Args:
    table: {name: column}: an astropy table, a data frame, a dictionary.
    name: name of the column.
    origin: the file, for messages.

  Raises:
    ValueError: there is no such column, or it is not one of numbers.
  """
  values = _column(table, name, origin)
  if np.ma.isMaskedArray(values) and values.dtype.kind in "iuf":
    values = np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan)
  values = numbers(values, name, origin)
  if values.ndim != 1:
    raise ValueError(f"{origin}: column {name!r} has shape {list(values.shape)}; name a column of "
                     "one number per galaxy")
  return values


def unique_ids(table: Mapping[str, Any], name: str, origin: str) -> np.ndarray:
  """A column of a table as ids, [rows] str, each once; arguments as in `number_column`.

  Raises:
    ValueError: there is no such column, or an id stands there twice, or has lost
      digits.
  """
  ids = exact_ids(_column(table, name, origin), name, origin)
  ranked = np.sort(ids)
  twice = ranked[1:][ranked[1:] == ranked[:-1]]
  if twice.size:
    raise ValueError(f"{origin}: column {name!r} holds the id {str(twice[0])!r} twice, and "
                     f"{np.unique(twice).size} ids more than once; keep one row of each, or name "
                     f"another --id_column, or {NONE}")
  return ids


def _column(table, name, origin):
  names = list(getattr(table, "colnames", table))
  if name not in names:
    raise ValueError(f"{origin}: no column {name!r}; the columns are {', '.join(names)}")
  return table[name]


def exact_ids(values: Any, name: str, origin: str) -> np.ndarray:
  """A column of ids as texts, [rows].

  Raises:
    ValueError: they are floating-point numbers that have lost digits.
  """
  values = np.asarray(values)
  if values.dtype.kind == "f":
    if np.any(~np.isfinite(values) | (np.abs(values) > _EXACT_INTEGERS)):
      raise ValueError(f"{origin}: ids in column {name!r} are floating-point numbers that "
                       "are not finite or have lost digits; name another --id_column")
    values = values.astype(np.int64)
  if values.dtype.kind == "S":
    values = np.char.decode(values, "utf-8")
  return np.char.strip(values.astype(str))


def find_missing(values: np.ndarray, *, redshifts: bool,
                 further: Sequence[float] = ()) -> tuple[np.ndarray, dict[str, int]]:
  """Finds missing values: SENTINELS, NaN, infinite ones, and impossible redshifts and magnitudes.

  Args:
    values: a column, [n] float64; masked values are NaN.
    redshifts: whether they are redshifts, of which -1 and below are impossible.
    further: numbers that stand for a missing value as well.

  Returns:
    Which values are missing, [n] bool, and {reason: number of values}.
  """
  with np.errstate(over="ignore"):
    single = values.astype(np.float32)  # as which a column may have been stored
  found = {f"{number:g}": single == np.float32(number) for number in (*SENTINELS, *further)}
  found |= {"NaN": np.isnan(values), "infinite": np.isinf(values)}
  missing = np.any(list(found.values()), axis=0)
  lowest = _LOWEST_REDSHIFT if redshifts else LOWEST
  found[f"{lowest:g} or below"] = ~missing & (values <= lowest)
  missing |= found[f"{lowest:g} or below"]
  return missing, {reason: int(own.sum()) for reason, own in found.items() if own.any()}
