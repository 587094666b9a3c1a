"""Images by row, from memory-mapped cubes or from one file an object.

Both kinds pickle as file names, so that worker processes open their own.
"""

from __future__ import annotations

import os

import numpy as np

from data_tools.readers import base
from data_tools.readers import npy_access


class CubeImages:
  """Images of one or several cubes [objects, height, width, band], end to end."""

  def __init__(self, locations: tuple[npy_access.ArrayLocation, ...]):
    self._locations = tuple(locations)
    self._starts = np.cumsum([0] + [location.shape[0] for location in self._locations])
    self._open: dict[int, np.ndarray] = {}

  def __call__(self, row: int) -> np.ndarray:
    cube = int(np.searchsorted(self._starts, row, side="right")) - 1
    if cube not in self._open:
      self._open[cube] = self._locations[cube].open()
    return np.array(self._open[cube][row - self._starts[cube]])

  def __getstate__(self):
    return {**self.__dict__, "_open": {}}  # a pickled memory map would copy the data


class FileImages:
  """Images stored as `<folder>/<row>.py.npy`."""

  def __init__(self, folder: str, suffix: str = ".py.npy"):
    self._folder = folder
    self._suffix = suffix

  def path(self, row: int) -> str:
    """The file of one object."""
    return os.path.join(self._folder, f"{row}{self._suffix}")

  def __call__(self, row: int) -> np.ndarray:
    try:
      return np.load(self.path(row), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
      raise base.ImageError(base.REASON_NO_IMAGE) from error
