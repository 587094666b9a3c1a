"""The planes of a galaxy's FITS file in the order of the survey's bands.

The file holds one cube [band, height, width], or one extension per band.  Where headers name
the bands, they decide; the order in the file counts only where they name none.
"""

from __future__ import annotations

import dataclasses
from typing import Sequence

from astropy.io import fits
import numpy as np

from data_tools.fits_headers import band_words, unit_choice
from data_tools.fits_headers.unit_choice import ChoiceError, Unit


@dataclasses.dataclass(frozen=True)
class _Plane:
  """One image [height, width], its unit, and what the header says about its band."""

  unit: Unit
  pixels: np.ndarray
  word: band_words.BandWord


def planes_of(units: Sequence[Unit], bands: Sequence[str], wanted: Sequence[str] = (), *,
              primary: fits.Header) -> tuple[list[np.ndarray], list[Unit], bool]:
  """The planes of a file of all bands.

  Args:
    units: all units with pixels [height, width] or [band, height, width].
    bands: the survey's bands.
    wanted: names or numbers of the units to use; () goes by the headers.
    primary: header of the file's first unit, which may list the bands of the others.

  Returns:
    The planes [height, width], in the order of `bands`; the units that they come from; and
    whether the headers name the bands.

  Raises:
    ChoiceError: a band is missing, or two planes claim one band.
  """
  images = unit_choice.images_of(units, wanted)
  try:
    planes = _planes(images, bands, primary)
  except band_words.BandConflict as error:
    raise ChoiceError(f"{error}; correct the header") from error
  named = any(plane.word.band for plane in planes)
  if named:
    chosen = [_of_band(planes, band) for band in bands]
  else:
    _refuse_other_bands(planes, bands)
    chosen = _by_order(planes, images, len(bands))
  return [plane.pixels for plane in chosen], [plane.unit for plane in chosen], named


def plane_of(units: Sequence[Unit], band: str, bands: Sequence[str], wanted: Sequence[str] = (),
             primary: fits.Header | None = None) -> tuple[np.ndarray, Unit]:
  """The one plane of a file of one band, and its unit.

  Args:
    units: all units with pixels.
    band: the band of the file.
    bands: the survey's bands.
    wanted: names or numbers of the units to use; () goes by the headers.
    primary: header of the file's first unit.

  Raises:
    ChoiceError: there are several images, or the header names another band.
  """
  images = unit_choice.of_band(unit_choice.images_of(units, wanted), band, bands, primary)
  flat = [unit for unit in images if unit.pixels.ndim == 2]
  if not flat:
    shapes = ", ".join(str(list(unit.pixels.shape)) for unit in images)
    raise ChoiceError(f"no image of two axes in the file of one band, but {shapes}; "
                      "name the files of all bands with --image_template")
  unit = _one(flat, f"{len(flat)} images in the file of one band,")
  return unit.pixels, unit


def missing(band: str) -> str:
  """The reason for rejecting a galaxy without one of the bands."""
  return f"band {band} missing"


def _planes(images, bands, primary) -> list[_Plane]:
  """All planes of all units."""
  planes = []
  flat = [unit for unit in images if unit.pixels.ndim == 2]
  outer = band_words.listed(primary, len(flat), bands) if len(flat) == len(bands) else []
  words = [band_words.band_of(unit.header, bands) for unit in flat]
  words = [outer[number] if outer and not word.text else word for number, word in enumerate(words)]
  if not any(word.band or word.other for word in words):
    words = band_words.told_apart([unit.header for unit in flat], bands) or words
  planes += [_Plane(unit, unit.pixels, word) for unit, word in zip(flat, words)]
  for unit in images:
    if unit.pixels.ndim == 3:
      num = len(unit.pixels)
      words = band_words.listed(unit.header, num, bands) or (
          band_words.listed(primary, num, bands) if not _has_pixels(primary) else [])
      words = words or [band_words.BandWord()] * num
      planes += [_Plane(unit, pixels, word) for pixels, word in zip(unit.pixels, words)]
  return planes


def _has_pixels(header) -> bool:
  return header.get("NAXIS", 0) > 0


def _of_band(planes: list[_Plane], band: str) -> _Plane:
  """The plane of a band: in exact spelling before one that differs in capitals."""
  claims = [plane for plane in planes if plane.word.band == band]
  if not claims:
    named = ", ".join(dict.fromkeys(plane.word.text for plane in planes if plane.word.text))
    raise ChoiceError(missing(band), f": the header names {named}")
  best = min(plane.word.match for plane in claims)
  claims = [plane for plane in claims if plane.word.match == best]
  units = [plane.unit for plane in claims]
  unit = _one(units, f"{len(claims)} planes of band {band}")
  claims = [plane for plane in claims if plane.unit is unit]
  if len(claims) != 1:
    raise ChoiceError(f"{len(claims)} planes of band {band} in extension {unit.name}; correct "
                      "the header")
  return claims[0]


def _refuse_other_bands(planes, bands) -> None:
  """Raises ChoiceError if the headers name bands, but none of the survey's."""
  words = [plane.word for plane in planes if plane.word.text]
  texts = [word.text for word in words]
  as_filters = [text for text in texts if not text.startswith("EXTNAME")]
  if any(word.other for word in words) or (
      len(planes) > 1 and len(set(as_filters)) == len(planes)):
    raise ChoiceError("header of other bands than the survey's",
                      f": it names {', '.join(dict.fromkeys(texts))}")


def _by_order(planes, images, num) -> list[_Plane]:
  """The planes of a file that names no bands: those of one cube, or of as many extensions."""
  cubes = [unit for unit in images if unit.pixels.ndim == 3 and len(unit.pixels) == num]
  flat = [plane for plane in planes if plane.unit.pixels.ndim == 2]
  if cubes and len(flat) != num:
    cube = _one(cubes, f"{len(cubes)} cubes")
    return [plane for plane in planes if plane.unit is cube]
  said = [plane for plane in flat if plane.unit.is_science]
  flat = said if len(said) == num else flat
  if len(flat) != num or cubes:
    lengths = ", ".join(str(len(unit.pixels)) for unit in images if unit.pixels.ndim == 3)
    others = f" and cubes of {lengths} planes" if lengths else ""
    raise ChoiceError(f"{len(flat)} images{others} for {num} bands",
                      "; name one extension per band with --extension")
  return flat


def _one(units: list[Unit], what: str) -> Unit:
  """One of the units that claim a place.

  Headers decide.  Else it is the first if it alone has negative pixels, and others of its
  shape follow: sky noise is negative in places, weights and variances are nowhere.
  """
  units = list({unit.number: unit for unit in units}.values())
  units = [unit for unit in units if unit.is_science] or units
  units = unit_choice.without_masks(units)
  negative = [bool(np.any(unit.pixels < 0)) for unit in units]
  is_first = negative[0] and not any(negative[1:]) and (
      len({unit.pixels.shape for unit in units}) == 1)
  if len(units) > 1 and not is_first:
    raise unit_choice.same_sky_or_band(units, what)
  return units[0]
