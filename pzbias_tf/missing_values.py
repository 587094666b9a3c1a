"""Numbers that catalogues write where a value is missing, found and counted."""

from __future__ import annotations

from typing import Sequence

import numpy as np

SENTINELS = (-9999.0, -999.0, -99.0, 99.0, 999.0)
"""Numbers that stand for a missing redshift or magnitude."""

_LOWEST_REDSHIFT = -1.0  # at which 1 + z is 0


def find_missing(values: np.ndarray, *, redshifts: bool,
                 further: Sequence[float] = ()) -> tuple[np.ndarray, dict[str, int]]:
  """Finds missing values: SENTINELS, NaN, infinite ones, and impossible redshifts.

  Args:
    values: a column, [n] float64; masked values are NaN.
    redshifts: whether they are redshifts, of which -1 and below are impossible.
    further: numbers that stand for a missing value as well.

  Returns:
    Which values are missing, [n] bool, and {reason: number of values}.
  """
  found = {f"{number:g}": values == number for number in (*SENTINELS, *further)}
  found |= {"NaN": np.isnan(values), "infinite": np.isinf(values)}
  missing = np.any(list(found.values()), axis=0)
  if redshifts:
    found["-1 or below"] = ~missing & (values <= _LOWEST_REDSHIFT)
    missing |= found["-1 or below"]
  return missing, {reason: int(own.sum()) for reason, own in found.items() if own.any()}
