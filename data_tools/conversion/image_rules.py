"""Which images are converted: rules that each image must meet when its shard is written."""

from __future__ import annotations

import dataclasses

import numpy as np

from data_tools.readers.parts.cutout_source import REASON_SHAPE, ImageError

NOT_FINITE = "image with pixels that are not finite"
EMPTY = "empty image (all pixels equal)"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageRules:
  """The rules that an image must meet.

  Attributes:
    shape: (height, width, bands).
    bands: names of the bands.
  """

  shape: tuple[int, ...]
  bands: tuple[str, ...]

  def check(self, image: np.ndarray) -> np.ndarray:
    """Returns the image as [height, width, band] float32 if it may be converted.

    Args:
      image: as the reader delivers it.

    Raises:
      ImageError: it is rejected; the message is the reason.
    """
    if image.shape != self.shape:
      raise ImageError(REASON_SHAPE)
    if image.dtype.kind != "f":
      raise ImageError(f"image of {image.dtype.name} in place of floating-point numbers")
    if image.dtype != np.float32:
      with np.errstate(over="ignore"):  # the check below finds an overflow
        image = image.astype(np.float32)
    self._check_pixels(image)
    return image

  def _check_pixels(self, image):
    # One pass: the sum of squares is finite if all pixels are, unless it overflows.
    pixels = image.ravel()
    with np.errstate(over="ignore", invalid="ignore"):
      squares = np.dot(pixels, pixels)
    if not np.isfinite(squares) and not np.isfinite(pixels).all():
      raise ImageError(NOT_FINITE)
    height, width, bands = self.shape
    # Corner and centre of a band seldom agree; only if they do, all pixels are compared.
    suspects = np.flatnonzero(image[0, 0] == image[height // 2, width // 2])
    if len(suspects) == bands and np.all(image == image[0, 0, 0]):
      raise ImageError(EMPTY)
    for band in suspects:
      if np.all(image[..., band] == image[0, 0, band]):
        raise ImageError(empty_band(self.bands[band]))


def empty_band(band: str) -> str:
  """The reason for rejecting a galaxy with one empty band."""
  return f"band {band} empty (all pixels equal)"
