"""Which objects of a source are converted as far as the catalogue tells, and into which split."""

from __future__ import annotations

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
  """What is to be converted, before any image is read.

  Attributes:
    catalog: the objects as read, r magnitudes replaced where unusable.
    rows: [galaxies] rows of the catalogue to write.
    splits: [galaxies] their splits.
    rule: how the splits were made, in words.
    reasons: [objects] object, "" where an object is to be written.
    replaced: [objects] bool, where the r magnitude was replaced.
  """

  catalog: Table
  rows: np.ndarray
  splits: np.ndarray
  rule: str
  reasons: np.ndarray
  replaced: np.ndarray


def select(source: CutoutSource, survey: Survey, *, seed: int,
           fractions: tuple[float, float, float] | None = None,
           max_r_mag: float | None = None) -> Selection:
  """Applies the rules to the catalogue, and makes the splits.

  Args:
    source: the galaxies.
    survey: gives grid and data set.
    seed: salt of the splits.
    fractions: explicit split; see `splits.assign_splits`.
    max_r_mag: faintest r magnitude (AB) to convert.

  Raises:
    ValueError: no r magnitude is usable.
  """
  catalog, reasons, replaced = checks.check_catalog(source, survey, max_r_mag=max_r_mag)
  rows = np.flatnonzero(reasons == "")
  splits, rule = splits_lib.assign_splits(
      catalog[rows], survey.dataset, seed=seed, fractions=fractions)
  reasons[rows[splits == ""]] = checks.NO_SPLIT
  if replaced.any():
    logging.warning("%d galaxies have no usable r magnitude and take the largest of the "
                    "catalogue, %.3f", replaced.sum(), catalog["r_mag"][replaced][0])
  return Selection(catalog=catalog, rows=rows[splits != ""], splits=splits[splits != ""],
                   rule=rule, reasons=reasons, replaced=replaced)
