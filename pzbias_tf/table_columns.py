"""Finds columns of tables by their usual names, and reads them as numbers or as ids."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

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
