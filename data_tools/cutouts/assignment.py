"""The field of each position, or the reason why it has none."""

from __future__ import annotations

import dataclasses
from typing import Mapping, Sequence

import numpy as np

from data_tools.cutouts import footprints, frames
from data_tools.cutouts.fields import ImagedField
from data_tools.cutouts.positions import Positions

NO_POSITION = "position missing or not on the sky"
NO_FRAME = "outside of all frames"
_NOWHERE, _AT_EDGE, _INCOMPLETE, _WHOLE = range(4)


@dataclasses.dataclass(frozen=True)
class Assignment:
  """The field and cutout of each position.

  Attributes:
    field: [n] int, number of the field; -1 for none.
    first: [n, 2] int, first column and row of the cutout in the reference frame.
    reason: [n] object, why there is no cutout; "" if there is one.
  """

  field: np.ndarray
  first: np.ndarray
  reason: np.ndarray


def edge_of(band: str) -> str:
  """The reason for a cutout that reaches beyond a frame."""
  return f"cut by the edge of the {band} frame"


def assign(positions: Positions, fields: Sequence[ImagedField], *, bands: Sequence[str],
           reference: str, size: int) -> Assignment:
  """Assigns each position to the field in which it is farthest from all edges.

  Args:
    positions: where to cut.
    fields: the frames.
    bands: bands that a cutout needs.
    reference: the band whose pixel grid the cutouts use.
    size: side of a cutout, pixels.
  """
  num = len(positions)
  state, best_room = np.full(num, _NOWHERE), np.full(num, -np.inf)
  assigned = Assignment(np.full(num, -1), np.zeros((num, 2), np.int64),
                        np.full(num, NO_FRAME, object))
  assigned.reason[~positions.on_the_sky()] = NO_POSITION
  sky = _Sky(positions)
  for number, field in enumerate(fields):
    grids, problem = read_grids(field, bands)
    if not grids:
      continue
    anchor = grids.get(reference) or next(iter(grids.values()))
    rows = sky.near(anchor)
    first = footprints.first_pixels(anchor, positions.ra[rows], positions.dec[rows], size)
    new_state, new_room, reason = _judge(grids, problem, anchor, first, size)
    better = (new_state > state[rows]) | ((new_state == state[rows]) & (new_room > best_room[rows]))
    better &= new_state > _NOWHERE
    taken = rows[better]
    state[taken], best_room[taken] = new_state[better], new_room[better]
    assigned.reason[taken], assigned.first[taken] = reason[better], first[better]
    assigned.field[taken] = np.where(new_state[better] == _WHOLE, number, -1)
  return assigned


def read_grids(field: ImagedField, bands: Sequence[str]) -> tuple[dict[str, frames.Grid], str]:
  """Grids of a field's frames, and the problem of the first band without one."""
  grids, problem = {}, ""
  for band in bands:
    try:
      if band not in field.files:
        raise frames.FrameError("missing")
      grids[band] = frames.read_grid(field.files[band])
    except frames.FrameError as error:
      problem = problem or f"band {band}: {error}"
  return grids, problem


class _Sky:
  """Positions sorted by declination, so that those of a frame are found quickly."""

  def __init__(self, positions: Positions):
    rows = np.flatnonzero(positions.on_the_sky())
    self._rows = rows[np.argsort(positions.dec[rows], kind="stable")]
    self._ra, self._dec = positions.ra[self._rows], positions.dec[self._rows]

  def near(self, grid: frames.Grid) -> np.ndarray:
    """Rows of positions within a circle around a frame's middle that encloses the frame."""
    height, width = grid.shape
    middle, corner = grid.wcs.all_pix2world([[(width - 1) / 2, (height - 1) / 2], [-1, -1]], 0)
    radius = 1.1 * _separation(*middle, *corner)
    band = slice(*np.searchsorted(self._dec, [middle[1] - radius, middle[1] + radius]))
    inside = _separation(self._ra[band], self._dec[band], *middle) < radius
    return self._rows[band][inside]


def _separation(ra, dec, other_ra, other_dec):
  """Angle between two places on the sky, all in deg; haversines keep small angles exact."""
  ra, dec, other_ra, other_dec = (np.radians(angle) for angle in (ra, dec, other_ra, other_dec))
  squared = (np.sin((dec - other_dec) / 2) ** 2
             + np.cos(dec) * np.cos(other_dec) * np.sin((ra - other_ra) / 2) ** 2)
  return np.degrees(2 * np.arcsin(np.sqrt(np.minimum(squared, 1))))


def _judge(grids: Mapping[str, frames.Grid], problem: str, anchor: frames.Grid,
           first: np.ndarray, size: int):
  """State, room (pixels) and reason of positions in one field, each [n]."""
  num = len(first)
  state, least, reason = np.full(num, _WHOLE), np.full(num, np.inf), np.full(num, "", object)
  for band, grid in grids.items():
    places = footprints.corners(anchor, first, size, grid)
    room = footprints.room(places, grid, resampled=grid is not anchor)
    reason[(room < 0) & (reason == "")] = edge_of(band)
    least = np.minimum(least, room)
  state[least < 0] = _AT_EDGE
  if problem:
    reason[state == _WHOLE], state[state == _WHOLE] = problem, _INCOMPLETE
  middle = first + size // 2
  outside = np.any((middle < 0) | (middle >= np.array(anchor.shape[::-1])), axis=1)
  state[outside] = _NOWHERE
  return state, least, reason
