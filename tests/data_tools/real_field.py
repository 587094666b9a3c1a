"""Measurements of a real field (sky noise, PSF widths, apertures), and its galaxies.

For tests of cutouts and of the simulator against corrected SDSS frames (nanomaggies per
pixel, sky subtracted), one file per band, named frame-<band>-*.fits[.bz2].  Simulated
images are measured by the same functions.
"""

from __future__ import annotations

import dataclasses
import glob
import os
import tempfile

from astropy.table import Table
import numpy as np
from scipy import ndimage, optimize

from data_tools.cutouts import footprints, regridding
from data_tools.cutouts.fields import find_fields
from data_tools.cutouts.frame_files import ImageChoice
from data_tools.cutouts.frame_pixels import open_frames
from data_tools.cutouts.frames import Frame
from data_tools.simulation import rendering, structure
from data_tools.simulation.observation import Observation
from data_tools.simulation.options import PhotometryTable, SimulationOptions

SIZE = 64
SCALE_ARCSEC = 0.396
_ASSUMED_Z = 0.25  # of galaxies around r = 19 without a redshift
BANDS = "ugriz"
_SMOOTHING = 1.2  # pixels; about the PSF, so that peaks of noise fade
_BRIGHT = 30.0  # peak of a smoothed star, in units of the sky noise
_APART = 15  # pixels between the stars that are measured
_MAX_STARS = 60  # number of stars per frame, brightest first
_HALF = 5  # half side of the stamp that a Gaussian is fitted to, pixels
_EDGE = 16  # pixels
_ROWS, _COLUMNS = np.mgrid[:SIZE, :SIZE]


def read_frames(folder: str) -> dict[str, Frame]:
  """The frames of a field, in memory, by band.

  Raises:
    FileNotFoundError: a band's frame is missing.
    OSError: a frame is damaged.
  """
  field, frames = find_fields(folder, BANDS)[0], {}
  for band in BANDS:
    if band not in field.files:
      raise FileNotFoundError(f"{folder}: no frame-{band}-{field.name}.fits or .fits.bz2")
    with open_frames(field.files[band], band, ImageChoice(tuple(BANDS))) as opened:
      [frame] = opened.values()
      frames[band] = Frame(frame.grid, np.array(frame.pixels[:, :], np.float32))
  return frames


def sky_rms(image: np.ndarray) -> float:
  """Noise of the sky pixels: scaled median absolute deviation, in the unit of the image."""
  return float(1.4826 * np.median(np.abs(image - np.median(image))))


def find_stars(image: np.ndarray) -> list[np.ndarray]:
  """Stamps of 31 x 31 pixels around bright, isolated, compact objects.

  An object is compact if its width is within 15% of the most common width.  That is the width
  of the PSF, since galaxies are all wider and differ in width.
  """
  smooth = ndimage.gaussian_filter(image, _SMOOTHING)
  peaks = (smooth == ndimage.maximum_filter(smooth, _APART)) & (smooth > _BRIGHT * sky_rms(image))
  peaks[:_EDGE] = peaks[-_EDGE:] = False
  peaks[:, :_EDGE] = peaks[:, -_EDGE:] = False
  rows, columns = np.nonzero(peaks)
  brightest = np.argsort(-smooth[rows, columns])[:_MAX_STARS]
  stamps = [image[y - 15:y + 16, x - 15:x + 16]
            for y, x in zip(rows[brightest], columns[brightest])]
  widths = np.array([fwhm_pixels(stamp) for stamp in stamps])
  close = np.abs(np.log(widths[:, None] / widths[None, :])) < 0.15
  most_common = widths[np.argmax(close.sum(axis=1))]
  return [stamp for stamp, width in zip(stamps, widths) if abs(np.log(width / most_common)) < 0.15]


def fwhm_pixels(stamp: np.ndarray) -> float:
  """Full width at half maximum of a round Gaussian fitted to the middle of a stamp."""
  middle = len(stamp) // 2
  inside = slice(middle - _HALF, middle + _HALF + 1)
  data = np.asarray(stamp[inside, inside], np.float64)
  axis = np.arange(-_HALF, _HALF + 1)

  def residual(parameters):
    height, x, y, sigma, sky = parameters
    return (height * np.exp(-0.5 * ((axis - x) ** 2 + (axis[:, None] - y) ** 2) / sigma**2)
            + sky - data).ravel()

  fit = optimize.least_squares(residual, [data.max(), 0.0, 0.0, 1.3, 0.0], method="lm")
  return float(2.3548 * abs(fit.x[3]))


def concentration(stamp: np.ndarray) -> float:
  """Share of a star's light within 8 pixels that is within 2.5 pixels of its peak."""
  axis = np.arange(len(stamp)) - len(stamp) // 2
  radius = np.hypot(axis, axis[:, None])
  sky = np.median(stamp[radius > 12])
  light = stamp - sky
  return float(light[radius < 2.5].sum() / light[radius < 8].sum())


def centroid(image, x, y, sigma=2.5):
  """Centroid (x, y) under a Gaussian window that follows it."""
  for _ in range(30):
    weight = image * np.exp(-((_COLUMNS - x) ** 2 + (_ROWS - y) ** 2) / (2 * sigma**2))
    # Light and window are about equally wide, so each step shows half of the distance.
    x += 2 * (weight * (_COLUMNS - x)).sum() / weight.sum()
    y += 2 * (weight * (_ROWS - y)).sum() / weight.sum()
  return np.array([x, y])


def aperture(image, x, y, radius):
  """Flux within a circle; pixels at its edge count in part."""
  steps = (np.arange(5) + 0.5) / 5 - 0.5
  share = sum((_COLUMNS + a - x) ** 2 + (_ROWS + b - y) ** 2 < radius**2
              for a in steps for b in steps) / 25
  return (share * image).sum()


def spread(values):
  """Scaled median absolute deviation."""
  return 1.4826 * np.median(np.abs(values - np.median(values, axis=0)), axis=0)


def circle(image, place, radius):
  """Sum of the pixels whose centres lie in a circle around a pixel."""
  x, y = place
  reach = int(radius) + 1
  axis = np.arange(-reach, reach + 1)
  stamp = np.asarray(image[y - reach:y + reach + 1, x - reach:x + reach + 1], np.float64)
  return stamp[axis**2 + axis[:, None] ** 2 < radius**2].sum()


def half_range(values):
  """Half of the range that holds the middle 68%: robust against tails and two peaks."""
  low, high = np.percentile(values, [15.87, 84.13])
  return (high - low) / 2


def cutout(frames: dict[str, Frame], ra: float, dec: float, size: int) -> np.ndarray:
  """Pixels around a place in all bands, on the grid of r.

  Args:
    frames: from `read_frames`.
    ra: right ascension, deg.
    dec: declination, deg.
    size: side, pixels.

  Returns:
    [size, size, bands] float32.
  """
  reference = frames["r"].grid
  first = footprints.first_pixels(reference, np.array([ra]), np.array([dec]), size)[0]
  return np.stack([regridding.cutout(frames[band], reference, first, size) for band in BANDS], -1)


@dataclasses.dataclass(frozen=True)
class RealGalaxy:
  """A galaxy to simulate a twin of.

  Attributes:
    image: [SIZE, SIZE, bands] float32, nanomaggies per pixel.
    mag: AB magnitudes u to z, [bands].
    z: redshift.
    kind: where the redshift comes from.
  """

  image: np.ndarray
  mag: np.ndarray
  z: float
  kind: str


def real_galaxies(folder: str, frames) -> list[RealGalaxy]:
  """The real galaxies of a folder, bright ones first."""
  galaxies = []
  for path in sorted(glob.glob(os.path.join(folder, "sdss_field", "objects-*.fits"))):
    for row in Table.read(path):
      known = not np.ma.is_masked(row["z_colour_knn"])
      galaxies.append(RealGalaxy(
          image=cutout(frames, row["ra"], row["dec"], SIZE),
          mag=np.array([row[f"aper_{band}"] for band in BANDS], np.float64),
          z=float(row["z_colour_knn"]) if known else _ASSUMED_Z,
          kind="from colours" if known else "assumed"))
  for path in sorted(glob.glob(os.path.join(folder, "sdss_spec", "*.npz"))):
    with np.load(path, allow_pickle=False) as file:
      for image, z in zip(file["cube"], file["z"]):
        mag = 22.5 - 2.5 * np.log10(image.sum((0, 1)))
        galaxies.append(RealGalaxy(image, mag, float(z), "measured"))
  return sorted(galaxies, key=lambda galaxy: galaxy.mag[2])


def simulated_images(real: list[RealGalaxy], fwhm_arcsec: tuple[float, ...],
                     seed: int) -> np.ndarray:
  """Simulated twins of real galaxies, of equal magnitudes and redshifts, [n, SIZE, SIZE, bands]."""
  columns = ("redshift", *BANDS)
  with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "photometry.csv")
    Table([[galaxy.z for galaxy in real], *np.transpose([galaxy.mag for galaxy in real])],
          names=columns).write(path)
    observation = Observation("sdss", seed=seed, image_size=SIZE, options=SimulationOptions(
        fwhm_arcsec=fwhm_arcsec, photometry=PhotometryTable(path=path, columns=columns)))
  chunk = observation.chunk(0, 0, len(real))
  return chunk.images[np.argsort(chunk.row)]


def simulated_stars(instrument, num, rng):
  """Stars a hundred to a thousand times brighter than the sky noise, [n, 31, 31, bands]."""
  bands = len(instrument.filters)
  rms = instrument.draw_sky_rms("", num, rng)
  flux = rms * rng.uniform(1000, 10000, (num, 1))
  point = structure.Component(structure.POINT, flux, np.zeros(num), np.ones(num))
  shapes = structure.Shapes((point,), np.zeros(num), rng.random((num, 2)) - 0.5)
  images = rendering.render(shapes, np.ones((num, bands)), instrument.draw_fwhm(num, rng),
                            instrument, 31)
  rendering.add_noise(images, rms, instrument.sky_flux, rng)
  return images
