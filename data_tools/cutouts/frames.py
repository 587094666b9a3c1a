"""One frame, an image of one band: its grid on the sky, and windows of its pixels."""

from __future__ import annotations

import dataclasses
from typing import Any

from astropy.wcs import WCS
import numpy as np

from data_tools.fits_headers import pixel_units
from data_tools.fits_headers.flux_scale import FluxScale

DAMAGED = "frame damaged or unreadable"


class FrameError(OSError):
  """A frame cannot be used; the message says why."""


@dataclasses.dataclass(frozen=True)
class Grid:
  """The pixels of a frame on the sky.

  Attributes:
    wcs: celestial coordinates of the pixels, which are counted from 0.
    shape: (height, width), pixels.
    unit: number of the FITS unit (HDU) with the image.
    scale: what a unit of the pixels is worth.
  """

  wcs: WCS
  shape: tuple[int, int]
  unit: int = 0
  scale: FluxScale = FluxScale()

  @property
  def flux_unit(self) -> str:
    """Physical unit of the pixels (BUNIT), "" if it is not stated."""
    return self.scale.unit

  @property
  def kind(self) -> pixel_units.PixelUnit:
    """Whether the pixels are fluxes or surface brightnesses."""
    return pixel_units.kind_of(self.flux_unit)


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
      raise FrameError(DAMAGED) from error
