"""Which objects of a source are converted, and into which split each goes."""

from __future__ import annotations

import collections
import dataclasses

from absl import logging
from astropy.table import Table
import numpy as np

from data_tools import checks
from data_tools import splits as splits_lib
from data_tools.readers.base import CutoutSource
from pzbias_tf.survey import Survey


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection:
  """What is converted, and what is not.

  Attributes:
    catalog: the objects as read, r magnitudes replaced where unusable.
    rows: [galaxies] rows of the catalogue to write.
    splits: [galaxies] their splits.
    rule: how the splits were made, in words.
    reasons: [objects] object, "" where an object is written.
    replaced: [objects] bool, where the r magnitude of a written object was replaced.
    float16_error: largest absolute error of float16 (0 where it is not wanted).
  """

  catalog: Table
  rows: np.ndarray
  splits: np.ndarray
  rule: str
  reasons: np.ndarray
  replaced: np.ndarray
  float16_error: float

  @property
  def rejected(self) -> np.ndarray:
    """Rows of the catalogue that are not written."""
    return np.flatnonzero(self.reasons != "")

  def counts(self) -> dict[str, int]:
    """Numbers of objects read, written and rejected, which add up."""
    return {"read": len(self.reasons), "written": len(self.rows),
            "rejected": len(self.rejected)}

  def rejected_by_reason(self) -> dict[str, int]:
    """Number of objects by reason."""
    return dict(collections.Counter(str(reason) for reason in self.reasons if reason))


def select(source: CutoutSource, survey: Survey, *, seed: int,
           fractions: tuple[float, float, float] | None = None,
           max_r_mag: float | None = None, half: bool = False, mapper=map) -> Selection:
  """Applies all rules to the catalogue and the images, and makes the splits.

  Args:
    source: the galaxies.
    survey: gives grid, data set and flux divisor.
    seed: salt of the splits.
    fractions: explicit split; see `splits.assign_splits`.
    max_r_mag: faintest r magnitude (AB) to convert.
    half: whether the pixels must fit into float16.
    mapper: `map`, or that of a pool of processes.

  Raises:
    ValueError: nothing is left, no r magnitude is usable, or float16 overflows.
  """
  catalog, reasons, replaced = checks.check_catalog(source, survey, max_r_mag=max_r_mag)
  error = checks.check_images(source, reasons, mapper=mapper,
                              divisor=survey.flux_divisor, half=half)
  if not np.isfinite(error):
    raise ValueError("--dtype=float16: a pixel exceeds float16's 65504 after division by "
                     f"{survey.flux_divisor:g}; use --dtype=float32")
  rows = np.flatnonzero(reasons == "")
  splits, rule = splits_lib.assign_splits(
      catalog[rows], survey.dataset, seed=seed, fractions=fractions)
  reasons[rows[splits == ""]] = checks.NO_SPLIT
  selection = Selection(
      catalog=catalog, rows=rows[splits != ""], splits=splits[splits != ""], rule=rule,
      reasons=reasons, replaced=replaced & (reasons == ""), float16_error=error)
  _report(selection)
  return selection


def _report(selection: Selection) -> None:
  if not len(selection.rows):
    raise ValueError(f"none of {len(selection.reasons)} objects can be converted: "
                     f"{selection.rejected_by_reason()}")
  replaced = selection.replaced
  if replaced.any():
    logging.warning("%d galaxies have no usable r magnitude and take the largest of the "
                    "catalogue, %.3f", replaced.sum(), selection.catalog["r_mag"][replaced][0])
