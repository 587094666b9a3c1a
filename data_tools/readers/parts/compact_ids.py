"""Ids as bytes, which take a quarter of the memory of text.

A catalogue may have them so; whoever uses ids takes them from here, as text.
"""

from __future__ import annotations

from typing import Any, Iterator

from astropy.table import Column
import numpy as np

WIDTH = "width_of_text"
"""Letters of the text that the ids were; catalogues are written in this width."""
_BLOCK = 10_000


def packed(ids: Column) -> Column:
  """A column of ids [objects] str as bytes; ids are ASCII."""
  text = np.asarray(ids)
  # Encoded, an empty array would become one of numbers.
  values = np.char.encode(text, "ascii") if text.size else text.astype("S1")
  column = Column(values, description=ids.description)
  column.meta[WIDTH] = text.dtype.itemsize // 4
  return column


def texts(ids: Any, rows: Any = slice(None)) -> np.ndarray:
  """Some ids as text, [rows] str.

  Args:
    ids: a column of `packed`, or of text.
    rows: their rows; all of them by default.
  """
  values = np.asarray(ids)[rows]
  if values.dtype.kind != "S":
    return values
  width = getattr(ids, "meta", {}).get(WIDTH, values.dtype.itemsize)
  text = np.char.decode(values, "ascii") if values.size else values
  return text.astype(f"U{width}")


def each(ids: Any) -> Iterator[str]:
  """All ids as text, one by one; few are in memory as such at once."""
  for start in range(0, len(ids), _BLOCK):
    yield from texts(ids, slice(start, start + _BLOCK)).tolist()
