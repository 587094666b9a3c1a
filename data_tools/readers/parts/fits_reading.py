"""Reads the images of a FITS file, whole or not at all.

What FITS writers often get wrong without harm to the pixels is read with a warning: a CHECKSUM
from before the last edit of the header beside a DATASUM that agrees, and a last block without
its padding.
"""

from __future__ import annotations

import io
import math
from typing import Any
import warnings

from absl import logging
from astropy.io import fits
import numpy as np

from data_tools.fits_headers.unit_choice import Unit
from data_tools.readers.parts.cutout_source import (
  REASON_NO_IMAGE,
  REASON_NOT_PLAIN,
  ImageError,
  is_absent,
  unreachable,
)
from pzbias_tf.guards import plain_files, unpacking

REASON_DAMAGED = "FITS file damaged or unreadable"
REASON_WEB_PAGE = "a web page in place of a FITS file"
REASON_NO_PIXELS = "FITS file without an image"
REASON_TOO_LARGE = "FITS file far larger, unpacked, than a cutout"
MOST_PIXELS = 1 << 28
"""Of a cutout, all bands together."""

_BLOCK = 2880  # bytes


class _TooLarge(Exception):
  """A header announces more pixels than a cutout has."""


class _Damaged(Exception):
  """The pixels of a file are not as they were written."""


def read_units(path: str) -> tuple[list[Unit], fits.Header]:
  """The units with pixels, and the header of the first unit.

  Returns:
    Units with pixels [height, width] or [band, height, width] in native byte order, without
    axes of length 1, and the primary header.

  Raises:
    ImageError: the file is missing or damaged, or has no image.
    OSError: the file cannot be reached.
  """
  try:
    plain_files.check(path)
  except OSError as error:
    raise ImageError(REASON_NOT_PLAIN) from error
  try:
    units, primary = _read_or_mend(path)
  except (unpacking.BombError, _TooLarge) as error:
    raise ImageError(REASON_TOO_LARGE) from error
  except OSError as error:
    if error.errno and not is_absent(error):
      raise unreachable(error, path) from error
    raise ImageError(REASON_NO_IMAGE if error.errno else _reason(path)) from error
  except Exception as error:  # a damaged file can raise nearly anything
    raise ImageError(_reason(path)) from error
  if not units:
    raise ImageError(REASON_NO_PIXELS)
  return units, primary


def without_short_axes(pixels: np.ndarray) -> np.ndarray:
  """The array without leading axes of length 1, such as a frequency; [height, width] at least."""
  outer = [length for length in pixels.shape[:-2] if length != 1]
  return pixels.reshape(*outer, *pixels.shape[-2:])


def _read_or_mend(path):
  unpacking.check(path)
  try:
    return _read(path)
  except OSError as error:
    if error.errno:
      raise
    problem: Exception = error
  except Exception as error:
    problem = error
  padded = _padded(path)
  if padded is None:
    raise problem
  logging.log_first_n(logging.WARNING, "%s: the last block is not filled up to %d bytes; all "
                      "pixels are there, and are used (said once)", 1, path, _BLOCK)
  return _read(padded, path)


def _read(file: Any, path: str = "") -> tuple[list[Unit], fits.Header]:
  with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    with fits.open(file, memmap=False, checksum=True) as opened:
      _ = len(opened)  # reads all headers
      _check(opened, [str(warning.message) for warning in caught], path or file)
      if any(math.prod(unit.shape) > MOST_PIXELS for unit in opened if unit.is_image):
        raise _TooLarge
      units = [Unit(number, unit.header, without_short_axes(_native(unit.data)))
               for number, unit in enumerate(opened)
               if unit.is_image and unit.data is not None and unit.data.ndim > 1]
      if any("runcated" in str(warning.message) for warning in caught):
        raise _Damaged("truncated")
      if any("Error validating" in str(warning.message) for warning in caught):
        _refuse_cut_extension(opened, path or file)
      return units, opened[0].header


def _check(opened, messages: list[str], path: str) -> None:
  """Raises _Damaged if a unit has other data than its DATASUM, or than a lone CHECKSUM, says."""
  if any("atasum verification failed" in message for message in messages):
    raise _Damaged("DATASUM")
  if not any("hecksum verification failed" in message for message in messages):
    return
  for unit in opened:
    if unit.verify_checksum() == 0 and unit.verify_datasum() != 1:
      raise _Damaged("CHECKSUM")
  logging.log_first_n(logging.WARNING, "%s: CHECKSUM is from before the last edit of the header; "
                      "DATASUM agrees, so the pixels are used (said once)", 1, path)


def _refuse_cut_extension(opened, path: str) -> None:
  """Raises _Damaged if a further extension begins where astropy found no whole one.

  Other bytes behind the last unit are of no concern.
  """
  info = opened[len(opened) - 1].fileinfo()
  end = info["datLoc"] + info["datSpan"]
  if _content(path)[end:end + 8] == b"XTENSION":
    raise _Damaged("an extension is cut short")


def _padded(path: str) -> io.BytesIO | None:
  """The file with its last block filled up, if nothing but that is missing; else None."""
  content = _content(path)
  if len(content) % _BLOCK == 0:
    return None
  padded = content + bytes(-len(content) % _BLOCK)
  with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    try:
      with fits.open(io.BytesIO(padded), memmap=False, disable_image_compression=True) as opened:
        ends = [unit.fileinfo()["datLoc"] + unit.size for unit in opened]
    except Exception:  # the file is damaged in another way
      return None
  if any("Error validating" in str(warning.message) for warning in caught):
    return None
  whole = max(ends) <= len(content) and max(ends) > len(content) - _BLOCK
  return io.BytesIO(padded) if whole else None


def _content(path: str) -> bytes:
  try:
    return unpacking.contents(path)
  except (OSError, EOFError, ValueError) as error:
    raise _Damaged("packed file") from error


def _reason(path) -> str:
  """The reason for a file that is no readable FITS file."""
  try:
    with open(path, "rb") as file:
      start = file.read(512).lstrip().lower()
  except OSError:
    return REASON_DAMAGED
  return REASON_WEB_PAGE if start.startswith((b"<!doctype", b"<html", b"<?xml")) else REASON_DAMAGED


def _native(data: np.ndarray) -> np.ndarray:
  """The big-endian numbers of FITS in native byte order."""
  return np.ascontiguousarray(data, data.dtype.newbyteorder("="))
