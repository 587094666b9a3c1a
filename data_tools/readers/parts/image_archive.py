"""All images of a survey in one .npz file: one array of them, or one array per object.

Nothing is loaded as a whole: an array of all images is read row by row, and one per object
when it is asked for.
"""

from __future__ import annotations

import functools
import io
import os
import zipfile
import zlib

import numpy as np

from data_tools.readers.parts import npy_access
from data_tools.readers.parts.cutout_source import ImageError
from data_tools.readers.parts.images import CubeImages, Images

REASON_DAMAGED = "image unreadable in the npz file"
KINDS = ("one array [objects, height, width, band], or one array [height, width, band] per object, "
         "named by its row, 0, 1, ...")
_FEW = 100  # arrays among which that of all images is looked for


class MemberImages:
  """Images by row, each an array of its own in one .npz file; each process opens the file."""

  def __init__(self, path: str):
    self._path, self._changed_ns = path, os.stat(path).st_mtime_ns

  def __call__(self, row: int) -> np.ndarray:
    archive = _opened(self._path, self._changed_ns)
    try:
      packed = archive.read(f"{row}.npy")
      return np.lib.format.read_array(io.BytesIO(packed), allow_pickle=False)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
      raise ImageError(REASON_DAMAGED) from error


@functools.lru_cache(maxsize=2)
def _opened(path: str, changed_ns: int) -> zipfile.ZipFile:
  """The open file; kept, since reading its list of 100,000 images takes half a second."""
  del changed_ns  # a file that is written anew is opened anew
  return zipfile.ZipFile(path)


def open_images(path: str, num: int, *, catalog: str, scratch: str = "") -> Images:
  """The images of an .npz file, by row of the catalogue.

  Args:
    path: the .npz file.
    num: number of rows of the catalogue.
    catalog: its file, for error messages.
    scratch: folder for the unpacked copy of a compressed array of all images.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is damaged, holds something else, or has another number of images.
  """
  names = npy_access.members(path)
  if names and all(name.isdecimal() for name in names):
    _check_number(path, len(names), num, catalog)
    absent = {str(row) for row in range(num)} - set(names)
    if absent:
      raise ValueError(f"{path}: no image {min(absent, key=int)}; the images of {num} rows must be "
                       f"named 0 to {num - 1}")
    return MemberImages(path)
  cubes = [name for name in names[:_FEW] if len(npy_access.peek(path, name)[0]) == 4]
  if len(cubes) != 1:
    raise ValueError(f"{path}: holds {', '.join(names[:5]) or 'nothing'}"
                     f"{', ...' if len(names) > 5 else ''}; expected {KINDS}")
  location = npy_access.locate(path, cubes[0], scratch=scratch)
  _check_number(path, location.shape[0], num, catalog)
  return CubeImages((location,))


def _check_number(path, images, num, catalog):
  if images != num:
    raise ValueError(f"{path}: {images} images, but {catalog} has {num} rows; name the images of "
                     "this catalogue with --image_template, or fetch both files again")
