"""What is told of all predicted galaxies, and what Step 4 is fitted to: counted shard by shard."""

from __future__ import annotations

import collections
from typing import Mapping

from absl import logging
import numpy as np

from eval.evaluation.calibrations import counted
from eval.run import own_part
from pzbias_tf.bias.target_counts import TargetCounts
from pzbias_tf.predictions.combination import BY_MEAN
from pzbias_tf.predictions.domain import about_many, count_flags
from pzbias_tf.predictions.predictions import Estimates
from pzbias_tf.survey import Survey
from pzbias_tf.training.run_folder import DOMAIN

FLAG_COLUMN = "flags"


class Tally:
  """Counts of galaxies that come piece by piece.

  Args:
    survey: the survey, whose own part of a data set Step 4 is fitted to; None where there is no
      Step 4 to fit.
  """

  def __init__(self, survey: Survey | None):
    self._survey = survey
    self._galaxies, self._by_mean = 0, 0
    self._flags: collections.Counter[int] = collections.Counter()
    self._names: set[str] = set()
    self._own: TargetCounts | None = None
    self._every: TargetCounts | None = None

  def add(self, columns: Mapping[str, np.ndarray]) -> None:
    """Counts the galaxies of some columns of predictions."""
    estimates = Estimates(columns)
    self._galaxies += len(estimates)
    self._names |= set(columns)
    self._by_mean += int(np.sum(columns.get(BY_MEAN, 0)))
    if FLAG_COLUMN in columns:
      self._flags.update(dict(zip(*(part.tolist() for part in np.unique(
          columns[FLAG_COLUMN], return_counts=True)))))
    if self._survey:
      own = own_part(estimates, self._survey)
      self._own = _sum(self._own, own, self._survey)
      self._every = _sum(self._every, estimates, self._survey)

  @property
  def target(self) -> TargetCounts:
    """The galaxies that Step 4 is fitted to.

    A data set that surveys share holds galaxies of another depth as well, which do not count.

    Raises:
      ValueError: no galaxy has come, or there is no survey.
    """
    target = self._own or self._every
    if not target:
      raise ValueError("no galaxy was predicted to which Step 4 could be fitted")
    return target

  def remarks(self) -> list[str]:
    """What is said of the galaxies, a line each."""
    lines = [self._about_flags()]
    if BY_MEAN in self._names:
      if self._by_mean:
        logging.warning("the p(z) of %d galaxies by these runs nowhere overlap: they have the "
                        "mean, and the column %s tells which they are", self._by_mean, BY_MEAN)
      lines.append(f"harmonic mean of p(z); {self._by_mean} of {self._galaxies} galaxies have the "
                   "mean")
    return lines

  def _about_flags(self):
    if FLAG_COLUMN not in self._names:
      return (f"no flags: the stage has no {DOMAIN}; delete its predictions and give its python -m "
              "train.main again, which measures without training anew")
    values, times = (np.array(part) for part in zip(*self._flags.items()))
    many = about_many(values, times)
    if many:
      logging.warning("%s", many)
    return f"outside of the training domain: {count_flags(values, times)}"


def _sum(before, estimates, survey):
  """Counts with those of further galaxies; None of no galaxy."""
  if not len(estimates):
    return before
  counts = counted(estimates, survey)
  return before + counts if before else counts
