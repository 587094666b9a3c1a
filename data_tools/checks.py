"""Which objects are converted: rules on the catalogue, then on the images.

A rule never drops an object in silence: it gives a reason, and the converter
lists it in rejected.csv.  The first reason that applies counts.
"""

from __future__ import annotations

import dataclasses
from typing import Callable

from absl import logging
from astropy.table import Table
import numpy as np

from data_tools.readers import base
from pzbias_tf.survey import Survey

DUPLICATE = "duplicate id"
BAD_EBV = "E(B-V) negative or not finite"
OUTSIDE_GRID = "z outside the redshift grid"
TOO_FAINT = "r magnitude above --max_r_mag"
NOT_FINITE = "image with pixels that are not finite"
NO_SPLIT = "in none of the published splits"

BLOCK = 1024  # images a task of the first pass


def check_catalog(source: base.CutoutSource, survey: Survey, *,
                  max_r_mag: float | None = None) -> tuple[Table, np.ndarray, np.ndarray]:
  """Applies the rules that need no image.

  Args:
    source: the galaxies as read.
    survey: gives the redshift grid.
    max_r_mag: faintest r magnitude (AB) to convert.

  Returns:
    The catalogue with unusable r magnitudes replaced; reasons [objects] object,
    "" where an object is accepted; and where r was replaced, [objects] bool.

  Raises:
    ValueError: no r magnitude is usable.
  """
  table, replaced = replace_bad_r(source.catalog)
  z, ebv = table["z_spec"], table["ebv"]
  reasons = np.full(len(table), "", object)
  for row, reason in source.rejected.items():
    reasons[row] = reason
  _add(reasons, _repeated(table["id"]), DUPLICATE)
  _add(reasons, ~(np.isfinite(ebv) & (ebv >= 0)), BAD_EBV)
  # A galaxy without z is no reject: it goes to the target set.
  _add(reasons, ~np.isnan(z) & ~_on_grid(z, survey), OUTSIDE_GRID)
  if max_r_mag is not None:
    _add(reasons, table["r_mag"] > max_r_mag, TOO_FAINT)
  return table, reasons, replaced


def replace_bad_r(catalog: Table) -> tuple[Table, np.ndarray]:
  """Gives r magnitudes that are negative or not finite the largest finite one.

  Source: Lin et al. 2022, Section 2; a galaxy without r is taken as faint.

  Raises:
    ValueError: there is no usable magnitude to take.
  """
  table = catalog.copy()
  r_mag = np.asarray(table["r_mag"])
  bad = ~(np.isfinite(r_mag) & (r_mag >= 0))
  if bad.all():
    raise ValueError(f"none of the {len(bad)} r magnitudes is a finite, positive number; "
                     "name another column with --r_column")
  table["r_mag"] = np.where(bad, np.max(r_mag[~bad]), r_mag)
  return table, bad


@dataclasses.dataclass(frozen=True)
class ImageCheck:
  """A task of the first pass over the images: one block of rows.

  Attributes:
    images: image by row.
    rows: [n] rows to look at.
    shape: shape that every image must have.
    divisor: stored values are divided by this before float16 is tried.
    half: whether to measure what float16 would lose.
  """

  images: Callable[[int], np.ndarray]
  rows: np.ndarray
  shape: tuple[int, int, int]
  divisor: float = 1.0
  half: bool = False

  def run(self) -> tuple[list[str], float]:
    """Reasons [n], and the largest absolute error of float16 (inf: overflow)."""
    results = [self._check(int(row)) for row in self.rows]
    return [reason for reason, _ in results], max((loss for _, loss in results), default=0.0)

  def _check(self, row: int) -> tuple[str, float]:
    try:
      image = self.images(row)
    except base.ImageError as error:
      return str(error), 0.0
    if image.shape != self.shape:
      return base.REASON_SHAPE, 0.0
    with np.errstate(over="ignore"):  # an overflow is found below
      image = image.astype(np.float32)
      if not np.all(np.isfinite(image)):
        return NOT_FINITE, 0.0
      if not self.half:
        return "", 0.0
      image /= np.float32(self.divisor)
      return "", float(np.max(np.abs(image.astype(np.float16) - image)))


def run_check(task: ImageCheck) -> tuple[list[str], float]:
  """Runs a task; a plain function, so that worker processes can be given it."""
  return task.run()


def check_images(source: base.CutoutSource, reasons: np.ndarray, *, mapper=map,
                 divisor: float = 1.0, half: bool = False) -> float:
  """Reads every accepted image once and adds reasons to `reasons`, in place.

  Args:
    source: the galaxies.
    reasons: [objects] object; "" where the object is still accepted.
    mapper: `map`, or that of a pool of processes.
    divisor: divisor of the flux before float16.
    half: whether float16 is wanted.

  Returns:
    The largest absolute error of float16 (0 where it is not wanted).
  """
  rows = np.flatnonzero(reasons == "")
  blocks = [rows[start:start + BLOCK] for start in range(0, len(rows), BLOCK)]
  tasks = [ImageCheck(source.images, block, tuple(source.image_shape), divisor, half)
           for block in blocks]
  loss = 0.0
  for number, (block, (found, block_loss)) in enumerate(zip(blocks, mapper(run_check, tasks))):
    reasons[block] = found
    loss = max(loss, block_loss)
    logging.log_every_n_seconds(logging.INFO, "looked at %d of %d images", 30,
                                min((number + 1) * BLOCK, len(rows)), len(rows))
  return loss


def _on_grid(z, survey) -> np.ndarray:
  """z_min <= z <= z_max, in the single precision that catalogues store z in."""
  z = np.asarray(z, np.float32)  # z_max itself, stored as float32, may exceed the double
  return (z >= np.float32(survey.z_min)) & (z <= np.float32(survey.z_max))


def _add(reasons, condition, reason):
  reasons[np.asarray(condition) & (reasons == "")] = reason


def _repeated(ids) -> np.ndarray:
  """True at every occurrence of an id but the first."""
  first = np.unique(np.asarray(ids), return_index=True)[1]
  repeated = np.ones(len(ids), bool)
  repeated[first] = False
  return repeated
