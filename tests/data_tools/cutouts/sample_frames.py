"""A small patch of simulated sky in frames of any grid, and cutouts from it, for the tests."""

import bz2
import csv
import gzip
import os

from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
import numpy as np
import tensorflow as tf

from data_tools import make_cutouts

SCALE_ARCSEC = 0.4
CENTRE = (150.0, 2.2)  # deg
SHAPE = (120, 150)
SIGMA_ARCSEC = 0.8
SIZE = 32
BANDS = "ugriz"
FLUX = np.array([100.0, 200.0, 300.0, 400.0])


def grid(*, offset=(0.0, 0.0), rotation=0.0, scale=1.0, shape=SHAPE, centre=CENTRE) -> WCS:
  """A gnomonic grid.

  Args:
    offset: shift of the middle, pixels.
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
  """Writes a frame, as .bz2 or .gz by its name; `packed` makes it a compressed extension."""
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


SKY = grid().all_pix2world(
    [[40.3, 50.8], [75.0, 60.5], [104.6, 71.9], [60.2, 85.1]], 0)
"""Galaxies well inside the frame."""


def measure(image):
  """Centroid (x, y) and flux of an isolated galaxy."""
  image = np.asarray(image, np.float64) - 1e-5
  rows, columns = np.mgrid[:image.shape[0], :image.shape[1]]
  return (np.array([(image * columns).sum(), (image * rows).sum()]) / image.sum(), image.sum())


class CutoutsTest(tf.test.TestCase):
  """Frames, positions and an output of its own for each test."""

  def setUp(self):
    super().setUp()
    self.folder = os.path.join(self.get_temp_dir(), self.id().split(".")[-1])
    self.frames = os.path.join(self.folder, "frames")
    self.output = os.path.join(self.folder, "out", "cutouts")
    os.makedirs(self.folder)

  def write_field(self, name="000094-1-0100", suffix=".fits", template="frame-{band}-{field}",
                  bands=BANDS, packed=False, **changes):
    """Five bands, each shifted by its own offset."""
    for number, band in enumerate(bands):
      offset = np.array([1.7, -1.2]) * (number - 2)
      wcs = grid(offset=offset, **changes)
      image = render(wcs, SKY, FLUX * (number + 1))
      path = os.path.join(self.frames, template.format(band=band, field=name) + suffix)
      write(path, image, wcs, packed=packed)

  def write_positions(self, sky=SKY, name="galaxies.fits", **columns):
    path = os.path.join(self.folder, name)
    Table({"objid": 10**18 + np.arange(len(sky)), "RA": sky[:, 0], "Dec": sky[:, 1],
           "z": np.linspace(0.1, 0.3, len(sky)), **columns}).write(path)
    return path

  def run_cutouts(self, positions, **changes):
    make_cutouts.run(make_cutouts.CutoutConfig(
        **{"frames": self.frames, "positions": positions, "output": self.output, "size": SIZE,
           **changes}))
    return (np.load(os.path.join(self.output, "cube.npy")),
            Table.read(os.path.join(self.output, "catalog.fits")))

  def rejected(self):
    """{id: reason} of the rejected positions."""
    with open(os.path.join(self.output, "rejected.csv"), newline="", encoding="utf-8") as file:
      return {row["id"]: row["reason"] for row in csv.DictReader(file)}

  def assert_galaxies(self, cube, table, bands=BANDS):
    """Each cutout shows its galaxy, in the middle, with its flux, in all bands."""
    for image, row in zip(cube, table):
      number = int(row["id"]) % 10
      for column in range(len(bands)):
        plane = image[..., column]
        inner = slice(SIZE // 2 - 8, SIZE // 2 + 8)  # neighbours are farther away
        place, total = measure(plane[inner, inner])
        self.assertAllInRange(place, 6.95, 8.05)
        self.assertAllClose(total, FLUX[number] * (column + 1), rtol=0.01)
