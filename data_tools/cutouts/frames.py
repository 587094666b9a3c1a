"""One frame, a FITS image of one band: its grid on the sky, and windows of its pixels.

A window is read without the rest of the frame.  .bz2 and .gz files allow no such access, so
they are unpacked to disk first.
"""

from __future__ import annotations

import bz2
import contextlib
import dataclasses
import gzip
import os
import shutil
import tempfile
from typing import Any, Iterator
import warnings

from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from astropy.wcs import WCS
import numpy as np

_OPENERS = {".bz2": bz2.open, ".gz": gzip.open}


class FrameError(OSError):
  """A frame cannot be used; the message says why."""


@dataclasses.dataclass(frozen=True)
class Grid:
  """The pixels of a frame on the sky.

  Attributes:
    wcs: celestial coordinates of the pixels, which are counted from 0.
    shape: (height, width), pixels.
    unit: number of the FITS unit (HDU) with the image.
  """

  wcs: WCS
  shape: tuple[int, int]
  unit: int = 0


@dataclasses.dataclass(frozen=True)
class Frame:
  """An open frame.

  Attributes:
    grid: its pixels on the sky.
    pixels: an array or a FITS image's `section`, from which windows are sliced.
  """

  grid: Grid
  pixels: Any

  def window(self, left: int, top: int, right: int, bottom: int) -> np.ndarray:
    """Pixels [top:bottom, left:right] as float64 in native byte order.

    Raises:
      FrameError: the pixels cannot be read.
    """
    try:
      return np.array(self.pixels[top:bottom, left:right], np.float64)
    except Exception as error:  # a damaged file can raise nearly anything
      raise FrameError("frame damaged or unreadable") from error


def read_grid(path: str) -> Grid:
  """A frame's grid, from the header at the start of its file.

  Raises:
    FrameError: the file is missing, damaged or not an image of the sky.
  """
  try:
    with warnings.catch_warnings(), _opener(path)(path, "rb") as file:
      warnings.simplefilter("ignore", AstropyWarning)  # about headers of older standards
      header, unit = fits.Header.fromfile(file), 0
      if header.get("NAXIS", 0) == 0:  # the image is the first extension
        header, unit = fits.Header.fromfile(file), 1
      prefix = "Z" if header.get("ZIMAGE") else ""  # the shape of a compressed image
      shape = int(header[f"{prefix}NAXIS2"]), int(header[f"{prefix}NAXIS1"])
      wcs = WCS(header, naxis=2)
      wcs.array_shape = shape  # the header of a compressed image has another one
  except Exception as error:  # a damaged header can raise nearly anything
    raise FrameError("frame damaged or unreadable") from error
  if not wcs.has_celestial:
    raise FrameError("frame without celestial coordinates")
  return Grid(wcs, shape, unit)


@contextlib.contextmanager
def open_frame(path: str, grid: Grid, scratch: str = "") -> Iterator[Frame]:
  """Opens a frame for reading windows.

  Args:
    path: the file; .bz2 and .gz are unpacked while the frame is open.
    grid: its grid, from `read_grid`.
    scratch: folder for unpacked frames; "" is the system's temporary folder.

  Raises:
    FrameError: the file is damaged.
    OSError: the scratch folder is full.
  """
  with contextlib.ExitStack() as stack:
    stack.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore", AstropyWarning)
    if _opener(path) is not open:
      path = _unpacked(path, stack.enter_context(tempfile.TemporaryDirectory(
          prefix="pzbias-frame-", dir=scratch or None)))
    try:
      pixels = _pixels(stack.enter_context(fits.open(path))[grid.unit])
    except Exception as error:
      raise FrameError("frame damaged or unreadable") from error
    yield Frame(grid, pixels)


def _pixels(image):
  """A memory map if the file holds plain numbers, else a `section` that decodes slices."""
  scaled = image.header.get("BSCALE", 1) != 1 or image.header.get("BZERO", 0) != 0
  return image.section if scaled or isinstance(image, fits.CompImageHDU) else image.data


def _opener(path: str):
  return _OPENERS.get(os.path.splitext(path)[1], open)


def _unpacked(path: str, folder: str) -> str:
  copy = os.path.join(folder, os.path.splitext(os.path.basename(path))[0])
  with open(copy, "wb") as file:
    try:
      with _opener(path)(path, "rb") as packed:
        shutil.copyfileobj(packed, file, 1 << 22)
    except (EOFError, gzip.BadGzipFile, ValueError) as error:
      raise FrameError("frame damaged or unreadable") from error
    except OSError as error:
      if error.errno is None:  # how bz2 reports damage; a full disk has an errno
        raise FrameError("frame damaged or unreadable") from error
      raise
  return copy
