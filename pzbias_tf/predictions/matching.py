"""Columns of another table, matched to galaxies by their ids."""

from __future__ import annotations

import numpy as np


def match_by_id(wanted: np.ndarray, ids: np.ndarray, values: np.ndarray, what: str) -> np.ndarray:
  """The value of each galaxy.

  Args:
    wanted: ids of the galaxies [n].
    ids: ids of the table [rows], in any order, none twice; it may hold other
      galaxies as well.
    values: numbers of the table [rows].
    what: what the numbers are, for complaints.

  Returns:
    [n] float64.

  Raises:
    ValueError: the columns differ in length, an id stands in the table twice, or
      a galaxy is not in it.
  """
  ids, values = np.asarray(ids).astype(str), np.asarray(values, np.float64)
  if ids.shape != values.shape:
    raise ValueError(f"{ids.size} ids are given for {values.size} {what}")
  order = np.argsort(ids)
  ranked, wanted = ids[order], np.asarray(wanted).astype(str)
  if np.any(ranked[1:] == ranked[:-1]):
    twice = ranked[1:][ranked[1:] == ranked[:-1]][0]
    raise ValueError(f"id {str(twice)!r} stands in the table of {what} twice; keep one of them")
  place = np.searchsorted(ranked, wanted)
  missing = np.append(ranked, "")[place] != wanted
  if missing.any():
    raise ValueError(
        f"{missing.sum()} of {wanted.size} predicted galaxies, {str(wanted[missing][0])!r} the "
        f"first, are not in the table of {what}; pass the table of the same galaxies")
  return values[order][place]
