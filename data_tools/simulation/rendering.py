"""Galaxies -> pixels: sums of elliptical Gaussians, convolved with a PSF, plus noise.

A Gaussian convolved with a Gaussian is a Gaussian, so the PSF's core costs nothing.  The
pixel is treated as another Gaussian, of variance 1/12 pixel^2, which is accurate to a per
mille if the PSF is wider than a pixel.  The PSF's wings blur so much that a coarser profile
is enough for them.
"""

from __future__ import annotations

import numpy as np

from data_tools.simulation.gaussian_sums import sum_of_gaussians
from data_tools.simulation.instruments import Instrument
from data_tools.simulation.structure import Component, Shapes

_PIXEL_VARIANCE = 1.0 / 12.0
# Number of galaxies rendered at once, so that their planes stay in the processor's cache.
_BLOCK = 64


def render(shapes: Shapes, transmitted: np.ndarray, fwhm_arcsec: np.ndarray,
           instrument: Instrument, size: int) -> np.ndarray:
  """Noise-free images.

  Args:
    shapes: n galaxies.
    transmitted: fraction of the flux that passes the dust, [n, bands].
    fwhm_arcsec: width of the PSF, [n, bands].
    instrument: shape of the PSF and pixel scale.
    size: side of an image, pixels.

  Returns:
    [n, size, size, bands] float32, stored flux units per pixel; axis 1 is y.
  """
  num, bands = transmitted.shape
  images = np.empty((num, size, size, bands), np.float32)
  # Galaxies of similar size share a block, since the largest one decides how many pixels it covers.
  order = np.argsort(np.max([part.radius_arcsec for part in shapes.components], axis=0))
  core = instrument.core_sigma_pixels(fwhm_arcsec)
  for band in range(bands):
    amplitude, inverse, sigma = _all_gaussians(shapes, band, core[:, band, None], instrument)
    amplitude = amplitude * transmitted[:, band, None]
    for first in range(0, num, _BLOCK):
      block = order[first:first + _BLOCK]
      images[block, :, :, band] = sum_of_gaussians(
          amplitude[block], inverse[block], sigma[block].max(axis=0),
          shapes.offset_pixels[block], size)
  return images


def add_noise(images: np.ndarray, sky_rms: np.ndarray, sky_flux: np.ndarray,
              rng: np.random.Generator) -> None:
  """Adds sky and photon noise in place.

  The photons of the sky make its noise, and those of the galaxy add to it in proportion:
  variance = rms^2 (1 + flux / sky flux).  Noise is drawn galaxy by galaxy, so that the first
  ones do not depend on how many follow.

  Args:
    images: [n, size, size, bands] float32.
    sky_rms: [n, bands], stored flux units per pixel.
    sky_flux: [bands], stored flux units per pixel.
    rng: source of randomness.
  """
  inverse_sky = (1 / sky_flux).astype(np.float32)
  rms = sky_rms.astype(np.float32)
  for image, one_rms in zip(images, rms):
    noise = rng.standard_normal(image.shape, np.float32)
    noise *= one_rms
    noise *= np.sqrt(1 + image * inverse_sky)
    image += noise


def _all_gaussians(shapes, band, core_sigma, instrument):
  """The Gaussians of all components, convolved with the core and the wings of the PSF."""
  parts = []
  for component in shapes.components:
    for profile, share, sigma in (
        (component.profile, 1 - instrument.wing_share, core_sigma),
        (component.coarse_profile, instrument.wing_share, instrument.wing_ratio * core_sigma)):
      parts.append(_gaussians(component, profile * [[share], [1.0]], shapes, band,
                              sigma**2 + _PIXEL_VARIANCE, instrument))
  return (np.concatenate(part, axis=1) for part in zip(*parts))


def _gaussians(component: Component, profile: np.ndarray, shapes: Shapes, band: int,
               blur: np.ndarray, instrument: Instrument):
  """The Gaussians of a component on the pixel grid.

  Args:
    component: a part of n galaxies.
    profile: Gaussians of its profile, [2, g].
    shapes: gives the orientation.
    band: index of the band.
    blur: variance that the PSF adds, pixels^2, [n, 1].
    instrument: pixel scale.

  Returns:
    Amplitudes [n, g], inverse covariances [n, g, 3] (xx, xy, yy) and standard
    deviations along the major axis [n, g], in pixels.
  """
  share, sigma = profile
  radius = component.radius_arcsec[:, None] / instrument.pixel_scale_arcsec
  major = (sigma * radius) ** 2
  minor = major * component.axis_ratio[:, None] ** 2
  cos, sin = np.cos(shapes.angle)[:, None], np.sin(shapes.angle)[:, None]
  var_x = major * cos**2 + minor * sin**2 + blur
  var_y = major * sin**2 + minor * cos**2 + blur
  covariance = (major - minor) * cos * sin
  determinant = var_x * var_y - covariance**2
  inverse = np.stack([var_y, -covariance, var_x], axis=-1) / determinant[..., None]
  amplitude = component.flux[:, band, None] * share / (2 * np.pi * np.sqrt(determinant))
  return amplitude, inverse, np.sqrt(major + blur)
