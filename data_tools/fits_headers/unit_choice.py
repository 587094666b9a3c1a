"""Which units (HDUs) of a FITS file are the images: by header words, or as the user names them."""

from __future__ import annotations

import dataclasses
from typing import Any, Sequence

from astropy.io import fits

from data_tools.fits_headers import band_words, unit_roles

REMEDY = "name the extension of the image with --extension"


class ChoiceError(ValueError):
  """The headers do not tell which unit is the image; the message says why, with the remedy.

  Args:
    reason: the message, the same for all files with this problem.
    detail: more about this file.
  """

  def __init__(self, reason: str, detail: str = ""):
    super().__init__(reason)
    self.detail = detail


@dataclasses.dataclass(frozen=True)
class Unit:
  """A unit with an image.

  Attributes:
    number: its place in the file; the primary unit is 0.
    header: its header.
    pixels: the image without axes of length 1, or anything that stands for it.
  """

  number: int
  header: fits.Header
  pixels: Any = None

  @property
  def name(self) -> str:
    """Number and EXTNAME, for messages."""
    name = str(self.header.get("EXTNAME", "")).strip()
    return f"{self.number} ({name})" if name else str(self.number)

  @property
  def is_science(self) -> bool:
    """Whether the header says that this is an image, not only that it may be one."""
    return unit_roles.role_of(self.header) == unit_roles.SCIENCE


def images_of(units: Sequence[Unit], wanted: Sequence[str] = ()) -> list[Unit]:
  """The units that hold images, without weights, masks and variances.

  Args:
    units: all units with pixels.
    wanted: names (EXTNAME) or numbers of units, of --extension; () goes by the headers.

  Raises:
    ChoiceError: there is none.
  """
  if wanted:
    return [unit for text in wanted for unit in _named(units, text)]
  images = [unit for unit in units if unit_roles.role_of(unit.header) != unit_roles.COMPANION]
  if not images:
    names = listing(units)
    raise ChoiceError(f"no image but only weights, masks or the like, in extensions {names}; "
                      f"{REMEDY}" if units else "no image in the FITS file")
  return without_masks(images)


def without_masks(units: list[Unit]) -> list[Unit]:
  """The units without those of whole numbers that follow a floating-point image, as masks do.

  Where whole numbers come first, they may be an image of counts, with weights behind it.
  """
  if not units or unit_roles.has_whole_numbers(units[0].header):
    return units
  return [unit for unit in units
          if unit.is_science or not unit_roles.has_whole_numbers(unit.header)]


def of_band(units: Sequence[Unit], band: str, bands: Sequence[str],
            primary: fits.Header | None = None) -> list[Unit]:
  """Of the units in a file of one band, those that the headers give to it, or to no band.

  Args:
    units: of `images_of`.
    band: the file's band.
    bands: the survey's bands.
    primary: header of the file's first unit, for units that name no band themselves.

  Raises:
    ChoiceError: the headers name other bands.
  """
  words = [_word(unit.header, bands, primary) for unit in units]
  named = [unit for unit, word in zip(units, words) if word.band == band]
  free = [unit for unit, word in zip(units, words) if not word.band and not _differs(word, band)]
  if units and not named and not free:
    raise ChoiceError(f"file of band {band}, but its header says {words[0].text}; correct the "
                      "header or the file's name")
  return _science_first(named or free)


def listing(units: Sequence[Unit]) -> str:
  """Names of units, for messages."""
  return ", ".join(unit.name for unit in units)


def same_sky_or_band(units: Sequence[Unit], what: str) -> ChoiceError:
  """The error for several units that claim one place."""
  return ChoiceError(f"{what} in extensions {listing(units)}; {REMEDY}")


def _word(header, bands, primary) -> band_words.BandWord:
  """The band of a unit, or else that of its file."""
  try:
    word = band_words.band_of(header, bands)
    if not word.band and not word.other and primary is not None:
      word = band_words.band_of(primary, bands)
  except band_words.BandConflict as error:
    raise ChoiceError(f"{error}: the header names two bands; correct it") from error
  return word


def _differs(word, band) -> bool:
  """Whether a header names a band that is neither the survey's nor the file's.

  A file of band g may hold filter F475W, but not V; an EXTNAME such as B may mean anything.
  """
  is_letter = bool(word.other) and word.other.isalpha()
  return is_letter and len(band) == 1 and not word.text.startswith("EXTNAME")


def _science_first(units: list[Unit]) -> list[Unit]:
  """The units whose headers say that they are images, if there are any; else all."""
  return [unit for unit in units if unit.is_science] or units


def _named(units: Sequence[Unit], text: str) -> list[Unit]:
  """The units that a name (EXTNAME, capitals apart) or number of --extension means."""
  wanted = text.strip().lower()
  found = [unit for unit in units if wanted in (str(unit.number), _extname(unit).lower())]
  if not found:
    raise ChoiceError(f"--extension={text}: no such image in the file",
                      f"; there are {listing(units) or 'none'}")
  return found


def _extname(unit: Unit) -> str:
  return str(unit.header.get("EXTNAME", "" if unit.number else "PRIMARY")).strip()
