"""Finds columns of tables by their usual names; reads numbers, missing ones among them, and ids."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Mapping, Sequence

import numpy as np

from pzbias_tf.arguments import MISSING_WORDS

if TYPE_CHECKING:  # it imports astropy, which takes a third of a second
  from pzbias_tf.tables import Columns

USUAL_NAMES = {
    "id": ("id", "objid", "name", "object_id", "objectid", "obj_id", "source_id", "galaxy_id",
           "specobjid", "targetid", "cataid", "ident"),
    "z": ("z", "z_spec", "zspec", "redshift"),
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

FILL = 1e15
"""Missing are 1e20, 9.96921e36 and the like; nothing that is measured here is as large."""

BRIGHTEST, FAINTEST = 0.0, 40.0
"""Ends of what can be a magnitude; other numbers are fluxes, or wrong."""
NO_MAGNITUDE = f"outside of {BRIGHTEST:g} to {FAINTEST:g}, so no magnitude"
TOO_MANY = 0.1
"""Share of such numbers in a column, beyond which it holds something else."""

HIGHEST = 20.0
"""No redshift of a galaxy is above; velocities, percentages and the like are."""
_OTHER_UNITS = {
    "magnitudes": re.compile(r"jy\b|jansky|magg|\bn?mgy|^(?!.*mag).*\b(?:counts?|adu|dn|electrons?|"
                             r"erg|ct)\b", re.IGNORECASE),
    "redshifts": re.compile(r"m\s*/\s*s|m\s*\.?\s*s\s*\^?\s*(?:\*\*)?\s*-1|mpc|angstrom",
                            re.IGNORECASE)}
"""{what a column should hold: units of something else}."""
_BRIGHTEST_MEDIAN = 9.0  # no sample of galaxies is as bright; fluxes of faint ones are 0 to 40, too
_MEDIAN_OF = 10  # magnitudes, of which a median tells something
_LOWEST_REDSHIFT = -1.0  # at which 1 + z is 0
_FEW = 3  # different numbers above HIGHEST, which stand for no redshift rather than are velocities
_BANDS = ("u", "g", "r", "i", "y", "j", "h", "k", "ks")
"""Bands beside which a column z may be a band as well."""
_HIGHEST_REDSHIFT = 9.0  # the median of magnitudes is beyond, that of redshifts is not
_EXACT_BITS = {2: 11, 4: 24}  # of floating-point numbers of so many bytes; 53 of longer ones
_ROUNDED = re.compile(rb"[+-]?\d[.,]\d+[eE]\+?\d+")


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
    ValueError: several columns may be meant, and they differ.
  """
  found = _found(columns, candidates)
  if "z" in candidates and "redshift" in candidates:
    found = [name for name in found if not _is_magnitude(columns, name)]
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
  """Whether a column called z is a band: its numbers are magnitudes, or those of fluxes beside it.

  Beside redshifts, bands that are magnitudes have far larger numbers.
  """
  group, _, last = name.rpartition("/")
  if last.lower() != "z":
    return False
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


def numbers(values: Any, name: str, origin: str) -> np.ndarray:
  """A column as numbers, [rows] float64; masked ones, and words of MISSING_WORDS, are NaN.

  Raises:
    ValueError: it does not hold numbers.
  """
  try:
    if np.ma.isMaskedArray(values) and values.dtype.kind in "biuf":
      return np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan)
    values = np.asarray(values)
    if values.dtype.kind in "SU" and values.ndim == 1:
      return _from_words(values)
    if values.dtype.kind in "cmMV":  # numpy would make numbers of some of these
      raise ValueError(f"its type is {values.dtype}")
    return values.astype(np.float64)
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
  """Refuses a column whose unit says that it holds something else.

  Args:
    table: the table; only `TableColumns` know units.
    name: name of the column.
    what: "magnitudes" or "redshifts".
    origin: the file, for the message.

  Raises:
    ValueError: magnitudes have the unit of a flux, or redshifts that of a velocity.
  """
  unit = table.unit(name) if hasattr(table, "set_unit") else ""
  if unit and _OTHER_UNITS[what].search(unit):
    raise ValueError(f"{origin}: column {name!r} has the unit {unit!r}, so it holds no {what}; "
                     "turn it into such, name another column, or correct its unit")


def number_column(table: Mapping[str, Any], name: str, origin: str) -> np.ndarray:
  """A column of a table as numbers, [rows] float64; masked ones are NaN.

  Args:
    table: {name: column}: an astropy table, a data frame, a dictionary.
    name: name of the column.
    origin: the file, for messages.

  Raises:
    ValueError: there is no such column, or it is not one of numbers.
  """
  values = numbers(_column(table, name, origin), name, origin)
  if values.ndim != 1:
    raise ValueError(f"{origin}: column {name!r} has shape {list(values.shape)}; name a column of "
                     "one number per galaxy")
  return values


def unique_ids(table: Mapping[str, Any], name: str, origin: str) -> np.ndarray:
  """A column of a table as ids, [rows] str, each once; arguments as in `number_column`.

  Raises:
    ValueError: there is no such column, or an id stands there twice, or cannot be
      kept exactly.
  """
  ids = ids_of(table, name, origin)
  ranked = np.sort(ids[ids != ""])
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


def ids_of(table: Mapping[str, Any], name: str, origin: str) -> np.ndarray:
  """A column of a table as ids, as the file has them, [rows] str; "" where missing.

  Raises:
    ValueError: there is no such column, or an id cannot be kept exactly.
  """
  values = _column(table, name, origin)
  return exact_ids(getattr(table, "texts", {}).get(name, values), name, origin)


def exact_ids(values: Any, name: str, origin: str) -> np.ndarray:
  """A column of ids as texts, [rows]; "" where masked or NaN.

  Raises:
    ValueError: they are floating-point numbers that have lost digits, or no text.
  """
  mask = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else np.False_
  values = np.asarray(np.ma.getdata(values))
  if values.dtype.kind in "cmMV":
    raise ValueError(f"{origin}: ids in column {name!r} are of type {values.dtype}; name another "
                     "--id_column, or write them as text or whole numbers")
  if values.dtype.kind == "f":
    values, mask = _whole(values, mask, name, origin), mask | np.isnan(values)
  if values.dtype.kind == "i" and values.dtype.itemsize == 8:  # what NaN becomes as a whole number
    mask = mask | (values == np.iinfo(np.int64).min)
  if values.dtype.kind == "O":
    mask = mask | np.array([value is None or value != value for value in values.ravel()]).reshape(
        values.shape)
    values = np.array([value.decode("utf-8") if isinstance(value, bytes) else value
                       for value in values], object)
  try:
    texts = np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values.astype(str)
  except UnicodeDecodeError as error:
    raise ValueError(f"{origin}: ids in column {name!r} are no text: {error}; name another "
                     "--id_column") from error
  if values.dtype.kind in "SUO" and any(map(_ROUNDED.fullmatch, np.char.encode(texts, "utf-8"))):
    raise _lost(name, origin)
  return np.where(mask, "", np.char.strip(texts))


def _whole(values, mask, name, origin) -> np.ndarray:
  """Floating-point numbers as whole ones, which they are."""
  plain = np.where(mask | np.isnan(values), 0, values)
  largest = 2.0 ** _EXACT_BITS.get(values.dtype.itemsize, 53)
  if np.any(~np.isfinite(plain) | (np.abs(plain) >= largest) | (plain != np.floor(plain))):
    raise _lost(name, origin)
  return plain.astype(np.int64)


def _lost(name, origin) -> ValueError:
  return ValueError(
      f"{origin}: ids in column {name!r} are floating-point numbers that are not finite or have "
      f"lost digits; name another --id_column, or --id_column={NONE} for the numbers of the rows, "
      "or write the ids as text or whole numbers")


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
  found[f"{FILL:g} or above"] = ~missing & (values >= FILL)
  missing |= found[f"{FILL:g} or above"]
  lowest = _LOWEST_REDSHIFT if redshifts else LOWEST
  found[f"{lowest:g} or below"] = ~missing & (values <= lowest)
  missing |= found[f"{lowest:g} or below"]
  return missing, {reason: int(own.sum()) for reason, own in found.items() if own.any()}


def outside(magnitudes: np.ndarray) -> np.ndarray:
  """Where numbers are neither missing (NaN) nor magnitudes; bool, same shape."""
  return (magnitudes < BRIGHTEST) | (magnitudes > FAINTEST)


def check_no_velocities(values: np.ndarray, what: str) -> None:
  """Refuses a column of which more than TOO_MANY are too large for redshifts.

  A few different numbers may stand for no measurement, as 1e20 does.

  Args:
    values: what is not missing, [n].
    what: the column in words.

  Raises:
    ValueError: it may hold velocities.
  """
  wrong = values[values > HIGHEST]
  if wrong.size > TOO_MANY * values.size and np.unique(wrong).size > _FEW:
    raise ValueError(
        f"{what}: {wrong.size} of {values.size} numbers are above {HIGHEST:g}, so no redshifts, "
        f"e.g. {wrong[0]:g}. Turn velocities c z (km/s) into redshifts, or name another column")


def check_no_fluxes(magnitudes: np.ndarray, what: str) -> None:
  """Refuses a column of which more than TOO_MANY are no magnitudes, or whose median is none.

  Args:
    magnitudes: what is not missing, [n].
    what: the column in words, such as "r magnitudes".

  Raises:
    ValueError: it may hold fluxes.
  """
  wrong = magnitudes[outside(magnitudes)]
  if wrong.size > TOO_MANY * magnitudes.size:
    raise ValueError(
        f"{wrong.size} of {magnitudes.size} {what} are {NO_MAGNITUDE}, e.g. {np.max(wrong):g}. If "
        "they are fluxes, turn them into magnitudes first, e.g. 22.5 - 2.5 log10(flux) from "
        "nanomaggies, or name another column with --r_column")
  if are_too_bright(magnitudes):
    raise ValueError(
        f"the {what} have the median {np.median(magnitudes):.3g}, and no sample of galaxies is as "
        "bright. If they are fluxes, turn them into magnitudes first, or name another column with "
        "--r_column")


def are_too_bright(magnitudes: np.ndarray) -> bool:
  """Whether the median of magnitudes [n], NaN where missing, is that of no sample of galaxies."""
  known = magnitudes[np.isfinite(magnitudes)]
  return known.size >= _MEDIAN_OF and bool(np.median(known) < _BRIGHTEST_MEDIAN)
