"""A small patch of simulated sky seen by frames of any grid, for the tests."""

import bz2
import gzip
import os

from astropy.io import fits
from astropy.wcs import WCS
import numpy as np

SCALE_ARCSEC = 0.4
CENTRE = (150.0, 2.2)  # deg
SHAPE = (120, 150)
SIGMA_ARCSEC = 0.8


def grid(*, offset=(0.0, 0.0), rotation=0.0, scale=1.0, shape=SHAPE, centre=CENTRE) -> WCS:
  """A gnomonic grid.

  Args:
    offset: of the middle, pixels.
    rotation: deg.
    scale: size of its pixels in units of SCALE_ARCSEC.
    shape: (height, width).
    centre: (ra, dec) of the middle, deg.
  """
  wcs = WCS(naxis=2)
  wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
  wcs.wcs.crval = centre
  wcs.wcs.crpix = [(shape[1] + 1) / 2 + offset[0], (shape[0] + 1) / 2 + offset[1]]
  turn = np.radians(rotation)
  step = scale * SCALE_ARCSEC / 3600
  wcs.wcs.cd = step * np.array([[-np.cos(turn), np.sin(turn)], [np.sin(turn), np.cos(turn)]])
  return wcs


def render(wcs: WCS, sky: np.ndarray, flux, *, shape=SHAPE, scale: float = 1.0) -> np.ndarray:
  """Round Gaussian galaxies of known flux, [height, width] float32.

  Args:
    wcs: the frame's grid.
    sky: [n, 2] ra and dec, deg.
    flux: [n].
    shape: (height, width).
    scale: size of its pixels in units of SCALE_ARCSEC.
  """
  image = np.zeros(shape)
  sigma = SIGMA_ARCSEC / SCALE_ARCSEC / scale
  rows, columns = np.mgrid[:shape[0], :shape[1]]
  for (x, y), total in zip(wcs.all_world2pix(sky, 0), flux):
    squared = (columns - x) ** 2 + (rows - y) ** 2
    image += total / (2 * np.pi * sigma**2) * np.exp(-squared / (2 * sigma**2))
  return (image + 1e-5).astype(np.float32)  # sky is never exactly 0


def write(path: str, image: np.ndarray, wcs: WCS, *, packed: bool = False) -> str:
  """Writes a frame; .bz2 and .gz are packed, `packed` makes it a compressed extension."""
  os.makedirs(os.path.dirname(path), exist_ok=True)
  plain = path.removesuffix(".bz2").removesuffix(".gz")
  header = wcs.to_header()
  if packed:
    unit = fits.CompImageHDU(image, header, compression_type="GZIP_1", quantize_level=0)
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(plain)
  else:
    fits.PrimaryHDU(image, header).writeto(plain)
  if plain != path:
    opener = bz2.open if path.endswith(".bz2") else gzip.open
    with open(plain, "rb") as file, opener(path, "wb") as other:
      other.write(file.read())
    os.remove(plain)
  return path
