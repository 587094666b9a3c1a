"""The kind of physical unit that an image's pixels are in, from BUNIT.

A flux per pixel is summed where pixels are resampled; a surface brightness is not.
"""

from __future__ import annotations

import enum
import functools
import re
import warnings

from astropy import units
from astropy.io import fits


class PixelUnit(enum.Enum):
  """What the numbers of an image are."""

  FLUX = "flux per pixel"
  SURFACE_BRIGHTNESS = "surface brightness"
  MAGNITUDE = "magnitudes"
  UNKNOWN = "not stated"


# Spellings that astropy does not know, such as 'MJY/SR' or 'nanomaggies per sq. arcsec'.
_AREA = (r"(?:sr|ster(?:adian)?|(?:arc|a)\.?(?:sec|min)\w*|sq\.?\s*(?:arcsec|arcmin|deg)\w*|deg\w*|"
         r"beam)")
_PER_AREA = re.compile(rf"(?:/|\bper\b)[^/]*?\b{_AREA}\b|\b{_AREA}\s*(?:\*\*|\^)?\s*\(?-\d",
                       re.IGNORECASE)
_MAGNITUDE = re.compile(r"(?:\b|AB|ST|Vega)mag(?:nitudes?|s)?\b", re.IGNORECASE)


def unit_of(header: fits.Header) -> str:
  """BUNIT without blanks at its ends, "" if there is none."""
  return str(header.get("BUNIT", "")).strip()


@functools.lru_cache(1024)
def kind_of(text: str) -> PixelUnit:
  """The kind of a unit as BUNIT gives it; UNKNOWN for ""."""
  if not text:
    return PixelUnit.UNKNOWN
  with warnings.catch_warnings(action="ignore"):  # about several slashes
    unit = units.Unit(text, parse_strict="silent")
  if isinstance(unit, (units.UnrecognizedUnit, units.StructuredUnit)):  # the second has commas
    if _MAGNITUDE.search(text):
      return PixelUnit.MAGNITUDE
    return PixelUnit.SURFACE_BRIGHTNESS if _PER_AREA.search(text) else PixelUnit.FLUX
  if isinstance(unit, units.function.FunctionUnitBase) or units.mag in getattr(unit, "bases", ()):
    return PixelUnit.MAGNITUDE
  areas = units.sr, units.rad, units.beam
  per_area = any(power < 0 and any(map(base.is_equivalent, areas))
                 for base, power in zip(unit.bases, unit.powers))
  return PixelUnit.SURFACE_BRIGHTNESS if per_area else PixelUnit.FLUX
