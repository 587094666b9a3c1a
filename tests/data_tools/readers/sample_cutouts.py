"""FITS cutouts whose planes have known levels, for the tests: u is 10, g 20, and so on."""

import os

from astropy.io import fits
from astropy.table import Table
import numpy as np

from data_tools import readers
from pzbias_tf import survey as survey_lib
from tests.data_tools import sample_formats

SIZE = 8
LEVELS = {band: 10.0 * (number + 1) for number, band in enumerate("ugrizyYJ")}
WEIGHT = 7000.0
"""Level of what is no image."""
NUM = 3


def survey(bands):
  """A survey with other bands than SDSS."""
  return survey_lib.survey_from_mapping({
      "bands": list(bands), "image_size": SIZE, "pixel_scale_arcsec": 0.2, "z_max": 0.4,
      "bins": 20, "r_min": 12.0, "r_max": 18.0, "balance_threshold": 4,
      "outlier_threshold": 0.1, "fit_z_min": 0.1}, origin="mine.toml")


def plane(level, seed=0):
  """[SIZE, SIZE] float32 with sky noise, some of it negative in an image of level 0."""
  noise = np.random.default_rng(seed).normal(0, 0.5, (SIZE, SIZE))
  return (noise + (LEVELS[level] if isinstance(level, str) else level)).astype(np.float32)


def unit(level, name="", whole=False, **words):
  """An extension; `words` go into its header as they are."""
  pixels = plane(level).astype(np.int16) if whole else plane(level)
  header = fits.Header({**({"EXTNAME": name} if name else {}), **words})
  return fits.ImageHDU(pixels, header)


def cube(bands, **words):
  """An extension with one plane per band."""
  return fits.ImageHDU(np.stack([plane(band) for band in bands]), fits.Header(words))


class CutoutsTest(sample_formats.FormatsTest):
  """Writes cutouts and reads them."""

  def write(self, units, suffix=""):
    """Writes the same extensions behind an empty first unit for all galaxies."""
    self.write_catalog()
    for name in self.ids():
      fits.HDUList([fits.PrimaryHDU(), *[each.copy() for each in units]]).writeto(
          self.path(f"{name}{suffix}.fits"))

  def ids(self):
    return [f"J{row:02d}" for row in range(NUM)]

  def write_catalog(self):
    if not os.path.exists(self.path("catalog.fits")):
      Table(sample_formats.table_of(NUM)).write(self.path("catalog.fits"))

  def levels(self, bands, **options):
    """Level of each plane as read, rounded."""
    source = readers.read(self.input, survey(bands), readers.ReaderOptions(**options),
                          layout="fits_cutouts")
    self.assertEqual(source.image_shape, (SIZE, SIZE, len(bands)))
    images = [source.images(row) for row in range(NUM)]
    return [float(np.round(level, -1)) for level in np.mean(images, axis=(0, 1, 2))]

  def assert_right(self, bands, **options):
    self.assertEqual(self.levels(bands, **options), [LEVELS[band] for band in bands])
