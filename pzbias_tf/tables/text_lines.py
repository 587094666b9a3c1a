"""Lines of a table of text that hold neither names nor values: rules, units, names again."""

from __future__ import annotations

import re
from typing import Callable, Sequence
import warnings

from astropy import units

from pzbias_tf.tables.text_values import is_number

COMMENT = re.compile(r"\s*(?:#|%|!|//|;\s)")
"""The beginning of a comment in front of a table; within one, only # begins a comment."""

_RULE = re.compile(r"[-+=|:;,\s]+")
_LONG = re.compile(r"-{3}|={3}")
_FOOTER = re.compile(r"\(?\d+ rows?\b.*")
_USUAL_UNITS = ("deg", "degree", "degrees", "rad", "hour", "hours", "hourangle", "h:m:s", "d:m:s",
                "mag", "mags", "jy", "mjy", "ujy", "njy", "nanomaggy", "nanomaggies", "arcsec",
                "km/s", "mas", "pix", "pixel", "adu", "count", "counts")
_NO_UNIT = ("", "-", "--", "---", "none", "h:m:s", "d:m:s", "nanomaggies", "nanomaggy")


def without_footer(text: str) -> str:
  """Leaves out rules and the number of rows at the end of a text."""
  end = text.rstrip()
  while "\n" in end:
    before, _, last = end.rpartition("\n")
    if not _is_rule(last) and not _FOOTER.fullmatch(last.strip()):
      break
    text = end = before.rstrip()
  return text


def without_line(text: str, line: str) -> str:
  """Leaves out a line wherever it stands, as names are repeated where tables were joined."""
  if line not in text:
    return text
  return re.sub(rf"^{re.escape(line)}(?:\n|\Z)", "", text, flags=re.MULTILINE)


def split(first: Sequence[str]) -> tuple[list[str], bool]:
  """Leaves out rules around names and units, and names again.

  Args:
    first: the first lines, of names and values.

  Returns:
    The other lines, and whether the second is one of units, as it stands above a rule.
  """
  start = next((place for place, row in enumerate(first) if not _is_rule(row)), 0)
  below = start + 2 < len(first) and _is_rule(first[start + 2])
  head = [row for row in first[start:start + 3] if not _is_rule(row)]
  kept = [*head, *first[start + 3:]]
  return [*kept[:1], *(row for row in kept[1:] if row != kept[0])], below


def units_of(rows: Sequence[str], fields: Callable[[Sequence[str]], list[list[str]]], *,
             below: bool) -> list[str]:
  """The units of columns, if the second line holds them; else [].

  Args:
    rows: lines of names and values.
    fields: takes lines apart.
    below: whether a rule below the second line says that it holds units.
  """
  if len(rows) < 2:
    return []
  names, found, *values = fields(rows[:3])
  found = [word.strip().strip("\"'[]()") for word in found]
  same = len(found) == len(names)
  if below:
    return found if same else [""] * len(names)
  is_known = any(word.lower() in _USUAL_UNITS for word in found)
  numbers = values and all(is_number(value) for word, value in zip(found, values[0]) if word)
  return found if same and is_known and numbers and all(map(_may_be_unit, found)) else []


def _is_rule(row: str) -> bool:
  return bool(_RULE.fullmatch(row) and _LONG.search(row))


def _may_be_unit(word: str) -> bool:
  if word.lower() in _NO_UNIT:
    return True
  if is_number(word):
    return False
  with warnings.catch_warnings(action="ignore"):
    return not isinstance(units.Unit(word, parse_strict="silent"), units.UnrecognizedUnit)
