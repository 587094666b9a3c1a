"""Access to windows of the pixels of frames.

A window is read without the rest of its frame.  .bz2 and .gz files allow no such access, so
they are unpacked to disk first.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import os
from typing import Any, Iterator
import zlib

from astropy.io import fits

from data_tools.cutouts import celestial
from data_tools.cutouts.frame_files import ImageChoice, read_grids
from data_tools.cutouts.frames import DAMAGED, Frame, FrameError
from pzbias_tf.guards import unpacking
from pzbias_tf.guards.own_folders import scratch_folder

UNPACKED = "pzbias-frame-"
"""Prefix of the folders with unpacked frames."""

_OPENERS = {".bz2": bz2.open, ".gz": gzip.open}


@contextlib.contextmanager
def open_frames(path: str, band: str, choice: ImageChoice, scratch: str = ""
                ) -> Iterator[dict[int, Frame]]:
  """Opens a file for reading windows of its frames.

  Args:
    path: the file; .bz2 and .gz are unpacked while it is open.
    band: its band.
    choice: which images count.
    scratch: folder for unpacked files.

  Yields:
    {number of the FITS unit: frame}.

  Raises:
    FrameError: the file is damaged.
    OSError: the scratch folder is full.
  """
  with contextlib.ExitStack() as stack:
    stack.enter_context(celestial.quiet())
    if _opener(path) is not open:
      path = _unpacked(path, stack.enter_context(scratch_folder(scratch, UNPACKED)))
    grids, _ = read_grids(path, band, choice)
    try:
      file = stack.enter_context(fits.open(path))
      frames = {grid.unit: Frame(grid, _pixels(file[grid.unit])) for grid in grids}
    except Exception as error:
      raise FrameError(DAMAGED) from error
    yield frames


class _Plane:
  """A `section` of an image with axes of length 1, as if it had two axes."""

  def __init__(self, section: Any, num_outer: int):
    self._section, self._outer = section, (0,) * num_outer

  def __getitem__(self, window):
    return self._section[(*self._outer, *window)]


def _pixels(image):
  """A memory map if the file holds plain numbers, else a `section` that decodes slices."""
  header = image.header
  coded = header.get("BSCALE", 1) != 1 or header.get("BZERO", 0) != 0 or "BLANK" in header
  if coded or isinstance(image, fits.CompImageHDU):
    num_outer = len(image.shape) - 2
    return _Plane(image.section, num_outer) if num_outer else image.section
  return image.data.reshape(image.shape[-2:])


def _opener(path: str):
  return _OPENERS.get(os.path.splitext(path)[1], open)


def _unpacked(path: str, folder: str) -> str:
  copy = os.path.join(folder, os.path.splitext(os.path.basename(path))[0])
  with open(copy, "wb") as file:
    try:
      with _opener(path)(path, "rb") as packed:
        unpacking.copy(path, packed, file)
    except unpacking.BombError as error:
      raise FrameError("far larger, unpacked, than a frame") from error
    except (EOFError, gzip.BadGzipFile, ValueError, zlib.error) as error:
      raise FrameError(DAMAGED) from error
    except OSError as error:
      if error.errno is None:  # how bz2 reports damage; a full disk has an errno
        raise FrameError(DAMAGED) from error
      raise
  return copy
