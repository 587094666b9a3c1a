"""Reads ids of tables: texts as the file has them, each digit kept."""

from __future__ import annotations

import re
from typing import Any, Mapping

import numpy as np

from pzbias_tf.compat.plain_arrays import exact, is_na
from pzbias_tf.compat.sorting import order_of_texts
from pzbias_tf.table_columns import NONE, column

_EXACT_BITS = {2: 11, 4: 24}  # of floating-point numbers of so many bytes; 53 of longer ones
_ROUNDED = re.compile(rb"[+-]?\d[.,]\d+[eE]\+?\d+|[+-]?\d[eE]\+\d+")

_CUT = re.compile(r"[+-]?\d{15}0{2,}")  # what spreadsheets leave of longer numbers
_MADE = re.compile(r"[+-]?\d{14}0+")  # the last digit that spreadsheets leave is seldom 0
_FEWEST_CUT = 10  # ids; fewer may end on zeros by chance


def unique_ids(table: Mapping[str, Any], name: str, origin: str) -> np.ndarray:
  """A column of a table as ids, [rows] str, each once; arguments as in
  `table_columns.number_column`.

  Raises:
    ValueError: there is no such column, or an id stands there twice, or cannot be
      kept exactly.
  """
  ids = ids_of(table, name, origin)
  known = ids[ids != ""]
  ranked = known[order_of_texts(known)]
  twice = ranked[1:][ranked[1:] == ranked[:-1]]
  if twice.size:
    raise ValueError(f"{origin}: column {name!r} holds the id {str(twice[0])!r} twice, and "
                     f"{np.unique(twice).size} ids more than once; keep one row of each, or name "
                     f"another --id_column, or {NONE}")
  return ids


def ids_of(table: Mapping[str, Any], name: str, origin: str) -> np.ndarray:
  """A column of a table as ids, as the file has them, [rows] str; "" where missing.

  Raises:
    ValueError: there is no such column, or an id cannot be kept exactly.
  """
  return exact_ids(most_exact(table, name, origin), name, origin)


def most_exact(table: Mapping[str, Any], name: str, origin: str) -> Any:
  """A column of a table, as texts where the table has it so.

  Raises:
    ValueError: there is no such column.
  """
  values = column(table, name, origin)
  return getattr(table, "texts", {}).get(name, values)


def exact_ids(values: Any, name: str, origin: str) -> np.ndarray:
  """A column of ids as texts, [rows]; "" where masked or NaN.

  Raises:
    ValueError: they are floating-point numbers that have lost digits, or no text.
  """
  mask = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else np.False_
  if not np.ma.isMaskedArray(values):
    values, mask = exact(values)
  values = np.asarray(np.ma.getdata(values))
  if values.dtype.kind in "cmMV":
    raise ValueError(f"{origin}: ids in column {name!r} are of type {values.dtype}; name another "
                     "--id_column, or write them as text or whole numbers")
  if not values.size:  # numpy makes numbers of no texts
    return np.zeros(values.shape, str)
  if values.dtype.kind == "f":
    values, mask = _whole(values, mask, name, origin), mask | np.isnan(values)
  if values.dtype.kind == "i" and values.dtype.itemsize == 8:  # what NaN becomes as a whole number
    mask = mask | (values == np.iinfo(np.int64).min)
  if values.dtype.kind == "O":
    mask = mask | np.array([is_na(value) for value in values.ravel()]).reshape(values.shape)
    values = np.array([value.decode("utf-8") if isinstance(value, bytes) else value
                       for value in values], object)
  try:
    texts = np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values.astype(str)
  except UnicodeDecodeError as error:
    raise ValueError(f"{origin}: ids in column {name!r} are no text: {error}; name another "
                     "--id_column") from error
  if values.dtype.kind in "SUO":
    if any(map(_ROUNDED.fullmatch, np.char.encode(texts, "utf-8"))):
      raise _lost(name, origin)
    texts = np.char.strip(texts)
  texts = np.where(mask, "", texts)
  if _are_cut(texts):
    raise ValueError(f"{origin}: ids in column {name!r} have lost digits: all end on zeros behind "
                     f"the 15th, {next(filter(None, texts.tolist()))} for one, as a spreadsheet "
                     "leaves them; take the file that it was made of, or name another --id_column, "
                     f"or --id_column={NONE} for the numbers of the rows")
  return texts


def _are_cut(texts: np.ndarray) -> bool:
  """Whether all ids that are not missing have zeros behind the 15th digit, and not from there."""
  some = [text for text in texts[:1000].ravel().tolist() if text]
  if len(some) < _FEWEST_CUT or not all(map(_CUT.fullmatch, some)):
    return False
  known = list(filter(None, texts.ravel().tolist()))
  return all(map(_CUT.fullmatch, known)) and not all(map(_MADE.fullmatch, known))


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
