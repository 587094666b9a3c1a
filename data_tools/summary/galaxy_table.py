"""The galaxies of a data set in redshift and magnitude."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Iterator

import numpy as np

from pzbias_tf.data.dataset import Dataset
from pzbias_tf.data.manifest import SPLITS

_FINEST = -2  # power of ten of the finest bins of magnitude and redshift


@dataclasses.dataclass(frozen=True, kw_only=True)
class Galaxies:
  """The galaxies of a data set, each once, whatever its number of copies.

  Attributes:
    z_spec: [galaxies] float64, NaN if unknown.
    r_mag: [galaxies] float64.
    split: [galaxies] str.
  """

  z_spec: np.ndarray
  r_mag: np.ndarray
  split: np.ndarray

  @classmethod
  def of(cls, data: Dataset) -> Galaxies:
    """The galaxies of a data set."""
    once = data.column("copy") == 0
    return cls(**{name: data.column(name)[once] for name in ("z_spec", "r_mag", "split")})

  def splits(self) -> tuple[str, ...]:
    """The splits that contain galaxies, in their usual order."""
    return tuple(split for split in SPLITS if np.any(self.split == split))


def round_edges(values: np.ndarray, most: int) -> np.ndarray:
  """Edges of about `most` bins at most, of a round width, that hold all values.

  Args:
    values: numbers; those that are not finite are ignored.
    most: largest number of bins.

  Returns:
    [bins + 1] float64, multiples of the width; [0, 1] if no number is finite.
  """
  values = values[np.isfinite(values)]
  if not values.size:
    return np.array([0.0, 1.0])
  low, high = float(values.min()), float(values.max())
  width = next(step for step in _round_steps() if (high - low) / step <= most)
  first, last = np.floor(low / width), np.floor(high / width) + 1
  return np.round(width * np.arange(first, last + 1), 6)


def _round_steps() -> Iterator[float]:
  """0.01, 0.02, 0.05, 0.1, 0.2, ... without end: one wrong value may be very large."""
  return (digit * 10.0**power for power in itertools.count(_FINEST) for digit in (1, 2, 5))


def counts(galaxies: Galaxies, r_edges: np.ndarray, z_edges: np.ndarray) -> np.ndarray:
  """Number of galaxies with z_spec per cell of magnitude and redshift, [r bins, z bins] int64."""
  return np.histogram2d(galaxies.r_mag, galaxies.z_spec, (r_edges, z_edges))[0].astype(np.int64)
