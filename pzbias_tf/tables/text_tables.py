"""Tables of text: CSV and its relatives, with names in the first line, and astropy's formats."""

from __future__ import annotations

import csv
import itertools
import re
from typing import Sequence

from absl import logging
from astropy.table import Table
import numpy as np

from pzbias_tf.tables.binary_tables import from_astropy
from pzbias_tf.tables.table_contents import TableColumns
from pzbias_tf.tables.text_columns import columns_of, fields, filled_lines, lines_of
from pzbias_tf.tables.text_values import is_number, typed_columns

_DELIMITERS = ("\t", ";", ",", "|", " ")
"""In the order in which they are tried; blanks separate where nothing else does."""
_SEPARATOR = re.compile(r"\"?sep=.\"?")  # first line of spreadsheets
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
    return from_astropy(Table.read(text.rstrip().split("\n"), format=f"ascii.{astropy_format}"))
  names, values, delimiter = _split_header(text, path)
  return typed_columns(names, columns_of(values, len(names), delimiter))


def decoded(content: bytes) -> str:
  """Text of a file in UTF-8, UTF-16 with a mark, or Latin-1, without marks and carriage returns."""
  for encoding in (("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else
                   ("utf-8-sig", "latin-1")):
    try:
      return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    except UnicodeDecodeError:
      continue
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
  return "ipac" if re.match(r"(\\.*\n)*\|.*\|\s*\n", start) else ""


def _split_header(text: str, path: str) -> tuple[list[str], str, str]:
  """Names, the lines of values, and what separates these."""
  comments, start = _first_comments(text)
  rows = _without_comments(text[start:], path)
  first = list(itertools.islice(filled_lines(rows), _LINES))
  if not first and not comments:
    raise ValueError("it is empty")
  if not first:
    raise ValueError("it holds comments, and no values")
  named = _commented_names(comments, first)
  if named:
    return named[0], rows, named[1]
  delimiter = _delimiter(first)
  names = _clean(next(fields(first[:1], delimiter)))
  if any(is_number(name) for name in names):
    raise ValueError(f"its first line holds numbers, and no names of columns: {first[0][:60]!r}; "
                     "add a line of names")
  return names, rows[rows.index(first[0]) + len(first[0]):].removeprefix("\n"), delimiter


def _first_comments(text: str) -> tuple[list[str], int]:
  """The comments at the beginning, and where the first line after them starts."""
  comments: list[str] = []
  start, at_top = 0, True
  for line in lines_of(text):
    own = line.strip()
    if own.startswith("#"):
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
      names = _clean(next(fields([comment.lstrip().lstrip("#").strip()], of_names), []))
      if len(names) == num and len(set(names)) == num and all(
          re.search(r"\w", name) and not is_number(name) for name in names):
        return names, of_rows
  return None


def _clean(names: Sequence[str]) -> list[str]:
  return [name.strip().strip("\"',;").strip() for name in names]
