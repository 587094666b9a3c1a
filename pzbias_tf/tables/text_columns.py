"""Takes lines of text apart into columns: plain ones by numpy, all others by the csv module.

Both give the same values.  Plain are lines of ASCII with one value per column, quoted as a whole
or not at all; numpy makes no object of Python per value, which takes most of the time.
"""

from __future__ import annotations

import csv
import itertools
from typing import Iterable, Iterator, Sequence

import numpy as np

_BLOCK = 1 << 21  # letters that are taken apart at a time
_ROWS = 100_000  # the same, by the csv module
_PADDED = 4  # times its letters, a block may take as arrays of values of one width

_BLANK, _TAB, _LINE_END, _QUOTE = b" \t\n\""


def columns_of(text: str, num: int, delimiter: str) -> list[np.ndarray]:
  """The values of each column, without blanks around them; missing at the end of a line: "".

  Args:
    text: lines of values.
    num: number of columns.
    delimiter: what separates the values; " " for any number of blanks and tabs.

  Returns:
    One array per column, [rows] bytes, or str if they are not plain ASCII.

  Raises:
    ValueError: a line has too many values, or, between blanks, too few.
  """
  blocks: list[list[np.ndarray]] = []
  start = rows = 0
  while start < len(text):
    end = text.find("\n", start + _BLOCK) + 1 or len(text)
    block = text[start:end]
    plain = _plain_columns(block if block.endswith("\n") else block + "\n", num, delimiter)
    if plain is None and '"' in block:  # a quoted value may go on in the next block
      block, end = text[start:], len(text)
    for columns in [plain] if plain else _other_columns(block, num, delimiter, rows):
      blocks.append(columns)
      rows += len(columns[0])
    start = end
  return [np.concatenate(parts) for parts in zip(*blocks)] if blocks else [
      np.array([], str)] * num


def first_lines(text: str, number: int) -> tuple[list[str], str]:
  """The first lines that are not blank, and the text after them."""
  first: list[str] = []
  start = 0
  for line in lines_of(text):
    if len(first) == number:
      break
    first += [line] if line.strip() else []
    start += len(line) + 1
  return first, text[start:]


def lines_of(text: str) -> Iterator[str]:
  """The lines of a text, one at a time, without their ends."""
  start = 0
  while start < len(text):
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    yield text[start:end]
    start = end + 1


def fields(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
  """The values of each line."""
  if delimiter == " ":
    lines = (line.replace("\t", " ").strip() for line in lines)
  return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)


def _plain_columns(lines: str, num: int, delimiter: str) -> list[np.ndarray] | None:
  """The values of each column, [rows] bytes each; None where a line is not plain."""
  if not lines.isascii():
    return None
  text = np.frombuffer(lines.encode(), np.uint8)
  line_ends = np.flatnonzero(text == _LINE_END)
  tabs = np.count_nonzero(text == _TAB)
  if np.count_nonzero(text < _BLANK) > line_ends.size + tabs:
    return None
  starts, ends = _words(text) if delimiter == " " else _between(text, ord(delimiter))
  if not _one_per_column(starts, ends, line_ends, num) or not _move_into_quotes(
      text, starts, ends):
    return None
  widths = [max(1, (ends[column::num] - starts[column::num]).max()) for column in range(num)]
  if line_ends.size * max(widths) > _PADDED * text.size:
    return None
  columns = [_cut(text, starts[column::num], ends[column::num], width)
             for column, width in enumerate(widths)]
  if tabs or " " in lines:
    columns = [np.char.strip(column) for column in columns]
  return None if (delimiter == "\t" or num == 1) and _some_blank(columns) else columns


def _between(text, delimiter):
  """Where the values between delimiters and line ends start and end."""
  ends = np.flatnonzero((text == delimiter) | (text == _LINE_END))
  return np.concatenate([[0], ends[:-1] + 1]), ends


def _words(text):
  """Where what is no blank, tab or line end starts and ends."""
  inside = (text != _BLANK) & (text != _TAB) & (text != _LINE_END)
  edges = np.flatnonzero(np.diff(inside, prepend=False))
  return edges[::2], edges[1::2]


def _one_per_column(starts, ends, line_ends, num) -> bool:
  """Whether each line has so many values."""
  return len(starts) == len(line_ends) * num and bool(
      np.all(ends[num - 1::num] <= line_ends) and np.all(starts[num::num] > line_ends[:-1]))


def _move_into_quotes(text, starts, ends) -> bool:
  """Moves starts and ends behind quotes; False where quotes stand elsewhere than there."""
  quotes = np.count_nonzero(text == _QUOTE)
  if quotes:
    quoted = (text[starts] == _QUOTE) & (text[ends - 1] == _QUOTE) & (ends - starts > 1)
    starts += quoted
    ends -= quoted
    quotes -= 2 * np.count_nonzero(quoted)
  return not quotes


def _some_blank(columns) -> bool:
  """Whether a line may be a blank one, which is none of the table."""
  return bool(np.any(np.all([column == b"" for column in columns], axis=0)))


def _cut(text, starts, ends, width) -> np.ndarray:
  """What stands between starts and ends, [rows] bytes."""
  place = starts.astype(np.int32)[:, None] + np.arange(width, dtype=np.int32)
  letters = text[np.minimum(place, text.size - 1)]
  letters[place >= ends[:, None]] = 0
  return letters.view(f"S{width}")[:, 0]


def _other_columns(text, num, delimiter, done) -> Iterator[list[np.ndarray]]:
  """The values of each column, some rows at a time, after so many rows done before."""
  rows = fields((line for line in lines_of(text) if line.strip()), delimiter)
  while block := list(itertools.islice(rows, _ROWS)):
    if set(map(len, block)) != {num}:
      _make_regular(block, num, done, pad=delimiter != " ")
    yield [_compact(column) for column in zip(*block)]
    done += len(block)


def _make_regular(rows, num, done, *, pad) -> None:
  """Gives each row so many values."""
  for line, row in enumerate(rows, 1 + done):
    while len(row) > num and not row[-1].strip():
      row.pop()  # a delimiter at the end of the line
    if len(row) > num or len(row) < num and not pad:
      raise ValueError(f"row {line} has {len(row)} values for {num} columns: "
                       f"{', '.join(row)[:80]!r}")
    row.extend([""] * (num - len(row)))


def _compact(column: Sequence[str]) -> np.ndarray:
  """Texts as bytes, which take a quarter of the memory, where they are plain ASCII."""
  texts = np.array([value.strip() for value in column])
  try:
    return texts.astype("S")
  except UnicodeEncodeError:
    return texts
