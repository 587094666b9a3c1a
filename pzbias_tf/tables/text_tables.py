"""Tables of text: CSV and its relatives, with names in the first line, and astropy's formats."""

from __future__ import annotations

import csv
import re
from typing import Sequence

from absl import logging
from astropy.table import Table
import numpy as np

from pzbias_tf.tables import text_lines
from pzbias_tf.tables.binary_tables import from_astropy
from pzbias_tf.tables.table_contents import TableColumns
from pzbias_tf.tables.text_columns import columns_of, fields, first_lines, lines_of
from pzbias_tf.tables.text_values import is_number, typed_columns

_DELIMITERS = ("\t", ";", ",", "|", " ")
"""In the order in which they are tried; blanks separate where nothing else does."""
_SEPARATOR = re.compile(r"\"?sep=.\"?")  # first line of spreadsheets
_SPREADSHEET_TEXT = re.compile(  # ="007", also as "=""007""", and '007'
    r"""(?<![^\n,;\t|])(?:"=""([^"\n]*)\"""|="([^"\n]*)"|'([^',;|\t\n]*)')(?![^\n,;\t|])""")
_COMMENT = re.compile(r"^[^\S\n]*#.*\n?", re.MULTILINE)
_LINES = 20  # that tell the delimiter


def read_text(path: str, content: bytes) -> TableColumns:
  """The columns of a table of text.

  Raises:
    ValueError: there is no line of names, or a line has more values than names.
  """
  text = decoded(content)
  astropy_format = _astropy_format(text)
  if astropy_format:
    missing = {"fill_values": [("", "0"), ("null", "0")]} if astropy_format == "ecsv" else {}
    return from_astropy(Table.read(text.rstrip().split("\n"), format=f"ascii.{astropy_format}",
                                   **missing))
  if '="' in text or "'" in text:
    text = _SPREADSHEET_TEXT.sub(r'"\1\2\3"', text)
  names, units, values, delimiter = _split_header(text, path)
  columns = typed_columns(names, columns_of(values, len(names), delimiter))
  for name, unit in zip(names, units):
    columns.set_unit(name, unit)
  return columns


def decoded(content: bytes) -> str:
  """Text of a file in UTF-8, UTF-16 with a mark, or Latin-1, without marks and carriage returns."""
  for encoding in (("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else
                   ("utf-8-sig", "latin-1")):
    try:
      text = content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n").strip(
          "\ufeff\0\x1a")
    except UnicodeDecodeError:
      continue
    if "\0" in text:
      raise ValueError("it holds bytes of value 0, so it is no text, or in UTF-16 without a mark; "
                       "save it as UTF-8")
    return text
  raise ValueError("its text is in no known encoding; save it as UTF-8")


def _astropy_format(text: str) -> str:
  """The name of a format that astropy alone knows, "" for others."""
  start = text[:20000]
  if re.match(r"#\s*%ECSV", start):
    return "ecsv"
  if re.match(r"#\s*1\s+\w+.*\n#\s*2\s+\w+", start):
    return "sextractor"
  if "Byte-by-byte Description of file" in start:
    return "mrt" if start.startswith("Title:") else "cds"
  return "ipac" if re.match(r"(\\.*\n)*(\|.*\|\s*\n){1,4}[^|\\]", start) else ""


def _split_header(text: str, path: str) -> tuple[list[str], list[str], str, str]:
  """Names, units, the lines of values, and what separates these."""
  comments, start = _first_comments(text)
  rows = text_lines.without_footer(_without_comments(text[start:], path))
  first, others = first_lines(rows, _LINES)
  if not first and not comments:
    raise ValueError("it is empty")
  if not first:
    raise ValueError("it holds comments, and no values")
  named = _commented_names(comments, first)
  if named:
    return named[0], [], rows, named[1]
  first, below = text_lines.split(first)
  delimiter = _delimiter(first)
  names = _clean(next(fields(first[:1], delimiter)))
  if any(is_number(name) for name in names):
    raise ValueError(f"its first line holds numbers, and no names of columns: {first[0][:60]!r}; "
                     "add a line of names")
  units = text_lines.units_of(first, lambda lines: list(fields(lines, delimiter)), below=below)
  values = [*first[2 if units else 1:], text_lines.without_line(others, first[0])]
  return names, units, "\n".join(values), delimiter


def _first_comments(text: str) -> tuple[list[str], int]:
  """The comments at the beginning, and where the first line after them starts."""
  comments: list[str] = []
  start, at_top = 0, True
  for line in lines_of(text):
    own = line.strip()
    if text_lines.COMMENT.match(line):
      comments.append(line)
    elif own and not (at_top and _SEPARATOR.fullmatch(own)):
      break
    at_top = at_top and not own
    start += len(line) + 1
  return comments, start


def _without_comments(rows: str, path: str) -> str:
  """The lines of a table without comments among them."""
  found = len(_COMMENT.findall(rows)) if "#" in rows else 0
  if found:
    logging.warning("%s: %d lines that begin with # are passed over as comments", path, found)
  return _COMMENT.sub("", rows) if found else rows


def _delimiter(lines: Sequence[str]) -> str:
  """What separates the values: it stands in the first and most lines, if possible equally often."""
  counts = {delimiter: [len(row) for row in csv.reader(lines, delimiter=delimiter)]
            for delimiter in _DELIMITERS[:-1]}
  found = [delimiter for delimiter, fields in counts.items()
           if fields[0] > 1 and np.median(fields) > 1]
  equally = [delimiter for delimiter in found if len(set(counts[delimiter])) == 1]
  return next(iter([*equally, *found]), " ")


def _commented_names(comments, rows) -> tuple[list[str], str] | None:
  """Names in a comment, the last one with as many words as there are values, and a delimiter.

  None where the first line that is no comment has the names, as all of its words are such.
  """
  usual = _delimiter(rows)
  first = next(fields(rows[:1], usual))
  if not any(map(is_number, first)) and len(set(first)) == len(first):
    return None
  same = [(delimiter, delimiter) for delimiter in _DELIMITERS]
  for of_names, of_rows in (*same, *((delimiter, usual) for delimiter in _DELIMITERS)):
    num = len(next(fields(rows[:1], of_rows)))
    for comment in reversed(comments) if num > 1 or of_names == of_rows == " " else ():
      names = _clean(next(fields([comment.lstrip(" \t#%!/;").strip()], of_names), []))
      if len(names) == num and len(set(names)) == num and all(
          re.search(r"\w", name) and not is_number(name) for name in names):
        return names, of_rows
  return None


def _clean(names: Sequence[str]) -> list[str]:
  return [name.strip().strip("\"',;").strip() for name in names]
