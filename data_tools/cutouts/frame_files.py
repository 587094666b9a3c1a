"""Files of frames: which images they hold, and where those lie on the sky.

A file holds one image of one band, or one per CCD of a mosaic; weights and masks beside them
are told apart by their headers.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Sequence

from astropy.io import fits
import numpy as np

from data_tools.cutouts import celestial
from data_tools.cutouts.frames import DAMAGED, FrameError, Grid
from data_tools.fits_headers import flux_scale, unit_choice
from data_tools.fits_headers.unit_choice import ChoiceError, Unit
from pzbias_tf.guards import unpacking


@dataclasses.dataclass(frozen=True)
class ImageChoice:
  """Which images of a file count.

  Attributes:
    bands: the survey's bands.
    extension: names or numbers of the extensions with images; () goes by the headers.
  """

  bands: tuple[str, ...]
  extension: tuple[str, ...] = ()


def read_grids(path: str, band: str, choice: ImageChoice) -> tuple[list[Grid], str]:
  """The grids of a file's images, from the headers alone.

  Args:
    path: the file.
    band: its band.
    choice: which images count.

  Returns:
    Grids, at least one, and what is wrong with images that cannot be used, "" if nothing is.

  Raises:
    FrameError: no image can be used; the message says why.
  """
  with celestial.quiet():
    try:
      unpacking.check(path)
      with fits.open(path) as file:
        return _grids(file, band, choice)
    except (FrameError, MemoryError):
      raise
    except unpacking.BombError as error:
      raise FrameError("far larger, unpacked, than a frame") from error
    except (ChoiceError, celestial.SkyError) as error:
      raise FrameError(f"{error}{getattr(error, 'detail', '')}") from error
    except Exception as error:  # a damaged file can raise nearly anything
      raise FrameError(_damage(path, error)) from error


def _grids(file: fits.HDUList, band: str, choice: ImageChoice) -> tuple[list[Grid], str]:
  _ = len(file)  # reads all headers
  units = [Unit(number, unit.header, _outer_and_plane(unit.shape))
           for number, unit in enumerate(file) if unit.is_image and len(unit.shape) > 1]
  if not units:
    raise FrameError(f"no image, but {_contents(file)}")
  images = unit_choice.of_band(
      unit_choice.images_of(units, choice.extension), band, choice.bands, file[0].header)
  grids, problems = [], []
  for image in images:
    try:
      grids.append(_grid(image, file))
    except (FrameError, celestial.SkyError) as error:
      problems.append(f"extension {image.name}: {error}" if len(images) > 1 else str(error))
  if not grids:
    raise FrameError("; ".join(dict.fromkeys(problems)))
  _refuse_same_sky(grids, images)
  return grids, "; ".join(problems)


def _grid(image: Unit, file: fits.HDUList) -> Grid:
  """The grid of one image."""
  outer, shape = image.pixels
  if outer:
    raise FrameError(f"image of axes {[*outer, *shape]}, of which {list(outer)} are too many")
  problem = flux_scale.no_flux(image.header)
  if problem:
    raise FrameError(problem)
  return Grid(celestial.read_wcs(image.header, shape, file), shape, image.number,
              flux_scale.scale_of(image.header, file[0].header))


def _outer_and_plane(shape: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, int]]:
  """The axes of an image beyond two, without those of length 1, and (height, width)."""
  height, width = shape[-2:]
  return tuple(length for length in shape[:-2] if length != 1), (height, width)


def _refuse_same_sky(grids: list[Grid], images: list[Unit]) -> None:
  """Raises ChoiceError if the middle of one image lies in another: those are no two CCDs."""
  if len(grids) < 2:
    return
  middles = np.concatenate([
      celestial.to_sky(grid.wcs, (np.array([grid.shape[::-1]]) - 1) / 2) for grid in grids])
  for number, grid in enumerate(grids):
    places = celestial.to_pixels(grid.wcs, middles)
    with np.errstate(invalid="ignore"):
      inside = np.all((places >= -0.5) & (places <= np.array(grid.shape[::-1]) - 0.5), axis=1)
    inside[number] = False
    if np.any(inside):
      both = {grid.unit, grids[int(np.argmax(inside))].unit}
      raise unit_choice.same_sky_or_band(
          [unit for unit in images if unit.number in both], "two images of the same sky")


def _contents(file: fits.HDUList) -> str:
  """What a file holds, for a message."""
  return ", ".join(f"{number} ({type(unit).__name__.removesuffix('HDU')} "
                   f"{unit.name})".replace(" )", ")") for number, unit in enumerate(file))


def _damage(path: str, error: Exception) -> str:
  """The reason for a file that cannot be opened."""
  if isinstance(error, OSError) and error.errno:
    return f"cannot be read: {os.strerror(error.errno)}"
  try:
    with open(path, "rb") as file:
      start = file.read(512)
  except OSError:
    return DAMAGED
  if not start:
    return f"{DAMAGED}: an empty file"
  if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
    return f"{DAMAGED}: a web page, not a FITS file"
  return DAMAGED
