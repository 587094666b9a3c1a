"""Which galaxies exist: redshift, luminosity, type, colours.

Redshift and absolute magnitude come from an evolving Schechter law times the comoving
volume, cut by the sample's r limit.  Distant galaxies are therefore luminous and rare: the
underpopulation that the method deals with.  Shapes follow in `structure`, pixels in
`rendering`.
"""

from __future__ import annotations

import dataclasses

from astropy.cosmology import FlatLambdaCDM
import numpy as np

from data_tools.simulation import photometry
from data_tools.simulation.instruments import Instrument

R_BAND = 2
_GRID_Z, _GRID_M = 400, 220
_M_BRIGHT, _M_FAINT = -25.5, -14.0
# Schechter law of SDSS galaxies in r (Blanton et al. 2003, h = 0.7).
_M_STAR, _SLOPE = -21.2, -1.05
# With redshift, galaxies get brighter (mag per unit of z, up to a limit) and rarer (power of
# 1 + z).
_EVOLUTION, _EVOLUTION_END, _RARER = 1.2, 1.5, 0.4
_BLUEST_COLOUR = 1.2
_PROPOSALS = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampleSelection:
  """The cuts that select the galaxies with spectra in one part of a survey.

  Attributes:
    field: prefix of the field names ("" for none, "W", "D").
    r_bright: brightest r magnitude.
    r_half: magnitude at which half of the galaxies are kept, in a logistic fall.
    r_width: width of that fall, mag.
    r_faint: faintest r magnitude.
    z_min: smallest redshift.
    z_max: largest redshift.
    tail_share: fraction of galaxies in a tail at high redshift, besides the Schechter law.
    tail_start: redshift at which the tail starts.
    tail_scale: exponential scale of the tail.
    z_photo_scatter: scatter of the reference photo-z, in units of 1 + z.
    z_photo_slope: strength of the regression towards `z_photo_pivot`.
    z_photo_pivot: redshift that the reference photo-z regress to.
    z_photo_outliers: fraction of reference photo-z drawn at random.
  """

  field: str = ""
  r_bright: float
  r_half: float = 99.0
  r_width: float = 0.4
  r_faint: float
  z_min: float
  z_max: float
  tail_share: float
  tail_start: float
  tail_scale: float
  z_photo_scatter: float
  z_photo_slope: float
  z_photo_pivot: float
  z_photo_outliers: float = 0.0

  def kept(self, r_mag: np.ndarray) -> np.ndarray:
    """Fraction of the galaxies of a magnitude that the sample contains."""
    fall = np.clip((r_mag - self.r_half) / self.r_width, -50, 50)
    inside = (r_mag > self.r_bright) & (r_mag < self.r_faint)
    return np.where(inside, 1 / (1 + np.exp(fall)), 0.0)


@dataclasses.dataclass(frozen=True)
class Galaxies:
  """Intrinsic properties of n galaxies, before reddening and noise.

  Attributes:
    z: redshifts, [n] float64.
    mag_abs: rest-frame r magnitude, [n].
    colour: rest-frame u - r, [n].
    flux: stored flux in each band, [n, bands].
    flux_red: the flux of a red-sequence galaxy of equal r magnitude, for bulges, [n, bands].
  """

  z: np.ndarray
  mag_abs: np.ndarray
  colour: np.ndarray
  flux: np.ndarray
  flux_red: np.ndarray


class Population:
  """Draws galaxies of one selection.

  Attributes:
    selection: the sample's cuts.
    grid: template fluxes of the instrument.
    instrument: filters and units.
    kpc_per_arcsec: [redshifts of the table], proper kpc per arcsec.
  """

  def __init__(self, selection: SampleSelection, grid: photometry.FluxGrid, instrument: Instrument):
    self.selection = selection
    self.grid = grid
    self.instrument = instrument
    self._z = np.linspace(selection.z_min, selection.z_max, _GRID_Z + 1)
    self._mag_abs = np.linspace(_M_BRIGHT, _M_FAINT, _GRID_M + 1)
    cosmology = FlatLambdaCDM(H0=70, Om0=0.3)
    self._modulus = cosmology.distmod(self._z).value
    self.kpc_per_arcsec = 1 / cosmology.arcsec_per_kpc_proper(self._z).value
    volume = cosmology.differential_comoving_volume(self._z).value
    self._cumulative = np.cumsum(self._density(volume).ravel())

  def draw(self, num: int, rng: np.random.Generator) -> Galaxies:
    """Draws `num` galaxies of the selection.

    Args:
      num: number of galaxies.
      rng: source of all random numbers.
    """
    parts, missing = [], num
    while missing > 0:
      z, mag_abs = self._propose(_PROPOSALS * missing, rng)
      colour = draw_colour(z, mag_abs, rng)
      maggies = self.grid.mix(z, photometry.draw_shares(colour, rng))
      r_mag = mag_abs + self.modulus(z) - 2.5 * np.log10(maggies[:, R_BAND])
      chance = self.selection.kept(r_mag) / self._most_kept(z, mag_abs)
      taken = np.flatnonzero(rng.random(len(z)) < chance)[:missing]
      parts.append((z[taken], mag_abs[taken], colour[taken], maggies[taken]))
      missing -= len(taken)
    z, mag_abs, colour, maggies = (np.concatenate(column) for column in zip(*parts))
    return self._with_tail(z, mag_abs, colour, maggies, rng)

  def modulus(self, z: np.ndarray) -> np.ndarray:
    """Distance modulus, mag."""
    return np.interp(z, self._z, self._modulus)

  def kpc(self, z: np.ndarray) -> np.ndarray:
    """Proper kpc per arcsec."""
    return np.interp(z, self._z, self.kpc_per_arcsec)

  def red_flux(self, z: np.ndarray, flux_r: np.ndarray) -> np.ndarray:
    """Fluxes of red-sequence galaxies with the flux `flux_r` in r, [n, bands]."""
    red = self.grid.mix(z, photometry.mean_shares(np.full(len(z), photometry.RED_COLOUR)))
    return red * (flux_r / red[:, R_BAND])[:, None]

  def _density(self, volume):
    """Relative number of galaxies in each (z, M) cell that can be in the sample, [z, M]."""
    z, mag_abs = (self._z[:-1, None] + self._z[1:, None]) / 2, self._mag_abs[None, :-1]
    brighter = 10 ** (0.4 * (_m_star(z) - mag_abs))
    schechter = brighter ** (1 + _SLOPE) * np.exp(-brighter)
    most = self._most_kept(*(axis.ravel() for axis in np.broadcast_arrays(z, mag_abs)))
    number = volume[:-1, None] / (1 + z) ** _RARER
    return schechter * number * most.reshape(schechter.shape)

  def _most_kept(self, z, mag_abs):
    """Largest fraction kept at (z, M): that of the bluest type, which is the brightest in r."""
    shares = photometry.mean_shares(np.full(np.shape(z), _BLUEST_COLOUR))
    r_mag = mag_abs + self.modulus(z) - 2.5 * np.log10(
        self.grid.mix(z, shares)[:, R_BAND]) - 0.3
    r_mag = np.maximum(r_mag, self.selection.r_bright + 1e-6)
    return np.maximum(self.selection.kept(r_mag), 1e-12)

  def _propose(self, num, rng):
    """Draws redshifts and absolute magnitudes from the density grid, uniform within a cell."""
    chosen = np.searchsorted(self._cumulative, rng.random(num) * self._cumulative[-1])
    row, column = np.divmod(np.minimum(chosen, _GRID_Z * _GRID_M - 1), _GRID_M)
    z = self._z[row] + rng.random(num) * (self._z[1] - self._z[0])
    return z, self._mag_abs[column] + rng.random(num) * (self._mag_abs[1] - self._mag_abs[0])

  def _with_tail(self, z, mag_abs, colour, maggies, rng):
    """Moves a small fraction of the galaxies to high z, near the r limit, and sets fluxes."""
    num, cut = len(z), self.selection
    tail = rng.random(num) < cut.tail_share
    span = 1 - np.exp(-(cut.z_max - cut.tail_start) / cut.tail_scale)
    z_tail = cut.tail_start - cut.tail_scale * np.log1p(-span * rng.random(num))
    r_tail = cut.r_faint - np.minimum(rng.exponential(0.3, num), 3.0)
    colour_tail = draw_colour(z_tail, _m_star(z_tail) - 1.0, rng)
    maggies_tail = self.grid.mix(z_tail, photometry.draw_shares(colour_tail, rng))
    mag_tail = r_tail - self.modulus(z_tail) + 2.5 * np.log10(maggies_tail[:, R_BAND])
    z, mag_abs = np.where(tail, z_tail, z), np.where(tail, mag_tail, mag_abs)
    colour = np.where(tail, colour_tail, colour)
    maggies = np.where(tail[:, None], maggies_tail, maggies)
    return self._finish(z, mag_abs, colour, maggies)

  def _finish(self, z, mag_abs, colour, maggies):
    """Scales the fluxes to the galaxies' distances and to stored units."""
    scale = self.instrument.flux(mag_abs + self.modulus(z))[:, None]
    flux = maggies * scale
    return Galaxies(z, mag_abs, colour, flux, self.red_flux(z, flux[:, R_BAND]))


def draw_colour(z: np.ndarray, mag_abs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Draws rest-frame u - r from a red sequence and a blue cloud, redder for luminous galaxies.

  The two Gaussians and the red fraction were fitted to SDSS main-sample galaxies (see
  `photometry`); with redshift, red galaxies become rarer and blue ones bluer.

  Args:
    z: redshifts, [n].
    mag_abs: rest-frame r magnitudes, [n].
    rng: source of randomness.
  """
  today = faded(z, mag_abs)
  odds = np.exp(-0.69 * (today + 21.75)) / (1 + np.maximum(z - 0.2, 0)) ** 1.5
  red = rng.random(len(z)) < odds / (1 + odds)
  normal = rng.standard_normal(len(z))
  blue_mean = 1.89 - 0.136 * (today + 20.9) - 0.2 * np.clip(z - 0.2, 0, 1.5)
  colour = np.where(red, photometry.RED_COLOUR + 0.08 * normal, blue_mean + 0.33 * normal)
  return np.clip(colour, 1.0, 2.64)


def faded(z: np.ndarray, mag_abs: np.ndarray) -> np.ndarray:
  """Rest-frame r magnitude today of a galaxy that is seen at z."""
  return mag_abs - _m_star(z) + _M_STAR


def _m_star(z):
  """Characteristic magnitude of the Schechter law, brightening with redshift."""
  return _M_STAR - _EVOLUTION * np.minimum(z, _EVOLUTION_END)
