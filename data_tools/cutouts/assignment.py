"""The field of each position, or the reason why it has none."""

from __future__ import annotations

import dataclasses
from typing import Sequence

import numpy as np

from data_tools.cutouts import celestial, field_grids, footprints, frames
from data_tools.cutouts.field_grids import FieldGrids
from data_tools.cutouts.fields import ImagedField
from data_tools.cutouts.frame_files import ImageChoice
from data_tools.cutouts.positions import Positions

NO_POSITION = "position missing or not on the sky"
NO_FRAME = "outside of all frames"
NO_USABLE_FRAME = "outside of all frames that can be used"
_NOWHERE, _AT_EDGE, _INCOMPLETE, _WHOLE = range(4)


@dataclasses.dataclass(frozen=True)
class Assignment:
  """The field and cutout of each position.

  Attributes:
    field: [n] int, number of the field; -1 for none.
    units: [n, bands] int, the FITS unit of each band's file; -1 for none.
    first: [n, 2] int, first column and row of the cutout in the reference frame.
    reason: [n] object, why there is no cutout; "" if there is one.
    unused: {file: why it, or an image in it, cannot be used}.
  """

  field: np.ndarray
  units: np.ndarray
  first: np.ndarray
  reason: np.ndarray
  unused: dict[str, str]


def edge_of(band: str) -> str:
  """The reason for a cutout that reaches beyond a frame."""
  return f"cut by the edge of the {band} frame"


def assign(positions: Positions, fields: Sequence[ImagedField], *, choice: ImageChoice,
           reference: str, size: int) -> Assignment:
  """Assigns each position to the field in which it is farthest from all edges.

  Args:
    positions: where to cut.
    fields: the frames.
    choice: bands that a cutout needs, and which images of their files count.
    reference: the band whose pixel grid the cutouts use.
    size: side of a cutout, pixels.
  """
  num, bands = len(positions), choice.bands
  state, best_room = np.full(num, _NOWHERE), np.full(num, -np.inf)
  assigned = Assignment(np.full(num, -1), np.full((num, len(bands)), -1),
                        np.zeros((num, 2), np.int64), np.full(num, NO_FRAME, object), {})
  assigned.reason[~positions.on_the_sky()] = NO_POSITION
  sky, units = _Sky(positions), field_grids.KnownUnits()
  for number, field in enumerate(fields):
    grids = field_grids.read_field(field, choice, units)
    assigned.unused.update(grids.unused)
    for anchor in grids.of(reference):
      rows = sky.near(anchor)
      if not len(rows):
        continue
      first = footprints.first_pixels(anchor, positions.ra[rows], positions.dec[rows], size)
      new = _judge(grids, anchor, first, bands, size)
      better = (new.state > state[rows]) | (
          (new.state == state[rows]) & (new.room > best_room[rows]))
      better &= new.state > _NOWHERE
      taken = rows[better]
      state[taken], best_room[taken] = new.state[better], new.room[better]
      assigned.reason[taken], assigned.first[taken] = new.reason[better], first[better]
      assigned.units[taken] = new.units[better]
      assigned.field[taken] = np.where(new.state[better] == _WHOLE, number, -1)
  if assigned.unused:
    assigned.reason[assigned.reason == NO_FRAME] = NO_USABLE_FRAME
  return assigned


class _Sky:
  """Positions sorted by declination, so that those of a frame are found quickly."""

  def __init__(self, positions: Positions):
    rows = np.flatnonzero(positions.on_the_sky())
    self._rows = rows[np.argsort(positions.dec[rows], kind="stable")]
    self._ra, self._dec = positions.ra[self._rows], positions.dec[self._rows]

  def near(self, grid: frames.Grid) -> np.ndarray:
    """Rows of positions within a circle around a frame's middle that encloses the frame."""
    ra, dec, radius = field_grids.circle_around(grid)
    band = slice(*np.searchsorted(self._dec, [dec - radius, dec + radius]))
    inside = celestial.separation(self._ra[band], self._dec[band], ra, dec) < radius
    return self._rows[band][inside]


@dataclasses.dataclass(frozen=True)
class _Verdict:
  """State, room (pixels), reason and units of positions in one frame of the reference band."""

  state: np.ndarray
  room: np.ndarray
  reason: np.ndarray
  units: np.ndarray


def _judge(grids: FieldGrids, anchor: frames.Grid, first: np.ndarray, bands: Sequence[str],
           size: int) -> _Verdict:
  num = len(first)
  verdict = _Verdict(np.full(num, _WHOLE), np.full(num, np.inf), np.full(num, "", object),
                     np.full((num, len(bands)), -1))
  for column, band in enumerate(bands):
    if band not in grids.by_band:
      continue
    room, verdict.units[:, column] = _best_room(grids.near(band, anchor), anchor, first, size)
    verdict.reason[(room < 0) & (verdict.reason == "")] = edge_of(band)
    verdict.room[:] = np.minimum(verdict.room, room)
  verdict.state[verdict.room < 0] = _AT_EDGE
  if grids.problem:
    whole = verdict.state == _WHOLE
    verdict.reason[whole], verdict.state[whole] = grids.problem, _INCOMPLETE
  middle = first + size // 2
  outside = np.any((middle < 0) | (middle >= np.array(anchor.shape[::-1])), axis=1)
  verdict.state[outside] = _NOWHERE
  return verdict


def _best_room(candidates: Sequence[frames.Grid], anchor, first, size):
  """The largest distance from the edge of a frame of one band, and that frame's unit, [n] both."""
  best, unit = np.full(len(first), -np.inf), np.full(len(first), -1)
  for grid in candidates:
    places = footprints.corners(anchor, first, size, grid)
    room = footprints.room(places, grid, resampled=grid is not anchor)
    better = room > best
    best[better], unit[better] = room[better], grid.unit
  return best, unit
