"""The instrument of a simulated survey: filters, PSF, sky, units and reddening.

The first step of the simulator.  `photometry`, `population` and `rendering` use an
`Instrument` and do not name any survey themselves.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

# Extinction per unit of E(B-V) in SDSS ugriz (Stoughton et al. 2002, Table 22).
# MegaCam's filters are similar enough to use the same numbers in a simulation.
SDSS_EXTINCTION = (5.155, 3.793, 2.751, 2.086, 1.479)

# Two Gaussians reproduce the profiles of stars of an SDSS field (run 2820, camcol 3, field 122)
# over a factor of 100 in brightness: our own fits of 13 to 57 stars per band gave fractions of
# 0.16 to 0.24 and ratios of 2.5 to 3.1.
WING_SHARE, WING_RATIO = 0.22, 2.6


@dataclasses.dataclass(frozen=True, kw_only=True)
class Instrument:
  """Filters and observing conditions; tuples have one value per band, u to z.

  Attributes:
    filters: names of kcorrect's response curves.
    zero_point: AB magnitude of one stored flux unit.
    pixel_scale_arcsec: arcsec per pixel.
    fwhm_arcsec: median width of the PSF.
    seeing_scatter: scatter (natural logarithm) of the PSF's width from galaxy to
      galaxy, common to all bands.
    band_scatter: additional scatter of each single band.
    wing_share: fraction of a star's light in the wide Gaussian of the PSF's two.
    wing_ratio: width of that Gaussian in units of the narrow one's.
    sky_rms: {prefix of the field names: sky noise of a pixel, stored flux units}.
    sky_scatter: scatter (natural logarithm) of the sky noise from galaxy to galaxy.
    sky_mag: sky brightness, AB mag / arcsec^2; determines the photon noise.
    extinction: extinction per unit of E(B-V), mag.
  """

  filters: tuple[str, ...]
  zero_point: float
  pixel_scale_arcsec: float
  fwhm_arcsec: tuple[float, ...]
  sky_rms: dict[str, tuple[float, ...]]
  sky_mag: tuple[float, ...]
  extinction: tuple[float, ...] = SDSS_EXTINCTION
  seeing_scatter: float = 0.15
  band_scatter: float = 0.09
  sky_scatter: float = 0.05
  wing_share: float = WING_SHARE
  wing_ratio: float = WING_RATIO

  def draw_fwhm(self, num: int, rng: np.random.Generator) -> np.ndarray:
    """Draws PSF widths of `num` galaxies: one seeing for all bands, one focus per band.

    Returns:
      [num, bands] float64, arcsec, around `fwhm_arcsec`.
    """
    seeing = self.seeing_scatter * rng.standard_normal((num, 1))
    focus = self.band_scatter * rng.standard_normal((num, len(self.filters)))
    return np.asarray(self.fwhm_arcsec) * np.exp(np.clip(seeing + focus, -0.5, 0.5))

  def draw_sky_rms(self, field: str, num: int, rng: np.random.Generator) -> np.ndarray:
    """Draws the sky noise of a pixel around `num` galaxies, [num, bands], stored flux units."""
    factor = np.exp(self.sky_scatter * rng.standard_normal((num, 1)))
    return np.asarray(self.sky_rms[field]) * factor

  def core_sigma_pixels(self, fwhm_arcsec: np.ndarray) -> np.ndarray:
    """Standard deviation (pixels) of the PSF's narrow Gaussian, from the PSF's full width.

    The half width x of the PSF, in units of that standard deviation, solves profile(x) =
    profile(0) / 2; a few iterations find it, starting at the single Gaussian's 1.1774.
    """
    wing_peak = self.wing_share / self.wing_ratio**2
    core_peak = 1 - self.wing_share
    half_width = np.sqrt(2 * np.log(2))
    for _ in range(20):
      wing = wing_peak * np.exp(-0.5 * (half_width / self.wing_ratio) ** 2)
      half_width = np.sqrt(-2 * np.log(((core_peak + wing_peak) / 2 - wing) / core_peak))
    return np.asarray(fwhm_arcsec) / (2 * half_width) / self.pixel_scale_arcsec

  @property
  def sky_flux(self) -> np.ndarray:
    """Flux of the (subtracted) sky in a pixel, [bands] float64, stored flux units."""
    return self.flux(np.asarray(self.sky_mag)) * self.pixel_scale_arcsec**2

  def flux(self, mag: np.ndarray) -> np.ndarray:
    """Stored flux of an AB magnitude."""
    return 10 ** (0.4 * (self.zero_point - mag))


def _rms_of_depth(depth_mag, fwhm_arcsec, pixel_scale_arcsec, zero_point):
  """Sky rms of a pixel for which a point source of `depth_mag` has 5 sigma.

  A matched filter over a Gaussian PSF sums the noise of 4 pi sigma^2 pixels.
  """
  sigma_pixels = np.asarray(fwhm_arcsec) / 2.3548 / pixel_scale_arcsec
  flux = 10 ** (0.4 * (zero_point - np.asarray(depth_mag)))
  return tuple(float(rms) for rms in flux / 5 / np.sqrt(4 * np.pi * sigma_pixels**2))


def sdss_instrument() -> Instrument:
  """The SDSS camera: fluxes in nanomaggies; sky rms as measured on corrected frames."""
  return Instrument(
      filters=tuple(f"sdss_{band}0" for band in "ugriz"), zero_point=22.5,
      pixel_scale_arcsec=0.396, fwhm_arcsec=(1.76, 1.46, 1.37, 1.38, 1.19),
      sky_rms={"": (0.042, 0.017, 0.028, 0.043, 0.164)},
      sky_mag=(22.15, 21.85, 20.86, 20.20, 18.99))


def cfhtls_instrument() -> Instrument:
  """MegaCam stacks with zero point 30: WIDE to r of about 25.5, DEEP a magnitude deeper."""
  optics: dict[str, Any] = dict(
      fwhm_arcsec=(0.85, 0.78, 0.71, 0.64, 0.68), pixel_scale_arcsec=0.187, zero_point=30.0)
  depth = {"W": (25.8, 26.0, 25.5, 25.3, 24.3), "D": (26.8, 26.9, 26.6, 26.4, 25.5)}
  return Instrument(
      filters=tuple(f"cfht_megacam_{band}" for band in "ugriz"),
      sky_rms={field: _rms_of_depth(mag, **optics) for field, mag in depth.items()},
      sky_mag=(22.7, 22.0, 21.3, 20.3, 19.4), **optics)
