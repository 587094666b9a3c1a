"""All that Step 4's fit looks at of the galaxies that it corrects: how many are in each cell.

The resampling follows the distribution of the target set over cells of (redshift bin of z_photo,
magnitude row), so the counts of those cells stand for any number of galaxies.  They are summed
piece by piece, and the fit is the same to the last bit as with all estimates in memory.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from pzbias_tf import arguments, cells
from pzbias_tf.survey import Survey


@dataclasses.dataclass(frozen=True, eq=False)
class TargetCounts:
  """Galaxies of a target set, counted.  The counts of two sets add up with `+`.

  Attributes:
    counts: by redshift bin of z_photo and magnitude row, [bins, rows] int64;
      galaxies off the grid count in the edge cells.
    r_mag: the brightest and the faintest r magnitude; (inf, -inf) of no galaxy.
  """

  counts: np.ndarray
  r_mag: tuple[float, float]

  def __post_init__(self):
    counts = np.asarray(self.counts)
    if counts.ndim != 2 or counts.dtype.kind not in "iu" or (counts < 0).any():
      raise ValueError("counts of galaxies must be whole numbers of 0 or more in shape [bins, "
                       f"magnitude rows], got {counts.dtype} in shape {list(counts.shape)}; make "
                       "them with TargetCounts.of")
    object.__setattr__(self, "counts", counts.astype(np.int64))

  def __len__(self) -> int:
    return int(self.counts.sum())

  def __add__(self, other: TargetCounts) -> TargetCounts:
    if self.counts.shape != other.counts.shape:
      raise ValueError(f"counts of {list(self.counts.shape)} cells do not add up with those of "
                       f"{list(other.counts.shape)}; count both with the same survey")
    return TargetCounts(self.counts + other.counts, (
        min(self.r_mag[0], other.r_mag[0]), max(self.r_mag[1], other.r_mag[1])))

  @classmethod
  def none(cls, survey: Survey) -> TargetCounts:
    """No galaxy yet."""
    return cls(np.zeros((survey.bins, survey.rows), np.int64), (np.inf, -np.inf))

  @classmethod
  def of(cls, z_photo_target: np.ndarray, r_mag_target: np.ndarray,
         survey: Survey) -> TargetCounts:
    """Counts galaxies.

    Args:
      z_photo_target: their point estimates, [n].
      r_mag_target: their r magnitudes, [n].
      survey: the survey.

    Raises:
      ValueError: the columns differ in length, are empty or not finite.
    """
    z_photo, r_mag = arguments.columns(z_photo_target=z_photo_target, r_mag_target=r_mag_target)
    return cls(cells.cell_counts(z_photo, r_mag, survey), (float(r_mag.min()), float(r_mag.max())))
