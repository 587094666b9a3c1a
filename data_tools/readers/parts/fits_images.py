"""Images of galaxies from FITS files with one band or with all bands."""

from __future__ import annotations

import warnings

from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
import numpy as np

from data_tools.readers.parts.cutout_source import (
  REASON_NO_IMAGE,
  REASON_SHAPE,
  ImageError,
  is_absent,
  unreachable,
)
from data_tools.readers.parts.templates import ImageFiles

REASON_DAMAGED = "FITS file damaged or unreadable"
_BAND_KEYS = ("EXTNAME", "FILTER", "BAND")
# Astropy only warns about these, and pads or keeps the damaged data.
_DAMAGE = ".*([Tt]runcated|[Cc]hecksum verification failed|[Dd]atasum verification failed).*"


class FitsImages:
  """Images [height, width, band] by row."""

  def __init__(self, files: ImageFiles, bands: tuple[str, ...]):
    self._files, self._bands = files, bands

  def __call__(self, row: int) -> np.ndarray:
    if self._files.per_band:
      planes = [self._single(row, band) for band in self._bands]
    else:
      planes = planes_of(read_images(self._files.path(row)), self._bands)
    if len({plane.shape for plane in planes}) != 1:
      raise ImageError(REASON_SHAPE)
    return np.stack(planes, axis=-1)

  def _single(self, row: int, band: str) -> np.ndarray:
    try:
      read = read_images(self._files.path(row, band))
    except ImageError as error:
      if str(error) == REASON_NO_IMAGE and self._files.exists(row, self._bands):
        raise ImageError(missing(band)) from error
      raise
    images = [data for _, data in read if data.ndim == 2]
    if len(images) != 1:
      raise ImageError(f"{len(images)} images in the file of one band")
    return images[0]


def missing(band: str) -> str:
  """The reason for rejecting a galaxy without one of the bands."""
  return f"band {band} missing"


def read_images(path: str) -> list[tuple[str, np.ndarray]]:
  """The images of a FITS file with the names of their bands, "" if the header has none.

  Raises:
    ImageError: the file is missing or damaged.
    OSError: the file cannot be reached.
  """
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore", AstropyWarning)  # about headers of older standards
      warnings.filterwarnings("error", message=_DAMAGE)
      with fits.open(path, memmap=False, checksum=True) as file:
        images = [(_band_name(unit.header), _native(unit.data)) for unit in file
                  if unit.is_image and unit.data is not None]
  except OSError as error:
    if error.errno and not is_absent(error):
      raise unreachable(error, path) from error
    raise ImageError(REASON_NO_IMAGE if error.errno else REASON_DAMAGED) from error
  except Exception as error:  # a damaged file can raise nearly anything
    raise ImageError(REASON_DAMAGED) from error
  if not images:
    raise ImageError(REASON_DAMAGED)
  return images


def planes_of(images: list[tuple[str, np.ndarray]], bands: tuple[str, ...]) -> list[np.ndarray]:
  """The planes [height, width] of a galaxy's file, in the order of `bands`.

  The file holds one cube [band, height, width], or extensions named after the bands (by
  EXTNAME, FILTER or BAND), or as many extensions as there are bands.

  Raises:
    ImageError: a band is missing.
  """
  cubes = [data for _, data in images if data.ndim == 3 and len(data) == len(bands)]
  if len(cubes) == 1:
    return list(cubes[0])
  flat = [(name, data) for name, data in images if data.ndim == 2]
  named = {name: data for name, data in flat if name in {band.lower() for band in bands}}
  if named:
    absent = [band for band in bands if band.lower() not in named]
    if absent:
      raise ImageError(missing(absent[0]))
    return [named[band.lower()] for band in bands]
  if len(flat) != len(bands):
    raise ImageError(f"{len(flat)} images for {len(bands)} bands")
  return [data for _, data in flat]


def _band_name(header: fits.Header) -> str:
  """The band in a header, in lower case; "" if it has none."""
  for key in _BAND_KEYS:
    value = str(header.get(key, "")).strip().lower()
    if value:
      return value
  return ""


def _native(data: np.ndarray) -> np.ndarray:
  """The big-endian numbers of FITS in native byte order."""
  return np.ascontiguousarray(data, data.dtype.newbyteorder("="))
