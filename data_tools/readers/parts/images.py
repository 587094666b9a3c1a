"""Images by row, from cubes or from one .npy file per object.

All classes pickle as file names, so that each worker process opens its own files.
"""

from __future__ import annotations

import bisect
import collections
import itertools
import os
from typing import Callable

import numpy as np

from data_tools.readers.parts import npy_access
from data_tools.readers.parts.cutout_source import (
  REASON_NO_IMAGE,
  REASON_NOT_PLAIN,
  ImageError,
  is_absent,
  unreachable,
)
from data_tools.readers.parts.templates import ImageFiles
from pzbias_tf.guards import plain_files
from pzbias_tf.survey import Survey

_SAMPLED_IMAGES = 64
_NANOMAGGY_ZERO_POINT = 22.5  # AB magnitude of a flux of one nanomaggy

Images = Callable[[int], np.ndarray]


class CubeImages:
  """Images of one or several cubes [objects, height, width, band], one after another."""

  def __init__(self, locations: tuple[npy_access.ArrayLocation, ...]):
    self._locations = tuple(locations)
    lengths = (location.shape[0] for location in self._locations)
    self._starts = [0, *itertools.accumulate(lengths)]
    self._open: dict[int, npy_access.RowReader] = {}

  def __call__(self, row: int) -> np.ndarray:
    cube = bisect.bisect_right(self._starts, row) - 1
    if cube not in self._open:
      self._open[cube] = npy_access.RowReader(self._locations[cube])
    return self._open[cube](row - self._starts[cube])

  def __getstate__(self):
    return {**self.__dict__, "_open": {}}  # each process opens the files itself


class BandsFirst:
  """Images that are stored as [band, height, width]."""

  def __init__(self, images: Images):
    self._images = images

  def __call__(self, row: int) -> np.ndarray:
    image = self._images(row)
    return np.moveaxis(image, 0, -1) if image.ndim == 3 else image


class FileImages:
  """Images stored as `<folder>/<row>.py.npy`."""

  def __init__(self, folder: str, suffix: str = ".py.npy"):
    self._folder = folder
    self._suffix = suffix

  def path(self, row: int) -> str:
    """The file of one object."""
    return os.path.join(self._folder, f"{row}{self._suffix}")

  def __call__(self, row: int) -> np.ndarray:
    return _load(self.path(row))


class NamedImages:
  """Images stored as one .npy file per object, named by a template."""

  def __init__(self, files: ImageFiles):
    self._files = files

  def __call__(self, row: int) -> np.ndarray:
    return _load(self._files.path(row))


def usual_shape(images: Images, num: int, default: tuple[int, int, int]) -> tuple[int, int, int]:
  """The most common shape in a sample of the images; `default` if none can be read."""
  shapes: collections.Counter = collections.Counter()
  for row in np.unique(np.linspace(0, max(num - 1, 0), _SAMPLED_IMAGES).astype(int)):
    try:
      shapes[images(int(row)).shape] += 1
    except ImageError:
      continue  # listed in rejected.csv when all images are read
  shapes = collections.Counter({shape: n for shape, n in shapes.items() if len(shape) == 3})
  return shapes.most_common(1)[0][0] if shapes else default


def r_from_images(images: Images, num: int, survey: Survey) -> np.ndarray:
  """22.5 - 2.5 log10(summed r flux, nanomaggies), [num].

  NaN if the sum is not positive or the image cannot be used.

  Raises:
    ValueError: the survey has no r band.
  """
  if "r" not in survey.bands:
    raise ValueError(f"--r_from_image: survey {survey.name} has no band r, but the bands "
                     f"{', '.join(survey.bands)}; name a column with --r_column")
  band = survey.bands.index("r")
  flux = np.array([_summed(images, row, band) for row in range(num)])
  flux = np.where(flux > 0, flux / survey.flux_divisor, np.nan)
  return _NANOMAGGY_ZERO_POINT - 2.5 * np.log10(flux)


def _summed(images, row, band) -> float:
  try:
    image = images(row)
  except ImageError:
    return np.nan
  return float(np.sum(image[..., band], dtype=np.float64)) if image.ndim == 3 else np.nan


def _load(path: str) -> np.ndarray:
  try:
    plain_files.check(path)
    return np.load(path, allow_pickle=False)
  except plain_files.NotPlainError as error:
    raise ImageError(REASON_NOT_PLAIN) from error
  except OSError as error:
    if not is_absent(error):
      raise unreachable(error, path) from error
    raise ImageError(REASON_NO_IMAGE) from error
  except (ValueError, EOFError) as error:
    raise ImageError(REASON_NO_IMAGE) from error
