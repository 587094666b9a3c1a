"""What galaxies look like: bulge and disc, sizes, axis ratios, places in the cutout.

Between `population` (luminosity, colour) and `rendering` (pixels).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from data_tools.simulation import photometry
from data_tools.simulation.population import Galaxies, Population, faded

# Surface-brightness profiles with half-light radius 1 as sums of Gaussians: fraction of the
# light and standard deviation.  Our own least-squares fits over radii 0.02 to 20, weighted by
# radius^1.5, to an exponential that fades out between 3 and 4 half-light radii, and to a de
# Vaucouleurs law that fades out between 7 and 8.  They reproduce these profiles to 1% and 3%
# between 0.1 and 2 radii.
EXPONENTIAL = np.array([
    [0.0109, 0.0863, 0.3644, 0.5384],
    [0.1440, 0.3359, 0.6569, 1.2190]])
DE_VAUCOULEURS = np.array([
    [0.0189, 0.0585, 0.1311, 0.2241, 0.2908, 0.2766],
    [0.0325, 0.0901, 0.2201, 0.5113, 1.1906, 3.0951]])

POINT = np.array([[1.0], [0.0]])
"""The profile of a star."""

_MIN_RADIUS_ARCSEC, _MAX_RADIUS_ARCSEC = 0.08, 12.0
# Published radii are those of circles of equal area.  Along the major axis galaxies extend
# farther, on average by these factors, from the square root of the axis ratio.
_BULGE_MAJOR, _DISC_MAJOR = 1.10, 1.25
_MIN_RADIUS_KPC, _MAX_RADIUS_KPC = 0.5, 15.0


@dataclasses.dataclass(frozen=True)
class Component:
  """One part of n galaxies: their bulges or their discs.

  Attributes:
    profile: Gaussians of the radial profile, [2, gaussians].
    flux: stored flux, [n, bands].
    radius_arcsec: half-light radius along the major axis, [n].
    axis_ratio: minor over major axis, [n].
  """

  profile: np.ndarray
  flux: np.ndarray
  radius_arcsec: np.ndarray
  axis_ratio: np.ndarray

  @property
  def coarse_profile(self) -> np.ndarray:
    """The profile with all Gaussians but the two widest merged, [2, at most 3].

    The merged one keeps their light and variance; blurred by the wings of a PSF, it looks
    like their sum.
    """
    share, sigma = self.profile
    if len(share) <= 2:
      return self.profile
    light = share[:-2].sum()
    width = np.sqrt(np.sum(share[:-2] * sigma[:-2] ** 2) / light)
    return np.array([[light, *share[-2:]], [width, *sigma[-2:]]])


@dataclasses.dataclass(frozen=True)
class Shapes:
  """Everything that `rendering` needs to know about n galaxies.

  Attributes:
    components: bulges and discs.
    angle: position angle of the major axis, radians from the x axis, [n].
    offset_pixels: centre relative to the middle of the cutout, [n, 2] (x, y).
  """

  components: tuple[Component, ...]
  angle: np.ndarray
  offset_pixels: np.ndarray


def draw_shapes(galaxies: Galaxies, population: Population, rng: np.random.Generator) -> Shapes:
  """Draws shapes that follow luminosity, type and distance.

  Args:
    galaxies: n galaxies.
    population: the population that they were drawn from; gives kpc per arcsec.
    rng: source of randomness.
  """
  num = len(galaxies.z)
  bulge_share = _bulge_share(galaxies.colour, rng)
  radius = _radius_kpc(galaxies, bulge_share, rng) / population.kpc(galaxies.z)
  # A bulge has the colours of the red sequence as far as the galaxy's light allows: the disc,
  # which is the rest, stays positive, and the total keeps its colours.
  bulge_flux = np.minimum(bulge_share[:, None] * galaxies.flux_red, 0.95 * galaxies.flux)
  bulge_radius = radius * _BULGE_MAJOR * (0.4 + 0.6 * bulge_share)
  disc_radius = radius * _DISC_MAJOR * (1 + 0.3 * bulge_share)
  bulge = Component(
      DE_VAUCOULEURS, bulge_flux, _limited(bulge_radius), 1 - 0.35 * rng.random(num))
  disc = Component(
      EXPONENTIAL, galaxies.flux - bulge_flux, _limited(disc_radius),
      _disc_axis_ratio(num, rng))
  return Shapes((bulge, disc), np.pi * rng.random(num), rng.random((num, 2)) - 0.5)


def _limited(radius_arcsec):
  """Keeps galaxies resolvable by the Gaussians and inside a cutout."""
  return np.clip(radius_arcsec, _MIN_RADIUS_ARCSEC, _MAX_RADIUS_ARCSEC)


def _bulge_share(colour, rng):
  """Fraction of bulge light in r: a tenth for blue galaxies, three quarters for red ones."""
  mean = 0.1 + 0.65 * np.clip((colour - 1.3) / (photometry.RED_COLOUR - 1.3), 0, 1)
  return np.clip(mean + 0.12 * rng.standard_normal(len(colour)), 0.0, 0.95)


def _radius_kpc(galaxies, bulge_share, rng):
  """Half-light radius, kpc: early and late types of Shen et al. (2003), by bulge share.

  Their relations hold for galaxies of today, so the luminosity is that of the galaxy after
  fading; distant galaxies are smaller, roughly as (1 + z)^-0.5.
  """
  mag_abs = faded(galaxies.z, galaxies.mag_abs)
  early = 10 ** (-0.26 * mag_abs - 5.06)
  late = 10 ** (-0.4 * 0.26 * mag_abs - 1.71) * (
      1 + 10 ** (-0.4 * (mag_abs + 20.91))) ** 0.25
  mean = early**bulge_share * late ** (1 - bulge_share)
  scatter = np.exp(0.3 * rng.standard_normal(len(bulge_share)))
  return np.clip(mean * scatter, _MIN_RADIUS_KPC, _MAX_RADIUS_KPC) / np.sqrt(1 + galaxies.z)


def _disc_axis_ratio(num, rng):
  """Discs of thickness 0.2 seen from random directions, except the most edge-on ones."""
  cos_inclination = rng.uniform(0.1, 1.0, num)
  return np.sqrt(0.04 + 0.96 * cos_inclination**2)
