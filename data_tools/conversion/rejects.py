"""Counts and lists the objects that are not converted, and stops if they are too many."""

from __future__ import annotations

import collections
import csv
import io
import os
from typing import Sequence

import numpy as np

from data_tools.conversion import accepted
from data_tools.readers.parts import compact_ids
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.storage import write_text


class Rejects:
  """The reason of each object, "" for one that is converted.

  Args:
    ids: [objects] as catalogues have them, see `compact_ids`.
    reasons: [objects] object, those that follow from the catalogue; changed in place.
    largest: largest fraction of the objects that may be rejected; None for no limit.
    origin: where the objects came from, for messages.

  Attributes:
    ids: as above.
    reasons: [objects] object, including those that the images gave.
    number: number of rejected objects.

  Raises:
    ValueError: too many are rejected already, or nothing is left.
  """

  def __init__(self, ids: np.ndarray, reasons: np.ndarray, largest: float | None = None, *,
               origin: str = "input"):
    self.ids, self._largest, self._origin = ids, largest, origin
    self.reasons = reasons
    self._bad = sum(reason not in ("", *accepted.OUTSIDE_SAMPLE) for reason in reasons)
    self.number = int(np.sum(reasons != ""))
    self._check()

  def add(self, rows: Sequence[int] | np.ndarray, reasons: Sequence[str]) -> None:
    """Adds the reasons that the images gave.

    Args:
      rows: rows of the objects; several copies of an object count once.
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

  def are_rejected(self, rows: np.ndarray) -> np.ndarray:
    """Whether objects are rejected so far, [rows] bool."""
    return (self.reasons != "")[rows]

  def by_reason(self) -> dict[str, int]:
    """{reason: number of objects}."""
    return dict(sorted(collections.Counter(
        str(reason) for reason in self.reasons if reason).items()))

  def counts(self) -> dict[str, int]:
    """Numbers of objects read, written and rejected; the last two add up to the first."""
    read = len(self.reasons)
    return {"read": read, "written": read - self.number, "rejected": self.number}

  def save(self, folder: str) -> None:
    """Writes rejected.csv: id and reason of every object that was not converted."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("id", "reason"))
    rows = np.flatnonzero(self.reasons != "")
    writer.writerows(zip(compact_ids.texts(self.ids, rows), self.reasons[rows]))
    write_text(os.path.join(folder, manifest_lib.REJECTED_NAME), text.getvalue())

  def _check(self):
    read = len(self.reasons)
    if self.number == read:
      raise ValueError(f"{self._origin}: none of {read} objects can be converted: "
                       f"{self.by_reason()}; correct the input, or the flags that choose its "
                       "columns and galaxies")
    if self._largest is not None and self._bad > self._largest * read:
      raise ValueError(f"{self._origin}: --max_rejected={self._largest:g}: {self._bad} of {read} "
                       f"objects are rejected so far: {self.by_reason()}; correct the input, or "
                       "allow more")
