"""Arrays of any kind that people hand over, as plain numpy arrays: masked values become NaN.

numpy's own functions take the numbers below a mask for measurements, drop units, and make numbers
of dates and of the fields of records.  Here units are converted or refused.
"""

from __future__ import annotations

import re
from typing import Any
import warnings

import numpy as np

REDSHIFT, MAGNITUDE, ANY, PURE = "redshift", "magnitude", "any", "number"
"""Kinds of numbers: units of ANY are left alone, PURE numbers have none."""

VELOCITY = re.compile(r"m\s*/\s*s(?:ec)?\b|m\s*[.*]?\s*s(?:ec)?\s*\^?\s*(?:\*\*)?\s*\(?-1|\bkmps\b",
                      re.IGNORECASE)
"""Units of velocities, as they are spelled in files."""
OTHER_UNITS = {
    MAGNITUDE: re.compile(r"jy\b|jansky|magg|\bn?mgy|^(?!.*mag).*\b(?:counts?|adu|dn|electrons?|"
                          r"erg|ct)\b", re.IGNORECASE),
    REDSHIFT: re.compile(rf"{VELOCITY.pattern}|(?<![a-z])[kmg]?pc\b|angstrom", re.IGNORECASE)}
"""{what a column should hold: units of something else, as they are spelled in files}."""
_AB = re.compile(r"[\s_(]*\bAB[)\s_]*|[\s_(]+AB[)\s_]*|^AB", re.IGNORECASE)
_NOT_STATED = re.compile(r"n\.?\s?/?\s?[adu]\.?", re.IGNORECASE)  # not newtons, nanoyears
_WHAT = {MAGNITUDE: "magnitudes", REDSHIFT: "redshifts"}
_MISSING_TYPES = ("NAType", "NaTType", "MaskedConstant", "NoneType")


def kind_of(name: str) -> str:
  """The kind of numbers that an argument of this name holds, such as z_spec or r_mag."""
  if "mag" in name or name.startswith(("ebv", "error")):
    return MAGNITUDE
  if name.startswith("z"):
    return REDSHIFT
  return ANY if "weight" in name else PURE


def numbers(values: Any, name: str, kind: str = PURE) -> np.ndarray:
  """Numbers of any shape as float64, NaN where masked, None or NA.

  Args:
    values: an array, list, number, masked array, Quantity, Column, Series or the like.
    name: what the messages call it.
    kind: REDSHIFT, MAGNITUDE, ANY or PURE.

  Raises:
    ValueError: it has fields, a unit of something else, or holds no numbers.
  """
  plain = array(values, name, kind)
  if plain.dtype.kind in "cmMV":
    raise ValueError(f"{name} must be numbers, got {plain.dtype}; pass one column of numbers")
  if plain.dtype.kind == "b" and kind in (REDSHIFT, MAGNITUDE):
    raise ValueError(f"{name} must be {_WHAT[kind]}, got truth values; pass another column")
  try:
    if plain.dtype.kind == "O":
      flat = [np.nan if is_na(value) else value for value in plain.ravel().tolist()]
      return np.array(flat, np.float64).reshape(plain.shape)
    return plain.astype(np.float64, copy=False)
  except (TypeError, ValueError) as error:
    raise ValueError(f"{name} must be numbers: {error}") from error


def array(values: Any, name: str, kind: str = PURE) -> np.ndarray:
  """An array without mask and unit, in its own type where nothing is masked.

  Args:
    values, name, kind: as those of `numbers`.

  Returns:
    Numbers in the unit of the kind, NaN where masked; masked texts are "", other objects None.

  Raises:
    ValueError: it has fields, or a unit of something else.
  """
  if type(values) is np.ndarray and values.dtype.names is None:
    return values
  if isinstance(values, (list, tuple)) and any(map(_holds_unit, values)):
    values = [array(own, name, kind) for own in values]  # numpy itself would drop the units
  if isinstance(values, (list, tuple)) and any(np.ma.isMaskedArray(own) for own in values):
    values = np.ma.array(values)  # numpy itself would drop the masks
  if hasattr(values, "units") and hasattr(values, "magnitude"):  # of pint
    raise ValueError(f"{name} have the unit {values.units}; pass plain numbers in the unit that is "
                     "expected")
  factor = _factor(values, name, kind) if _is_of(values, "astropy") else 1.0
  mask, plain = _mask(values), np.asarray(_data(values))
  if plain.dtype.names is not None:
    raise ValueError(f"{name} have the fields {', '.join(plain.dtype.names)}; pass one array of "
                     "numbers, such as values[\"field\"], or "
                     "numpy.lib.recfunctions.structured_to_unstructured")
  plain = plain if factor == 1.0 else plain * factor
  return without_masked(plain, mask) if np.any(mask) else plain


def exact(values: Any) -> tuple[Any, np.ndarray | np.bool_]:
  """Values with each of their digits, and where they are masked, of astropy and pandas."""
  if hasattr(values, "unmasked") and _is_of(values, "astropy"):
    return values.unmasked, np.asarray(values.mask)
  if _is_of(values, "pandas") and not isinstance(values.dtype, np.dtype):  # else through doubles
    return values.to_numpy(dtype=object), np.False_
  return values, np.False_


def without_masked(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
  """Numbers with NaN where masked, texts with "", other objects with None."""
  if values.dtype.kind in "SU":
    return np.where(mask, values.dtype.type(), values)
  if values.dtype.kind == "f":
    return np.where(mask, values.dtype.type(np.nan), values)
  if values.dtype.kind in "iub":
    return np.where(mask, np.nan, values.astype(np.float64))
  return np.where(mask, np.array(None), values.astype(object))


def is_na(value: Any) -> bool:
  """Whether an object stands for a missing value: None, NaN, and pandas' NA and NaT."""
  return type(value).__name__ in _MISSING_TYPES or isinstance(value, float) and value != value


def is_other_unit(text: str, kind: str) -> bool:
  """Whether a unit says that a column holds something else than its kind, or on another scale.

  Args:
    text: the unit as a file spells it; one that nobody knows says nothing.
    kind: REDSHIFT or MAGNITUDE.
  """
  if OTHER_UNITS[kind].search(text):
    return True
  text = (_AB.sub("", text) if kind == MAGNITUDE else text).strip()
  if len(text) == 1 and text.isalpha() or _NOT_STATED.fullmatch(text):
    return False  # m may be magnitudes as well as metres
  from astropy import units
  with warnings.catch_warnings(action="ignore"):  # about several slashes
    unit = units.Unit(text, parse_strict="silent")
  unknown = units.UnrecognizedUnit, units.StructuredUnit
  return not isinstance(unit, unknown) and _factor_to(unit, kind) != 1.0


def unit_of(values: Any) -> str:
  """The unit of an array of astropy, "" of others."""
  return str(getattr(values, "unit", None) or "") if _is_of(values, "astropy") else ""


def _is_of(values, package) -> bool:
  return any(own.__module__.partition(".")[0] == package for own in type(values).__mro__)


def _holds_unit(values) -> bool:
  """Whether something has a unit, or is a list in which something has one."""
  if isinstance(values, (list, tuple)):
    return any(map(_holds_unit, values))
  return hasattr(values, "unmasked") or hasattr(values, "magnitude") or hasattr(values, "unit")


def _mask(values):
  """What is masked; False where nothing is known to be."""
  if np.ma.isMaskedArray(values):
    return np.ma.getmaskarray(values) if values.dtype.names is None else np.False_
  if hasattr(values, "unmasked") and _is_of(values, "astropy"):
    return np.asarray(values.mask)
  return np.False_


def _data(values):
  """What numpy can take: without a mask, and without pandas' NA in numbers."""
  if np.ma.isMaskedArray(values):
    return np.ma.getdata(values)
  if hasattr(values, "unmasked") and _is_of(values, "astropy"):
    return getattr(values.unmasked, "value", values.unmasked)
  if _is_of(values, "astropy"):
    return getattr(values, "value", values)
  return values


def _factor(values, name, kind) -> float:
  """By what numbers are multiplied so that they are in the unit of a kind."""
  unit = getattr(values, "unit", None)
  if unit is None or kind == ANY or str(unit) in ("", "redshift") or (
      _NOT_STATED.fullmatch(str(unit))):
    return 1.0
  from astropy import units

  if isinstance(unit, (units.UnrecognizedUnit, units.StructuredUnit)):  # the second has commas
    if kind in OTHER_UNITS and OTHER_UNITS[kind].search(str(unit)):
      raise _other_unit(name, unit, kind)
    return 1.0
  factor = _factor_to(unit, kind)
  if factor is None:
    raise _other_unit(name, unit, kind)
  return factor


def _factor_to(unit, kind) -> float | None:
  """By what numbers in a unit of astropy are multiplied; None if the kind has no such unit."""
  from astropy import units

  own = getattr(unit, "function_unit", unit)  # of mag(AB)
  physical = getattr(unit, "physical_unit", None)
  if kind == MAGNITUDE and physical is None and (unit / units.AB).is_equivalent(units.mag):
    # "mag AB" in a file is a product to astropy, of a number that VOTable rounds.
    return 1.0 if np.isclose((unit / units.AB).to(units.mag), 1.0, rtol=1e-4) else None
  wanted = {MAGNITUDE: units.mag}.get(kind, units.dimensionless_unscaled)
  is_ab = physical is None or physical == units.dimensionless_unscaled or (
      physical.is_equivalent(units.AB) and np.isclose(physical.to(units.AB), 1.0))
  if kind == MAGNITUDE and own.is_equivalent(units.dimensionless_unscaled):
    wanted = units.dimensionless_unscaled
  return float(own.to(wanted)) if is_ab and own.is_equivalent(wanted) else None


def _other_unit(name, unit, kind) -> ValueError:
  what = _WHAT.get(kind, "plain numbers")
  return ValueError(f"{name} has the unit {str(unit)!r}, so it holds no {what}; turn it into such, "
                    "or pass another column")
