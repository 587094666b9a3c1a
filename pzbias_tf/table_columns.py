"""Finds columns of tables by their usual names, and reads them as numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Mapping, Sequence

import numpy as np

from pzbias_tf.arguments import MISSING_WORDS
from pzbias_tf.compat import plain_arrays
from pzbias_tf.missing_values import find_missing

if TYPE_CHECKING:  # it imports astropy, which takes a third of a second
  from pzbias_tf.tables import Columns

USUAL_NAMES = {
    "id": ("id", "objid", "name", "object_id", "objectid", "obj_id", "source_id", "galaxy_id",
           "coadd_object_id", "specobjid", "targetid", "cataid", "ident"),
    "z": ("z", "z_spec", "zspec", "redshift"),
    "ebv": ("ebv", "E(B-V)"), "r": ("r", "r_mag", "mag_r"),
    "r_err": ("r_err", "mag_err_r"), "i": ("i", "i_mag", "mag_i"),
    "i_err": ("i_err", "mag_err_i"), "z_photo": ("z_photo", "zphot"),
    "ra": ("ra",), "dec": ("dec",),
}
"""{role: usual names of its column}, for surveys without a layout of their own."""

NONE = "none"
"""This column name says that a role has no column."""

_BANDS = ("u", "g", "r", "i", "y", "j", "h", "k", "ks")
"""Bands beside which a column z may be a band as well."""
_FLUX_NAME = re.compile(r"flux|ivar|invvar", re.IGNORECASE)
_MAGNITUDE_WORD = re.compile(r"mag(?!g)", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"[\[(]([^\])]*)[\])]")
_HIGHEST_REDSHIFT = 9.0  # the median of magnitudes is beyond, that of redshifts is not


def find(columns: Columns, candidates: Sequence[str]) -> str:
  """The first of some names that is a column, in any case of its letters; "" if none is.

  Exact names come before others, and names before the last parts of the paths of HDF5 datasets.
  """
  return next(iter(_found(columns, candidates)), "")


def find_id(columns: Columns, candidates: Sequence[str], origin: str) -> str:
  """The column of ids, the first usual one; "" if there is none.

  Raises:
    ValueError: there is one, which cannot be used.
  """
  found = find(columns, candidates) or find(getattr(columns, "skipped", {}), candidates)
  return named(columns, found, "--id_column", origin) if found else ""


def find_one(columns: Columns, candidates: Sequence[str], flag: str, origin: str) -> str:
  """As `find`, where the columns of two names must not differ.

  A column z that is a magnitude is not taken for a redshift.

  Args:
    columns: the table.
    candidates: names of the column.
    flag: the flag that names it, such as "--z_column", for the message.
    origin: the file, for the message.

  Raises:
    ValueError: several columns may be meant, and they differ; or all have the unit of
      velocities.
  """
  found = _found(columns, candidates)
  if "z" in candidates and "redshift" in candidates:
    slow = [name for name in found if not plain_arrays.VELOCITY.search(_unit(columns, name))]
    if found and not slow:  # velocities would pass for magnitudes
      check_unit(columns, found[0], "redshifts", origin)
    found = [name for name in slow if not _is_magnitude(columns, name)]
  for other in found[1:]:
    if not _same(columns[found[0]], columns[other]):
      raise ValueError(f"{origin}: columns {', '.join(found)} differ, and each may be meant; name "
                       f"one of them with {flag}")
  if found:
    _check_once(columns, found[0], origin)
  return found[0] if found else ""


def _found(columns, candidates) -> list[str]:
  """All columns that may be meant: in the file itself before those in groups of HDF5."""
  for part in (lambda name: name, lambda name: name.rpartition("/")[2]):
    found: dict[str, None] = {}
    for candidate in candidates:
      exact = [name for name in columns if part(name) == candidate]
      found |= dict.fromkeys(exact or [name for name in columns
                                       if part(name).lower() == candidate.lower()])
    if found:
      return list(found)
  return []


def _is_magnitude(columns, name) -> bool:
  """Whether a column called z is a band, by its unit, or its numbers and those of bands beside it.

  Beside redshifts, bands that are magnitudes have far larger numbers.
  """
  group, _, last = name.rpartition("/")
  if last.lower() != "z":
    return False
  unit = _unit(columns, name)
  if _MAGNITUDE_WORD.search(unit) or plain_arrays.OTHER_UNITS[plain_arrays.MAGNITUDE].search(unit):
    return True
  beside = [other for other in columns if other.rpartition("/")[0] == group
            and other.rpartition("/")[2].lower() in _BANDS]
  own, others = _median(columns[name]), [_median(columns[other]) for other in beside]
  if own > _HIGHEST_REDSHIFT:
    return True
  return len(others) > 2 and not np.nanmedian(others) > _HIGHEST_REDSHIFT


def _median(values) -> float:
  """Of the different values that are not missing; NaN where nothing is left, or no numbers are.

  A number that stands for none, such as 9.99, so counts once.
  """
  values = np.asarray(values)
  if values.dtype.kind not in "iuf":
    return np.nan
  values = values.astype(np.float64)
  values = np.unique(values[~find_missing(values, redshifts=False)[0]])
  return float(np.median(values)) if values.size else np.nan


def _same(first, second) -> bool:
  """Whether two columns are equal, missing values among them."""
  first, second = np.asarray(first), np.asarray(second)
  if first.shape != second.shape or (first.dtype.kind in "US") != (second.dtype.kind in "US"):
    return False
  return bool(np.all((first == second) | ((first != first) & (second != second))))


def _check_once(columns, name, origin):
  if name in getattr(columns, "twice", ()):
    raise ValueError(f"{origin}: several columns are called {name!r}, and they differ; rename one, "
                     "or take the others out")


def named(columns: Columns, name: str, flag: str, origin: str) -> str:
  """The name of a column that the user gave by a flag; "" for NONE.

  Args:
    columns: the table.
    name: what was given; of HDF5, a path or its last part.
    flag: the flag, such as "--id_column", for the message.
    origin: the file, for the message.

  Raises:
    ValueError: the table has no such column, or several.
  """
  if name == NONE and name not in columns:
    return ""
  found = resolve(columns, name)
  if len(found) > 1:
    raise ValueError(f"{origin}: {flag}={name} may be {', '.join(found)}; give its whole path")
  if not found:
    reason = getattr(columns, "skipped", {}).get(name, "")
    raise ValueError(f"{origin}: column {name!r}, named by {flag}, cannot be used: {reason}; name "
                     "a column of one value per galaxy" if reason else
                     f"{origin}: no column {name!r}, named by {flag}; the columns are "
                     f"{listing(columns)}")
  _check_once(columns, found[0], origin)
  return found[0]


def resolve(columns: Columns, name: str) -> list[str]:
  """The columns that a given name may mean: that of the name, else those whose paths end on it."""
  name = name.strip("/") if name not in columns else name
  if name in columns:
    return [name]
  alias = getattr(columns, "aliases", {}).get(name, "")
  return [alias] if alias else [other for other in columns if other.endswith(f"/{name}")]


def listing(columns: Columns) -> str:
  """The names of the columns, for messages, and of those that cannot be used."""
  skipped = getattr(columns, "skipped", {})
  beside = "; not used: " + ", ".join(f"{name} ({why})" for name, why in skipped.items())
  return (", ".join(columns) or "none at all") + (beside if skipped else "")


def numbers(values: Any, name: str, origin: str, kind: str = plain_arrays.ANY) -> np.ndarray:
  """A column as numbers, [rows] float64; masked ones, and words of MISSING_WORDS, are NaN.

  Args:
    values: the column, of any kind that `plain_arrays` knows.
    name: its name.
    origin: the file, for messages.
    kind: what it should hold, see `plain_arrays.numbers`.

  Raises:
    ValueError: it does not hold numbers, or has the unit of something else.
  """
  try:
    plain = plain_arrays.array(values, f"column {name!r}", kind)
  except ValueError as error:
    raise ValueError(f"{origin}: {error}") from error
  try:
    if plain.dtype.kind in "SU" and plain.ndim == 1:
      return _from_words(plain)
    if plain.dtype.kind in "cmMV" + "b" * (kind != plain_arrays.ANY):  # numpy would make numbers
      raise ValueError(f"its type is {plain.dtype}")
    return plain_arrays.numbers(plain, "it")
  except (TypeError, ValueError) as error:
    raise ValueError(f"{origin}: column {name!r} does not hold numbers: {error}") from error


def _from_words(values: np.ndarray) -> np.ndarray:
  values = np.char.strip(values)
  small = np.char.lower(values if values.dtype.kind == "S" else np.char.encode(values, "utf-8"))
  missing = np.isin(small, MISSING_WORDS)
  found = np.full(len(values), np.nan)
  found[~missing] = values[~missing].astype(np.float64)
  return found


def check_unit(table: Any, name: str, what: str, origin: str) -> None:
  """Refuses a column whose unit or name says that it holds something else.

  Args:
    table: the table; `TableColumns` and arrays of astropy.io.fits know units.
    name: name of the column.
    what: "magnitudes" or "redshifts".
    origin: the file, for the message.

  Raises:
    ValueError: magnitudes have the unit of a flux, or redshifts that of a velocity, or the like.
  """
  kind = plain_arrays.REDSHIFT if what == "redshifts" else plain_arrays.MAGNITUDE
  last, unit = name.rpartition("/")[2], _unit(table, name)
  if kind == plain_arrays.MAGNITUDE and _FLUX_NAME.search(last) and not (
      _MAGNITUDE_WORD.search(last + unit)):
    raise ValueError(f"{origin}: column {name!r} holds fluxes or their errors, by its name. Turn "
                     "them into magnitudes first, e.g. 22.5 - 2.5 log10(flux) from nanomaggies, "
                     "with errors 1.0857 flux_error / flux; if it holds magnitudes, rename it")
  in_name = [word for word in _IN_BRACKETS.findall(name) if not unit
             and plain_arrays.OTHER_UNITS[kind].search(word)]
  unit = unit or "".join(in_name)
  if unit and plain_arrays.is_other_unit(unit, kind):
    raise ValueError(f"{origin}: column {name!r} has the unit {unit!r}, so it holds no {what}; "
                     "turn it into such, name another column, or correct its unit")


def _unit(table, name) -> str:
  if hasattr(table, "set_unit"):
    return table.unit(name)
  definitions: Any = getattr(table, "columns", None)  # of astropy.io.fits: its arrays lack units
  return str(definitions[name].unit or "") if type(definitions).__name__ == "ColDefs" else ""


def number_column(table: Mapping[str, Any], name: str, origin: str,
                  kind: str = plain_arrays.ANY) -> np.ndarray:
  """A column of a table as numbers, [rows] float64; masked ones are NaN.

  Args:
    table: {name: column}: an astropy table, a data frame, a dictionary, an array with fields.
    name: name of the column.
    origin: the file, for messages.
    kind: what it should hold, see `plain_arrays.numbers`.

  Raises:
    ValueError: there is no such column, or it is not one of numbers.
  """
  values = column(table, name, origin)
  if kind in plain_arrays.OTHER_UNITS:
    check_unit(table, name, "redshifts" if kind == plain_arrays.REDSHIFT else "magnitudes", origin)
  values = numbers(values, name, origin, kind)
  if values.ndim != 1:
    raise ValueError(f"{origin}: column {name!r} has shape {list(values.shape)}; name a column of "
                     "one number per galaxy")
  return values


def column(table: Mapping[str, Any], name: str, origin: str) -> Any:
  """A column of a table; arguments and errors as in `number_column`."""
  fields = getattr(getattr(table, "dtype", None), "names", None)
  names: list[str] = list(fields or getattr(table, "colnames", table))  # type: ignore[arg-type]
  if name not in names:
    raise ValueError(f"{origin}: no column {name!r}; the columns are {', '.join(names)}")
  return table[name]
