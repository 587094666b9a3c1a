"""Pictures compared as a reader sees them, not by the bytes of their files."""

from matplotlib import image
import numpy as np

VISIBLE = 0.2
"""Of a pixel's range from 0 to 1: a smaller difference is one of rounding at an edge."""


def different_pixels(path: str, other: str) -> int:
  """Number of pixels that look different in two PNG files.

  Raises:
    ValueError: the pictures have different sizes.
  """
  one, two = image.imread(path), image.imread(other)
  if one.shape != two.shape:
    raise ValueError(f"{path} has shape {one.shape}, {other} has {two.shape}")
  return int(np.sum(np.abs(one - two).max(axis=-1) > VISIBLE))
