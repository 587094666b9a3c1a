"""Whether a unit (HDU) of a FITS file holds the image itself or its weights, mask or errors."""

from __future__ import annotations

import functools
import re
import warnings

from astropy import units
from astropy.io import fits

SCIENCE = "science"
COMPANION = "companion"
"""Weights, a mask, variances, exposure times and the like."""
UNKNOWN = ""

KEYS = ("EXTNAME", "EXTTYPE", "HDUCLAS1", "HDUCLAS2", "HDUCLAS3", "IMTYPE", "IMAGETYP",
        "PRODTYPE", "DES_EXT")
_SCIENCE = {"sci", "science", "image", "img", "data", "signal", "flux", "object", "light"}
# Whole words of companions, and stems that tell one wherever they stand, as in "GWEIGHT1".
_COMPANIONS = set(
    "var err errs rms std stddev stat unc con conf ctx dq bpm bad msk cov covar exp nexp texp "
    "exptime wt wgt sky bkg back bgr samp time area seg omap nobs ncoadd mse rmse flag ivm "
    "nsamp sig kernel ndet response zp wmap wtmap varmap errmap ".split())
_SUBTRACTED = re.compile(r"(?:sky|bkg|bg|background)[ _-]?sub\w*")  # an image, not the sky
_STEMS = re.compile(
    "weight|wght|wht|mask|varian|invvar|ivar|error|sigma|uncert|invers|expos|expmap|coverage|"
    "context|segm|backgr|resid|noise|qualit|flags|badpix|chi2|chisq|model|depth|psf|confid|"
    "variab|stdev|dqi|crmap|nimage|rmsmap")
# These say that there is an image of some kind, but not which.
_SAY_NOTHING = {("EXTNAME", "compressed_image"), ("HDUCLAS1", "image")}


def role_of(header: fits.Header) -> str:
  """SCIENCE, COMPANION, or UNKNOWN if the header does not tell."""
  words = [(key, str(header[key]).strip().lower()) for key in KEYS if key in header]
  texts = [_SUBTRACTED.sub("image", text) for key, text in words
           if text and (key, text) not in _SAY_NOTHING]
  names = {name for text in texts for name in re.findall("[a-z]+", text)}
  if names & _COMPANIONS or any(map(_STEMS.search, texts)) or _is_squared(
      str(header.get("BUNIT", ""))):
    return COMPANION
  return SCIENCE if names & _SCIENCE else UNKNOWN


def has_whole_numbers(header: fits.Header) -> bool:
  """Whether the pixels are whole numbers, as those of masks are."""
  return header.get("BITPIX", 0) > 0 and header.get("BSCALE", 1) in (0, 1)


@functools.lru_cache(256)
def _is_squared(text: str) -> bool:
  """Whether a unit is a squared or inverse squared one of flux, as a variance has."""
  with warnings.catch_warnings(action="ignore"):  # about several slashes
    unit = units.Unit(text, parse_strict="silent")
  if isinstance(unit, units.UnrecognizedUnit):  # such as (MJy/sr)^2
    return bool(re.search(r"\)\s*(?:\^|\*\*)?\s*\(?-?2\)?$", text))
  others = units.m, units.s, units.rad, units.sr, units.pix, units.beam
  return any(abs(power) == 2 and not any(map(base.is_equivalent, others))
             for base, power in zip(getattr(unit, "bases", ()), getattr(unit, "powers", ())))
