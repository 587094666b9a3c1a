"""What one unit of an image's pixels is worth, by BUNIT and zero points, and whether it is a flux.

Images of one band are for one network only if they have one scale.  Nothing is converted here:
which scale is wanted, the user knows.
"""

from __future__ import annotations

import dataclasses
import math
import re
import warnings

from astropy import units
from astropy.io import fits

from data_tools.fits_headers import pixel_units

ZERO_POINTS = ("MAGZERO", "MAGZPT", "MAGZP", "ZEROPOINT", "ZEROPOIN", "ZEROPNT", "ZEROPT", "PHOTZP",
               "ABMAGZP", "ABZP", "MAG_ZP", "ZPAB", "ZP", "ZPT")
"""Keywords of the magnitude of one unit of flux."""
_FLUXES = {"FLUXMAG0": 2.5, "PHOTFLAM": -2.5}
"""Keywords of a flux, and the factor of its logarithm in a zero point."""
_TOLERANCE = 0.02  # mag; a network cannot see less
_PHYSICAL = re.compile(r"maggy|maggies|mgy|\bn?mgys?\b|jy", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class FluxScale:
  """The scale of an image.

  Attributes:
    unit: BUNIT, "" if it is not stated.
    zero_point: magnitude of one unit of flux, None if it is not stated, or the unit says all.
    word: the keyword of the zero point and its value.
  """

  unit: str = ""
  zero_point: float | None = None
  word: str = ""

  def difference(self, other: FluxScale) -> str:
    """How two images differ, in words; "" if they do not, or one does not say."""
    if self.unit and other.unit and not _same_unit(self.unit, other.unit):
      return f"pixels in {self.unit}, but those of {{}} in {other.unit} (BUNIT)"
    if self.zero_point is None or other.zero_point is None or (
        abs(self.zero_point - other.zero_point) <= _TOLERANCE):
      return ""
    return f"{self.word}, but {other.word} in {{}}"

  def joined(self, other: FluxScale) -> FluxScale:
    """This scale, with what only the other one states."""
    return FluxScale(self.unit or other.unit,
                     *((self.zero_point, self.word) if self.zero_point is not None else
                       (other.zero_point, other.word)))


def scale_of(header: fits.Header, primary: fits.Header | None = None) -> FluxScale:
  """The scale of an image.

  Args:
    header: of the image.
    primary: header of the file's first unit, for a zero point that the image's own lacks.
  """
  text = pixel_units.unit_of(header)
  if _PHYSICAL.search(text):
    return FluxScale(text)
  for one in (header, *([primary] if primary is not None else [])):
    for key in (*ZERO_POINTS, *_FLUXES):
      value = one.get(key)
      if isinstance(value, (int, float)) and math.isfinite(value) and (
          key not in _FLUXES or value > 0):
        zero_point = _FLUXES[key] * math.log10(value) if key in _FLUXES else float(value)
        return FluxScale(text, zero_point, f"{key} = {value:g}")
  return FluxScale(text)


def no_flux(header: fits.Header) -> str:
  """Why the pixels of an image are no fluxes, with the remedy; "" if nothing says so."""
  text = pixel_units.unit_of(header)
  if pixel_units.kind_of(text) == pixel_units.PixelUnit.MAGNITUDE:
    return f"pixels in magnitudes (BUNIT = {text!r}); convert them to flux"
  if "BSOFTEN" in header and "BOFFSET" in header:  # stacks of Pan-STARRS
    return ("pixels in asinh magnitudes (BSOFTEN, BOFFSET); convert them to flux, BOFFSET + 2 "
            "BSOFTEN sinh(0.4 ln(10) pixel), and remove the two keywords")
  return ""


def _same_unit(text: str, other: str) -> bool:
  """Whether two spellings mean one unit."""
  if text == other:
    return True
  if pixel_units.kind_of(text) != pixel_units.kind_of(other):
    return False
  with warnings.catch_warnings(action="ignore"):
    first, second = (units.Unit(word, parse_strict="silent") for word in (text, other))
  unknown = units.UnrecognizedUnit
  # Astropy does not know all spellings of counts and nanomaggies; those are not compared.
  return isinstance(first, unknown) or isinstance(second, unknown) or first == second
