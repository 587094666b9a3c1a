"""Neighbours: other galaxies and stars that happen to be in a cutout.

They are at random places, as dense as on the sky, and may be brighter than the galaxy in
the middle.  Catalogue magnitudes do not include them, as after a perfect deblending.  Used
by `observation`, uses `rendering`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from data_tools.simulation import photometry, rendering, structure
from data_tools.simulation.instruments import Instrument
from data_tools.simulation.population import R_BAND, Population, SampleSelection

_STAMP, _BRIGHT_STAMP = 32, 96  # pixels
_BRIGHT = 1000.0  # flux, in units of a pixel's sky noise, above which light reaches far
_MARGIN = 8  # pixels around the cutout from which light still reaches it
_BLENDED_ARCSEC = 2.0  # nearer objects would be catalogued as one

# Number of stars brighter than r per square degree: 2400 at r = 22, rising as 10^(0.13 r).
# Together with the galaxies this gives the objects that we counted on an SDSS field at
# galactic latitude -54 deg (run 2820, camcol 3, field 122): 2,400 per square degree to
# r = 20, 4,300 to r = 21 and 8,500 to r = 22.
_STARS_AT_22, _STAR_SLOPE = 2400.0, 0.13
_STAR_BRIGHT = 14.0
# Colours of the stellar locus (Covey et al. 2007), rounded to those of 50 stars of that
# field: g - i, then u - g, g - r, r - i, i - z.
_LOCUS_GI = np.array([0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 2.5, 3.0])
_LOCUS = np.array([
    [0.95, 0.23, 0.07, 0.02], [1.05, 0.37, 0.13, 0.05], [1.32, 0.52, 0.18, 0.08],
    [1.87, 0.74, 0.26, 0.13], [2.38, 1.10, 0.40, 0.21], [2.50, 1.33, 0.67, 0.36],
    [2.50, 1.40, 1.10, 0.60], [2.55, 1.46, 1.54, 0.86]])


@dataclasses.dataclass(frozen=True, kw_only=True)
class NeighbourField:
  """The objects on the sky between the sample's galaxies.

  Attributes:
    galaxies: limits in r and z of the galaxies to add.
    galaxies_per_deg2: number of these galaxies on the sky.
  """

  galaxies: SampleSelection
  galaxies_per_deg2: float

  @property
  def stars_per_deg2(self) -> float:
    """Number of stars between r = 14 and the galaxies' limit."""
    ends = np.array([self.galaxies.r_faint, _STAR_BRIGHT])
    return float(-np.diff(_STARS_AT_22 * 10 ** (_STAR_SLOPE * (ends - 22)))[0])


class Neighbours:
  """Draws neighbours and adds their light to images."""

  def __init__(self, field: NeighbourField, grid: photometry.FluxGrid, instrument: Instrument,
               density: float):
    """Prepares the population.

    Args:
      field: the objects on the sky.
      grid: template fluxes over the field's redshifts.
      instrument: filters and units.
      density: density of neighbours in units of the sky's; 0 for none.
    """
    self._field, self._instrument, self._density = field, instrument, density
    self._population: Any = Population(field.galaxies, grid, instrument) if density else None

  def add(self, images: np.ndarray, transmitted: np.ndarray, fwhm_arcsec: np.ndarray,
          rng: np.random.Generator) -> None:
    """Adds neighbours to noise-free images, in place.

    The draws depend on `transmitted` alone, so that fewer images are a prefix of more.

    Args:
      images: [n, size, size, bands] float32.
      transmitted: fraction of the flux that passes the dust, [at least n, bands].
      fwhm_arcsec: PSF widths, [at least n, bands].
      rng: source of all random numbers.
    """
    if not self._density:
      return
    size, num = images.shape[1], len(transmitted)
    for draw, per_deg2 in ((self._galaxies, self._field.galaxies_per_deg2),
                           (self._stars, self._field.stars_per_deg2)):
      image_of, place = self._places(num, size, per_deg2, rng)
      flux, shapes = draw(len(image_of), rng)
      shown = image_of < len(images)
      bright = flux[:, R_BAND] > _BRIGHT * self._faint_flux
      for chosen, stamp in ((shown & ~bright, _STAMP), (shown & bright, _BRIGHT_STAMP)):
        rows = np.flatnonzero(chosen)
        corner, offset = _corners(place[rows], size, stamp)
        stamps = rendering.render(
            _moved(shapes, rows, offset), transmitted[image_of[rows]], fwhm_arcsec[image_of[rows]],
            self._instrument, stamp)
        for image, light, first in zip(image_of[rows], stamps, corner):
          _add_stamp(images[image], light, first)

  @property
  def _faint_flux(self):
    return max(rms[R_BAND] for rms in self._instrument.sky_rms.values())

  def _places(self, num, size, per_deg2, rng):
    """The cutout of each object [m], and its place relative to the middle in pixels [m, 2]."""
    side = size + 2 * _MARGIN
    scale = self._instrument.pixel_scale_arcsec
    mean = self._density * per_deg2 * (side * scale / 3600) ** 2
    image_of = np.repeat(np.arange(num), rng.poisson(mean, num))
    place = side * (rng.random((len(image_of), 2)) - 0.5)
    apart = np.hypot(*place.T) * scale > _BLENDED_ARCSEC
    return image_of[apart], place[apart]

  def _galaxies(self, num, rng):
    galaxies = self._population.draw(num, rng)
    return galaxies.flux, structure.draw_shapes(galaxies, self._population, rng)

  def _stars(self, num, rng):
    """Stars: half of them near the turn-off's colour, half spread over the red dwarfs."""
    ends = 10 ** (_STAR_SLOPE * np.array([_STAR_BRIGHT, self._field.galaxies.r_faint]))
    r_mag = np.log10(rng.uniform(*ends, num)) / _STAR_SLOPE
    blue = rng.random(num) < 0.5
    g_i = np.where(blue, 0.6 + 0.15 * rng.standard_normal(num), rng.uniform(0.8, 3.0, num))
    colour = np.stack([np.interp(g_i, _LOCUS_GI, column) for column in _LOCUS.T], axis=-1)
    u_g, g_r, r_i, i_z = (colour + 0.03 * rng.standard_normal(colour.shape)).T
    mag = r_mag + np.stack([u_g + g_r, g_r, 0 * g_r, -r_i, -r_i - i_z])
    flux = self._instrument.flux(mag.T)
    point = structure.Component(structure.POINT, flux, np.zeros(num), np.ones(num))
    return flux, structure.Shapes((point,), np.zeros(num), np.zeros((num, 2)))


def _moved(shapes: structure.Shapes, rows: np.ndarray, offset: np.ndarray) -> structure.Shapes:
  """Some of the shapes, moved to their places in a stamp."""
  parts = tuple(structure.Component(part.profile, part.flux[rows], part.radius_arcsec[rows],
                                    part.axis_ratio[rows]) for part in shapes.components)
  return structure.Shapes(parts, shapes.angle[rows], offset)


def _corners(place, size, stamp):
  """First pixel of each stamp (x, y), and the object's offset from the stamp's middle."""
  exact = place + (size - stamp) / 2
  corner = np.round(exact).astype(int)
  return corner, exact - corner


def _add_stamp(image: np.ndarray, stamp: np.ndarray, corner: np.ndarray) -> None:
  """Adds the part of a stamp that falls inside the image."""
  size, side = image.shape[0], stamp.shape[0]
  (x0, y0), (x1, y1) = np.clip(corner, 0, size), np.clip(corner + side, 0, size)
  image[y0:y1, x0:x1] += stamp[y0 - corner[1]:y1 - corner[1], x0 - corner[0]:x1 - corner[0]]
