"""From pixels of a frame to the sky (ICRS) and back, whatever coordinates its header is in.

Equatorial coordinates of any equinox (ICRS, FK5, FK4) and Galactic ones, with either axis
first.  Astropy converts between them.
"""

from __future__ import annotations

import re
from typing import Any
import warnings

from astropy import units
from astropy.coordinates import ICRS, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame
import numpy as np

from data_tools.fits_headers import sky_columns

_KNOWN_AXES = ("RA", "GLON")
_PRECISION = 0.1  # pixels
_LATEST_EQUINOX = 2000.0
_EQUINOX = re.compile(r"\s*([BJ]?)(\d{4}(?:\.\d*)?)\s*", re.IGNORECASE)


class SkyError(ValueError):
  """A header does not say where its pixels lie on the sky; the message says why."""


def read_wcs(header: fits.Header, shape: tuple[int, int], file: Any = None) -> WCS:
  """The celestial coordinates of an image.

  Args:
    header: of the image.
    shape: (height, width), pixels.
    file: the open file, for coordinates in lookup tables.

  Returns:
    Coordinates of two axes, those of the image's rows and columns.

  Raises:
    SkyError: there are none, or they are of a kind that is not supported.
  """
  try:
    wcs = WCS(_with_numbers(header), fobj=file)
    has_celestial = wcs.has_celestial
  except SkyError:
    raise
  except Exception as error:  # wcslib raises many kinds of errors
    raise SkyError(f"coordinates ({_axes(header)}) cannot be used: {_first_line(error)}") from error
  if not has_celestial:
    raise SkyError(f"no celestial coordinates ({_axes(header)})")
  if {wcs.wcs.lng, wcs.wcs.lat} != {0, 1}:
    raise SkyError(f"the sky is not on the first two axes ({_axes(header)})")
  wcs = wcs.celestial if wcs.naxis > 2 else wcs
  wcs.array_shape = shape  # the header of a compressed image has another one
  _try(wcs, header)
  return wcs


def _try(wcs: WCS, header: fits.Header) -> None:
  """Raises SkyError if the middle of an image does not go to the sky and back."""
  height, width = wcs.array_shape
  middle = (np.array([[width, height]]) - 1) / 2
  try:
    back = to_pixels(wcs, to_sky(wcs, middle))
  except SkyError:
    raise
  except Exception as error:  # wcslib raises many kinds of errors
    raise SkyError(f"coordinates ({_axes(header)}) cannot be used: {_first_line(error)}") from error
  if not np.all(np.abs(back - middle) < _PRECISION):
    raise SkyError(f"coordinates ({_axes(header)}) cannot be used: pixels on the sky and back are "
                   "others")


def frame_of(wcs: WCS):
  """The celestial frame of coordinates, as astropy's.

  Raises:
    SkyError: it is none that is known.
  """
  wcs.wcs.set()
  if wcs.wcs.lngtyp.strip() not in _KNOWN_AXES:  # astropy takes ecliptic ones for ICRS
    raise SkyError(f"coordinates of kind {wcs.wcs.lngtyp.strip()} are not supported; only RA with "
                   "DEC, and GLON with GLAT")
  try:
    return wcs_to_celestial_frame(wcs)
  except ValueError as error:
    raise SkyError(f"unknown system of coordinates: RADESYS = {wcs.wcs.radesys!r}") from error


def to_sky(wcs: WCS, places: np.ndarray) -> np.ndarray:
  """Pixels to the sky: [n, 2] (x, y) from 0 -> [n, 2] ra and dec, deg (ICRS)."""
  return _to_icrs(_native(wcs, places), frame_of(wcs))


def to_pixels(wcs: WCS, sky: np.ndarray) -> np.ndarray:
  """The sky to pixels: [n, 2] ra and dec, deg (ICRS) -> [n, 2] (x, y) from 0."""
  return _pixels(wcs, _from_icrs(sky, frame_of(wcs)))


def between(wcs: WCS, other: WCS, places: np.ndarray) -> np.ndarray:
  """Pixels of one frame to those of another, [n, 2] both."""
  frame, other_frame = frame_of(wcs), frame_of(other)
  sky = _native(wcs, places)
  if not frame.is_equivalent_frame(other_frame):
    sky = _from_icrs(_to_icrs(sky, frame), other_frame)
  return _pixels(other, sky)


def separation(ra, dec, other_ra, other_dec):
  """Angle between two places on the sky, all in deg; haversines keep small angles exact."""
  ra, dec, other_ra, other_dec = (np.radians(angle) for angle in (ra, dec, other_ra, other_dec))
  squared = (np.sin((dec - other_dec) / 2) ** 2
             + np.cos(dec) * np.cos(other_dec) * np.sin((ra - other_ra) / 2) ** 2)
  return np.degrees(2 * np.arcsin(np.sqrt(np.minimum(squared, 1))))


def _native(wcs, places) -> np.ndarray:
  """Longitude and latitude in the frame's own system, deg."""
  return wcs.all_pix2world(places, 0)[:, [wcs.wcs.lng, wcs.wcs.lat]]


def _pixels(wcs, sky) -> np.ndarray:
  world = np.empty_like(sky, np.float64)
  world[:, wcs.wcs.lng], world[:, wcs.wcs.lat] = sky.T
  return wcs.all_world2pix(world, 0, quiet=True)


def _to_icrs(sky, frame) -> np.ndarray:
  if isinstance(frame, ICRS):
    return sky
  converted = SkyCoord(*(sky.T * units.deg), frame=frame).icrs
  return np.stack([converted.ra.deg, converted.dec.deg], axis=-1)


def _from_icrs(sky, frame) -> np.ndarray:
  if isinstance(frame, ICRS):
    return sky
  converted = SkyCoord(*(sky.T * units.deg), frame="icrs").transform_to(frame).spherical
  return np.stack([converted.lon.deg, converted.lat.deg], axis=-1)


def _with_numbers(header: fits.Header) -> fits.Header:
  """The header with EQUINOX and EPOCH as numbers; astropy ignores text such as 'B1950'.

  Raises:
    SkyError: one is no year, or EPOCH may be the date of the observation.
  """
  header = _with_system(header)
  for key in ("EQUINOX", "EPOCH"):
    value = header.get(key)
    if isinstance(value, str) and value.strip():
      match = _EQUINOX.fullmatch(value)
      if not match:
        raise SkyError(f"{key} = {value!r} is no year")
      header = header.copy()
      header[key] = float(match[2])
      letter = match[1].upper() or ("B" if float(match[2]) < 1984 else "J")
      if not (header.get("RADESYS") or header.get("RADECSYS")):
        header["RADESYS"] = "FK4" if letter == "B" else "FK5"
  epoch = header.get("EPOCH")
  if isinstance(epoch, (int, float)) and (epoch > _LATEST_EQUINOX or epoch % 1) and not any(
      header.get(key) for key in ("EQUINOX", "RADESYS", "RADECSYS")):
    raise SkyError(f"EPOCH = {epoch:g} without EQUINOX or RADESYS may be the date of the "
                   "observation; write RADESYS = 'ICRS' or the EQUINOX")
  return header


def _with_system(header: fits.Header) -> fits.Header:
  """The header with RADESYS as the standard spells it."""
  for key in ("RADESYS", "RADECSYS"):
    value = header.get(key)
    if isinstance(value, str) and sky_columns.system_of(value) != value.strip():
      header = header.copy()
      header[key] = sky_columns.system_of(value)
  return header


def _axes(header) -> str:
  return ", ".join(f"CTYPE{axis} = {header.get(f'CTYPE{axis}', 'missing')!r}" for axis in (1, 2))


def _first_line(error: Exception) -> str:
  lines = [line.strip() for line in str(error).splitlines() if line.strip()]
  return lines[-1] if lines else type(error).__name__


def quiet() -> warnings.catch_warnings:
  """A context without astropy's warnings about headers of older standards."""
  return warnings.catch_warnings(action="ignore")
