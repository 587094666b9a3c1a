"""Columns of the photometric redshifts that came with the source catalogue.

One of them is the column "z_photo_ref".  Several are one column each, "z_photo_ref_" with the
name that it has in the source.  The columns have the same names in catalog.fits, in predictions
and in catalogues of estimates, so that the name goes wherever the numbers go.
"""

from __future__ import annotations

import re
from typing import Iterable, Sequence

COLUMN = "z_photo_ref"
"""The only one; `title` of it is UNNAMED."""

UNNAMED = "reference"

_PREFIX = f"{COLUMN}_"
_MOST_LETTERS = 68 - len(_PREFIX)  # FITS has room for 68 in the name of a column
_NAME = re.compile(rf"[A-Za-z0-9_]{{1,{_MOST_LETTERS}}}")  # what all readers of FITS understand
_TAKEN = ("baseline", UNNAMED)  # rows of the table of stages


def columns_for(names: Sequence[str]) -> list[str]:
  """The columns for some columns of a source.

  Args:
    names: their names in the source, at least one.

  Raises:
    ValueError: of several, two have the same name, or one has a name that cannot be kept.
  """
  if len(names) == 1:
    return [COLUMN]
  flag, lowered = f"--z_photo_column={','.join(names)}", [name.lower() for name in names]
  for place, name in enumerate(lowered):
    if name in lowered[:place]:
      raise ValueError(f"{flag} names {names[place]!r} twice (FITS ignores case); name each "
                       "column once")
    if name in _TAKEN or not _NAME.fullmatch(name):
      raise ValueError(f"{flag}: {names[place]!r} cannot be the name of one of several photometric "
                       f"redshifts; rename the column: 1 to {_MOST_LETTERS} letters, digits and _, "
                       f"not {' or '.join(_TAKEN)}")
  return [_PREFIX + name for name in names]


def columns_in(names: Iterable[str]) -> list[str]:
  """The columns of photometric redshifts among others: alphabetically, whatever their case."""
  return sorted((name for name in names if name == COLUMN or name.startswith(_PREFIX)),
                key=str.lower)


def title(column: str) -> str:
  """The name that one of these columns has in tables and figures: that in the source."""
  return column.removeprefix(_PREFIX) if column != COLUMN else UNNAMED


def description(column: str) -> str:
  """What files say about one of these columns."""
  return "photometric redshift of the source catalogue" + (
      "" if column == COLUMN else f": {title(column)}")
