"""Spectra x filter curves -> AB fluxes over redshift.

Five template spectra and the filters' response curves come from the kcorrect package
(Blanton & Roweis 2007).  Its data files are read directly: its classes integrate the same
curves, but take 17 s to build their tables.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os

from astropy.io import ascii as ascii_tables
from astropy.io import fits
import numpy as np

NUM_TEMPLATES = 5
_REST_FILTER = "sdss_r0"
_FILTER_SAMPLES = 800
_LIGHT_SPEED_A_S = 2.99792458e18
_AB_ZERO_ERG = 3.631e-20  # erg / s / cm^2 / Hz

# Fraction of rest-frame r light from each of the five templates, along the sequence of galaxies
# from blue to red in rest-frame u - r.  Means of non-negative fits of the templates to the ugriz
# magnitudes of 5,000 SDSS main-sample galaxies with spectroscopic redshifts (the table that comes
# with MLZ, Carrasco Kind & Brunner 2013); the first and the last line extrapolate.
_SEQUENCE_COLOUR = np.array([1.00, 1.32, 1.61, 1.80, 2.00, 2.21, 2.37, 2.46, 2.54, 2.64])
_SEQUENCE_SHARES = np.array([
    [0.060, 0.090, 0.450, 0.020, 0.380],
    [0.091, 0.037, 0.447, 0.138, 0.287],
    [0.116, 0.015, 0.388, 0.296, 0.185],
    [0.140, 0.010, 0.335, 0.396, 0.119],
    [0.161, 0.007, 0.280, 0.491, 0.061],
    [0.150, 0.003, 0.198, 0.630, 0.019],
    [0.111, 0.001, 0.094, 0.790, 0.004],
    [0.107, 0.001, 0.025, 0.866, 0.001],
    [0.174, 0.001, 0.011, 0.813, 0.001],
    [0.294, 0.001, 0.008, 0.696, 0.001]])

RED_COLOUR = 2.47
"""Rest-frame u - r of the red sequence, from the same fits."""

# Concentration of single galaxies around the mean fractions.  The fits gave 8 to 25 with
# photometric errors included; without them, this value gives the observed spread of r - i.
_CONCENTRATION = 36.0


@dataclasses.dataclass(frozen=True)
class FluxGrid:
  """Flux of every template in every band as a function of redshift.

  Attributes:
    z: redshifts, [redshifts] float64, equally spaced from 0.
    flux: [redshifts, templates, bands] float64.  A template of rest-frame r
      magnitude M at luminosity distance modulus D has AB flux
      `flux * 10**(-0.4 (M + D))` in maggies, k-correction included.
  """

  z: np.ndarray
  flux: np.ndarray

  def mix(self, z: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Flux of mixtures of templates.

    Args:
      z: redshifts, [n].
      shares: fraction of each template in rest-frame r light, [n, templates].

    Returns:
      [n, bands] float64, in the unit of `flux`.
    """
    step = self.z[1]
    low = np.clip((z / step).astype(int), 0, len(self.z) - 2)
    weight = (z / step - low)[:, None, None]
    flux = (1 - weight) * self.flux[low] + weight * self.flux[low + 1]
    return np.einsum("nt,ntb->nb", shares, flux)


def flux_grid(filters: tuple[str, ...], z_max: float, num_z: int = 201) -> FluxGrid:
  """Integrates the templates through the filters.

  Args:
    filters: names of kcorrect's response curves.
    z_max: largest redshift of the grid.
    num_z: number of redshifts.
  """
  wave, spectra = _read_templates()
  rest = _band_flux(wave, spectra, 0.0, _read_response(_REST_FILTER))
  redshifts = np.linspace(0.0, z_max, num_z)
  responses = [_read_response(name) for name in filters]
  flux = np.array([[_band_flux(wave, spectra, z, response) for response in responses]
                   for z in redshifts])
  return FluxGrid(redshifts, np.swapaxes(flux, 1, 2) / rest[:, None])


def mean_shares(colour: np.ndarray) -> np.ndarray:
  """Mean template fractions of galaxies with a rest-frame u - r colour, [n, templates]."""
  shares = np.stack([np.interp(colour, _SEQUENCE_COLOUR, column)
                     for column in _SEQUENCE_SHARES.T], axis=-1)
  return shares / shares.sum(-1, keepdims=True)


def draw_shares(colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Draws template fractions around the mean from a Dirichlet distribution, [n, templates]."""
  gamma = rng.standard_gamma(_CONCENTRATION * mean_shares(colour))
  return gamma / gamma.sum(-1, keepdims=True)


def _band_flux(wave, spectra, z, response):
  """AB flux (up to a common factor) of every template through one filter, [templates].

  Photon-counting: the integral of f_lambda R lambda, divided by that of a flat f_nu spectrum.
  Intergalactic hydrogen absorbs light on its way.
  """
  observed, passed = response
  absorbed = passed * observed * transmission(observed, z)
  flat = np.sum(_AB_ZERO_ERG * _LIGHT_SPEED_A_S / observed**2 * passed * observed)
  redshifted = np.array([np.interp(observed / (1 + z), wave, one) for one in spectra])
  return redshifted @ absorbed / flat / (1 + z)


def transmission(observed: np.ndarray, z: float) -> np.ndarray:
  """Fraction of light that passes intergalactic hydrogen (Madau 1995, Eq. 12).

  The Lyman lines alpha to delta absorb light short of their redshifted wavelengths; no light
  passes below the redshifted Lyman limit.

  Args:
    observed: observed wavelengths, angstrom.
    z: redshift of the source.
  """
  depth = np.zeros_like(observed)
  for line, strength in ((1215.67, 3.6e-3), (1025.72, 1.7e-3),
                         (972.54, 1.2e-3), (949.74, 9.3e-4)):
    depth += np.where(observed < line * (1 + z), strength * (observed / line) ** 3.46, 0.0)
  return np.exp(-depth) * (observed > 911.75 * (1 + z))


def _kcorrect_file(*parts):
  """Path of a data file of the kcorrect package, without importing it, which takes 2 s."""
  spec = importlib.util.find_spec("kcorrect")
  if spec is None or spec.origin is None:
    raise OSError("the simulator reads spectra and filter curves from the kcorrect "
                  "package, which is not installed: pip install kcorrect")
  return os.path.join(os.path.dirname(spec.origin), "data", *parts)


def _read_templates():
  """Wavelengths (angstrom) [n] and spectra (erg/s/cm^2/A at 10 pc) [templates, n]."""
  with fits.open(_kcorrect_file("templates", "kcorrect-default-v4.fits")) as file:
    wave, flux = file["FLUX"].data[0]
  return np.array(wave, np.float64), np.array(flux, np.float64).reshape(NUM_TEMPLATES, -1)


def _read_response(name):
  """Wavelengths (angstrom) and response of a filter, finely and equally sampled."""
  table = ascii_tables.read(_kcorrect_file("responses", f"{name}.dat"),
                            format="fixed_width", comment="#")
  wave = np.asarray(table["lambda"], np.float64)
  fine = np.linspace(wave[0], wave[-1], _FILTER_SAMPLES)
  # Some curves are negative in their wings, which is measurement noise.
  return fine, np.maximum(np.interp(fine, wave, table["pass"]), 0.0)
