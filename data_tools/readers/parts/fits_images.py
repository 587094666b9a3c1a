"""Images of galaxies from FITS files with one band or with all bands."""

from __future__ import annotations

from absl import logging
from astropy.io import fits
import numpy as np

from data_tools.fits_headers import flux_scale
from data_tools.fits_headers.unit_choice import ChoiceError, Unit, listing
from data_tools.readers.parts import fits_planes
from data_tools.readers.parts.cutout_source import REASON_NO_IMAGE, REASON_SHAPE, ImageError
from data_tools.readers.parts.fits_reading import REASON_DAMAGED, read_units
from data_tools.readers.parts.listed_files import ListedFiles
from data_tools.readers.parts.templates import ImageFiles

__all__ = ["REASON_DAMAGED", "FitsImages"]


class FitsImages:
  """Images [height, width, band] by row."""

  def __init__(self, files: ImageFiles | ListedFiles, bands: tuple[str, ...],
               extension: tuple[str, ...] = ()):
    """Stores what is needed for reading.

    Args:
      files: names of the files.
      bands: the survey's bands.
      extension: names or numbers of the extensions with images; () goes by the headers.
    """
    self._files, self._bands, self._extension = files, tuple(bands), tuple(extension)
    self._said, self._said_order, self._any_read, self._problem = False, False, False, ""
    self._scales: dict[str, tuple[flux_scale.FluxScale, str]] = {}
    self._compared = True  # with images that are still to come

  def __call__(self, row: int) -> np.ndarray:
    if self._files.per_band:
      planes = [self._single(row, band) for band in self._bands]
    else:
      planes = self._all(row)
    if len({plane.shape for plane in planes}) != 1:
      raise ImageError(REASON_SHAPE)
    whole = [plane for plane in planes if plane.dtype.kind != "f"]
    if whole and len(whole) != len(planes):  # stacking would make them floating-point numbers
      raise ImageError(f"image of {whole[0].dtype.name} in place of floating-point numbers")
    self._any_read = True
    return np.stack(planes, axis=-1)

  def check_layout(self) -> None:
    """Raises ValueError if no image that was read so far fits the survey, for their headers.

    The images that were read so far give the unit and zero point of each band.
    """
    self._compared = False
    if self._problem and not self._any_read:
      raise ValueError(self._problem)

  def _all(self, row: int) -> list[np.ndarray]:
    path = self._files.path(row)
    units, primary = read_units(path)
    try:
      planes, used, named = fits_planes.planes_of(
          units, self._bands, self._extension, primary=primary)
    except ChoiceError as error:
      raise self._rejection(path, error) from error
    for band, unit in zip(self._bands, used):
      self._check_scale(path, band, unit, primary)
    self._say_ignored(path, units, used)
    if not named and not self._said_order:
      self._said_order = True
      logging.warning("%s: no header names its bands, so the planes are taken in their order as %s "
                      "(said once)", path, ", ".join(self._bands))
    return planes

  def _single(self, row: int, band: str) -> np.ndarray:
    path = self._files.path(row, band)
    try:
      units, primary = read_units(path)
      plane, used = fits_planes.plane_of(units, band, self._bands, self._extension, primary)
    except ImageError as error:
      if str(error) == REASON_NO_IMAGE and self._files.exists(row, self._bands):
        raise ImageError(fits_planes.missing(band)) from error
      raise
    except ChoiceError as error:
      raise self._rejection(path, error) from error
    self._check_scale(path, band, used, primary)
    self._say_ignored(path, units, [used])
    return plane

  def _check_scale(self, path: str, band: str, unit: Unit, primary: fits.Header) -> None:
    """Rejects an image that holds no fluxes, or of another scale than those read first."""
    problem = flux_scale.no_flux(unit.header)
    scale = flux_scale.scale_of(unit.header, primary)
    first, first_path = self._scales.get(band, (scale, path))
    difference = scale.difference(first)
    if problem or difference:
      reason = problem or f"{difference.format('others')}; convert them to one scale"
      raise self._rejection(path, ChoiceError(f"band {band}: {reason}", f" ({first_path})"))
    if self._compared:
      self._scales[band] = first.joined(scale), first_path

  def _rejection(self, path: str, error: ChoiceError) -> ImageError:
    """The rejection of one galaxy; the first is kept for `check_layout`."""
    if not self._problem:
      self._problem = (f"{path}: {error}{error.detail} (bands of the survey: "
                       f"{', '.join(self._bands)}; --survey, --extension, --image_template)")
    return ImageError(str(error))

  def _say_ignored(self, path: str, units: list[Unit], used: list[Unit]) -> None:
    """Says once which units are not used; processes that get this object do not repeat it."""
    ignored = [unit for unit in units if all(unit is not other for other in used)]
    if ignored and not self._said:
      self._said = True
      logging.warning("%s: extensions %s are used; not used: %s (said once; --extension chooses)",
                      path, listing(list({unit.number: unit for unit in used}.values())),
                      listing(ignored))
