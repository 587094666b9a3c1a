"""The grids of a field's frames by band, and what is wrong with those that cannot be used."""

from __future__ import annotations

import dataclasses
from typing import Mapping, Sequence

import numpy as np

from data_tools.cutouts import celestial
from data_tools.cutouts.fields import ImagedField
from data_tools.cutouts.frame_files import ImageChoice, read_grids
from data_tools.cutouts.frames import FrameError, Grid
from data_tools.fits_headers.flux_scale import FluxScale
from data_tools.fits_headers.pixel_units import PixelUnit


@dataclasses.dataclass(frozen=True)
class FieldGrids:
  """The frames of one field.

  Attributes:
    by_band: {band: its frames, one per CCD}; bands without any are left out.
    problem: that of the first band without a frame, "" if there is none.
    unused: {file: why it, or an image in it, cannot be used}.
  """

  by_band: Mapping[str, Sequence[Grid]]
  problem: str
  unused: Mapping[str, str]

  def of(self, reference: str) -> Sequence[Grid]:
    """The frames of the reference band, or of the first band that has any."""
    return self.by_band.get(reference) or next(iter(self.by_band.values()), ())

  def near(self, band: str, anchor: Grid) -> list[Grid]:
    """The frames of a band that may overlap with another frame."""
    if len(self.by_band[band]) == 1:
      return list(self.by_band[band])
    ra, dec, radius = circle_around(anchor)
    circles = [(grid, *circle_around(grid)) for grid in self.by_band[band]]
    return [grid for grid, grid_ra, grid_dec, grid_radius in circles
            if grid is anchor
            or celestial.separation(ra, dec, grid_ra, grid_dec) < radius + grid_radius]


class KnownUnits:
  """The unit and zero point of each band, by the first frames that state them."""

  def __init__(self):
    self._first: dict[str, tuple[FluxScale, str]] = {}

  def check(self, band: str, grids: Sequence[Grid], path: str) -> None:
    """Raises FrameError if a frame has another scale than the frames of its band before."""
    for grid in grids:
      first, first_path = self._first.setdefault(band, (grid.scale, path))
      difference = grid.scale.difference(first)
      if difference:
        raise FrameError(f"{difference.format(first_path)}; convert all frames of a band to one "
                         "unit and zero point")
      self._first[band] = first.joined(grid.scale), first_path


def read_field(field: ImagedField, choice: ImageChoice, known: KnownUnits) -> FieldGrids:
  """Reads the headers of a field's files.

  Args:
    field: the files.
    choice: bands, and which images of the files count.
    known: the units of frames read before; those of this field are added.
  """
  by_band, unused, problem = {}, {}, ""
  for band in choice.bands:
    try:
      if band not in field.files:
        raise FrameError("missing")
      grids, left_out = read_grids(field.files[band], band, choice)
      if left_out:
        unused[field.files[band]] = left_out
      known.check(band, grids, field.files[band])
      by_band[band] = grids
    except FrameError as error:
      problem = problem or f"band {band}: {error}"
      if band in field.files:
        unused[field.files[band]] = str(error)
  return FieldGrids(by_band, problem or _mixed(by_band), unused)


def circle_around(grid: Grid) -> tuple[float, float, float]:
  """Middle (ra, dec) and radius of a circle that encloses a frame, deg."""
  right, bottom = grid.shape[1] - 1, grid.shape[0] - 1
  middle, *corners = celestial.to_sky(grid.wcs, np.array([
      [right / 2, bottom / 2], [0, 0], [right, 0], [0, bottom], [right, bottom]]))
  distances = celestial.separation(*middle, *np.transpose(corners))
  # Corners that are not on the sky are those of a map of all of it.
  radius = 1.1 * np.max(distances) if np.all(np.isfinite(distances)) else 180.0
  return *middle.tolist(), float(radius)


def _mixed(by_band: Mapping[str, Sequence[Grid]]) -> str:
  """The problem of a field with surface brightness in some bands, flux per pixel in others."""
  of_kind = {grid.kind: (band, grid.flux_unit) for band, grids in by_band.items()
             for grid in grids}
  if not {PixelUnit.SURFACE_BRIGHTNESS, PixelUnit.FLUX} <= set(of_kind):
    return ""
  (band, text), (other, other_text) = (
      of_kind[kind] for kind in (PixelUnit.SURFACE_BRIGHTNESS, PixelUnit.FLUX))
  return (f"band {band} in {text}, a surface brightness, but band {other} in {other_text}, a flux "
          "per pixel (BUNIT)")
