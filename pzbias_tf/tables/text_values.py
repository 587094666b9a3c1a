"""Numbers that stand in a file as text: whole ones, with a decimal point or comma, missing ones."""

from __future__ import annotations

import re
from typing import Sequence

import numpy as np

from pzbias_tf.arguments import MISSING_WORDS
from pzbias_tf.tables.table_contents import TableColumns

MISSING = tuple(word.decode() for word in MISSING_WORDS)
"""Words that stand for no value, in small letters."""

_WHOLE = re.compile(r"[+-]?\d+\.?0*")
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_FIRST = 1000  # values that tell what a column does not hold
_FORTRAN = re.compile(r"[+-]?\d*\.?\d*[dD][+-]?\d+")  # 1.5D-01
_DIGITS = 18  # that a whole number of 64 bits certainly holds


def is_number(text: str) -> bool:
  """Whether a text is a number, or stands for a missing one."""
  text = text.strip()
  if text.lower() in MISSING[:2] or _COMMA.fullmatch(text):
    return bool(text)
  try:
    float(text)
  except ValueError:
    return False
  return True


def as_text(values: np.ndarray) -> np.ndarray:
  """Texts without blanks around them, "" for words of MISSING; [rows] str or bytes."""
  values = np.char.strip(values)
  words = [word.encode() for word in MISSING] if values.dtype.kind == "S" else list(MISSING)
  missing = np.isin(np.char.lower(values), words)
  return np.where(missing, b"" if values.dtype.kind == "S" else "", values)


def as_numbers(texts: np.ndarray, *, commas: bool = False) -> np.ndarray | None:
  """Texts of `as_text` as doubles, NaN where missing; None if one is no number."""
  if commas:
    texts = np.char.replace(_plain(texts), ",", ".")
  missing = np.char.str_len(texts) == 0
  numbers = np.full(len(texts), np.nan)
  try:
    numbers[~missing] = texts[~missing].astype(np.float64)
  except ValueError:
    return _of_fortran(texts, missing)
  return numbers


def _of_fortran(texts: np.ndarray, missing: np.ndarray) -> np.ndarray | None:
  """Texts as doubles, of which some have the exponents of Fortran; None if one is no number."""
  plain = [re.sub("[dD]", "e", text) if _FORTRAN.fullmatch(text) else text
           for text in _plain(texts[~missing]).tolist()]
  numbers = np.full(len(texts), np.nan)
  try:
    numbers[~missing] = np.array(plain).astype(np.float64)
  except ValueError:
    return None
  return numbers


def typed_columns(names: Sequence[str], columns: Sequence[np.ndarray]) -> TableColumns:
  """Columns of text as what they hold: whole numbers, doubles, or text.

  Args:
    names: their names, in order.
    columns: their texts, [rows] str or bytes each.

  Returns:
    The columns; doubles are kept as texts as well, since 007 and 1e5 may be ids.
  """
  texts, numbers = map(list, zip(*map(_parsed, columns))) if len(columns) else ([], [])
  of_numbers = [own for own, found in zip(texts, numbers) if found is not None]
  if not any(_has_point(own[:_FIRST]) for own in of_numbers) and not any(
      map(_has_point, of_numbers)):
    numbers = [_with_commas(own) if found is None else found
               for found, own in zip(numbers, texts)]
  table = TableColumns()
  for name, values, own, found in zip(names, columns, texts, numbers):
    if found is None:
      table.add(name, _plain(values), _plain(own))
    else:
      table.add(name, *_number_column(own, found))
  return table


def _parsed(values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
  """`as_text` and `as_numbers` of a column, at once where nothing is missing."""
  try:
    numbers = values.astype(np.float64)
  except ValueError:
    numbers = np.array([np.nan])
  if not np.isnan(numbers).any():
    return values, numbers
  texts = as_text(values)
  return texts, as_numbers(texts)


def _has_point(texts: np.ndarray) -> bool:
  return bool(np.any(np.char.find(texts, b"." if texts.dtype.kind == "S" else ".") >= 0))


def _with_commas(texts: np.ndarray) -> np.ndarray | None:
  """Texts as numbers with decimal commas; None if one is something else."""
  plain = [value for value in _plain(texts).tolist() if value]
  if not all(_COMMA.fullmatch(value) or value.lstrip("+-").isdigit() for value in plain):
    return None
  return as_numbers(texts, commas=True)


def _number_column(texts: np.ndarray, numbers: np.ndarray
                   ) -> tuple[np.ndarray, np.ndarray | None]:
  """Whole numbers as such where these say all; else doubles and texts, or texts alone."""
  if _plain_digits(texts[:_FIRST]) and _plain_digits(texts):
    return _exact(texts)
  if not _all_whole(texts[:_FIRST]):
    return numbers, texts
  filled = texts[np.char.str_len(texts) > 0]
  if not filled.size or not _all_whole(filled):
    return numbers, texts
  plain = _plain(texts)
  if _has_point(texts):  # doubles of a program that knows no whole numbers
    plain = np.array([value.partition(".")[0] for value in plain.tolist()])
  if np.char.str_len(plain).max() > _DIGITS + 1:
    return (numbers, plain) if np.any(plain == "") else (plain, None)
  if filled.size < texts.size:
    return numbers, plain
  return _exact(plain)


def _all_whole(texts: np.ndarray) -> bool:
  """Whether all texts that are not empty are whole numbers."""
  return all(_WHOLE.fullmatch(text) for text in _plain(texts).tolist() if text)


def _plain_digits(texts: np.ndarray) -> bool:
  """Whether bytes are whole numbers without sign and leading zeros, none of them missing."""
  if texts.dtype.kind != "S" or not texts.size:
    return False
  letters = np.ascontiguousarray(texts).view(np.uint8).reshape(texts.size, -1)
  first, others = letters[:, 0], letters[:, 1:]
  is_digit = lambda codes: (codes >= ord("0")) & (codes <= ord("9"))
  return bool(np.all(is_digit(first)) and np.all(is_digit(others) | (others == 0)) and not np.any(
      (first == ord("0")) & np.any(others, axis=1)))


def _exact(texts: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
  """Whole numbers, and their texts where these say more; beyond 64 bits, texts alone.

  Args:
    texts: whole numbers; as bytes, those of `_plain_digits`, which say nothing more.
  """
  try:
    numbers = texts.astype(np.int64)
  except OverflowError:
    return _plain(texts), None
  same = texts.dtype.kind == "S" or np.array_equal(numbers.astype(str), texts)
  return numbers, None if same else texts


def _plain(texts: np.ndarray) -> np.ndarray:
  """Texts as str."""
  return np.char.decode(texts, "ascii") if texts.dtype.kind == "S" else texts
