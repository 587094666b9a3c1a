"""What a simulated survey observes with: filters, PSF, sky, units and reddening.

The first stop of the simulator; photometry, population and rendering all ask an
`Instrument` and name no survey themselves.
"""

from __future__ import annotations

import dataclasses

import numpy as np

# Extinction per unit of E(B-V) in SDSS ugriz (Stoughton et al. 2002, Table 22).
# MegaCam's filters are close enough for a simulation that it uses the same numbers.
SDSS_EXTINCTION = (5.155, 3.793, 2.751, 2.086, 1.479)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Instrument:
  """Filters and observing conditions; tuples run over the bands, u to z.

  Attributes:
    filters: names of kcorrect's response curves.
    zero_point: AB magnitude of one stored flux unit.
    pixel_scale_arcsec: arcsec per pixel.
    fwhm_arcsec: width of the (Gaussian) PSF.
    sky_rms: field prefix -> sky noise of a pixel, stored flux units.
    sky_mag: sky brightness, AB mag / arcsec^2; it sets the photon noise.
    extinction: extinction per unit of E(B-V), mag.
  """

  filters: tuple[str, ...]
  zero_point: float
  pixel_scale_arcsec: float
  fwhm_arcsec: tuple[float, ...]
  sky_rms: dict[str, tuple[float, ...]]
  sky_mag: tuple[float, ...]
  extinction: tuple[float, ...] = SDSS_EXTINCTION

  @property
  def psf_sigma_pixels(self) -> np.ndarray:
    """Standard deviation of the PSF, [bands] float64, pixels."""
    fwhm_over_sigma = 2 * np.sqrt(2 * np.log(2))
    return np.asarray(self.fwhm_arcsec) / fwhm_over_sigma / self.pixel_scale_arcsec

  @property
  def sky_flux(self) -> np.ndarray:
    """Flux of the (subtracted) sky in a pixel, [bands] float64, stored flux units."""
    return self.flux(np.asarray(self.sky_mag)) * self.pixel_scale_arcsec**2

  def flux(self, mag: np.ndarray) -> np.ndarray:
    """Stored flux of an AB magnitude."""
    return 10 ** (0.4 * (self.zero_point - mag))


def _rms_of_depth(depth_mag, fwhm_arcsec, pixel_scale_arcsec, zero_point):
  """Sky rms of a pixel at which a point source of `depth_mag` is 5 sigma.

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
  """MegaCam stacks with zero point 30: WIDE to about 25.5, DEEP a magnitude deeper."""
  optics = dict(fwhm_arcsec=(0.85, 0.78, 0.71, 0.64, 0.68), pixel_scale_arcsec=0.187,
                zero_point=30.0)
  depth = {"W": (25.8, 26.0, 25.5, 25.3, 24.3), "D": (26.8, 26.9, 26.6, 26.4, 25.5)}
  return Instrument(
      filters=tuple(f"cfht_megacam_{band}" for band in "ugriz"),
      sky_rms={field: _rms_of_depth(mag, **optics) for field, mag in depth.items()},
      sky_mag=(22.7, 22.0, 21.3, 20.3, 19.4), **optics)
