"""Counts objects that are not converted, lists them, and stops where they are too many."""

from __future__ import annotations

import collections
import csv
import io
import os
from typing import Sequence

import numpy as np

from data_tools.conversion import accepted
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.storage import write_text


class Rejects:
  """The reason of each object, "" for one that is written.

  Args:
    ids: [objects] str.
    reasons: [objects] object, as far as the catalogue tells.
    largest: fraction of the objects that may be rejected, or None.

  Raises:
    ValueError: more are rejected already, or nothing is left.
  """

  def __init__(self, ids: np.ndarray, reasons: np.ndarray, largest: float | None = None):
    self.ids, self._largest = ids, largest
    self.reasons = reasons.copy()
    self._bad = int(np.sum([reason not in ("", *accepted.CHOSEN) for reason in reasons]))
    self.number = int(np.sum(reasons != ""))
    self._check()

  def add(self, rows: Sequence[int], reasons: Sequence[str]) -> None:
    """Adds what the images told.

    Args:
      rows: rows of the objects; several copies of one count once.
      reasons: their reasons, "" for none.

    Raises:
      ValueError: too many are rejected, or nothing is left.
    """
    for row, reason in zip(rows, reasons):
      if reason and not self.reasons[row]:
        self.reasons[row] = reason
        self._bad += 1
        self.number += 1
    self._check()

  def by_reason(self) -> dict[str, int]:
    """Number of objects by reason."""
    return dict(sorted(collections.Counter(
        str(reason) for reason in self.reasons if reason).items()))

  def counts(self) -> dict[str, int]:
    """Numbers of objects read, written and rejected, which add up."""
    read = len(self.reasons)
    return {"read": read, "written": read - self.number, "rejected": self.number}

  def save(self, folder: str) -> None:
    """Writes rejected.csv: id and reason of every object that was not converted."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("id", "reason"))
    rows = np.flatnonzero(self.reasons != "")
    writer.writerows(zip(self.ids[rows], self.reasons[rows]))
    write_text(os.path.join(folder, manifest_lib.REJECTED_NAME), text.getvalue())

  def _check(self):
    read = len(self.reasons)
    if self.number == read:
      raise ValueError(f"none of {read} objects can be converted: {self.by_reason()}")
    if self._largest is not None and self._bad > self._largest * read:
      raise ValueError(f"--max_rejected={self._largest:g}: {self._bad} of {read} objects are "
                       f"rejected so far: {self.by_reason()}; see to the input, or allow more")
