"""Columns that are read some rows at a time, and of which some values may be missing."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from pzbias_tf.tables.disk_columns import BLOCK, ColumnWriter
from pzbias_tf.tables.scratch_file import ScratchFile
from pzbias_tf.tables.table_contents import filled

Fill = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray | None]]
"""(values, mask) -> (values, texts or None), as `table_contents.filled`."""


class MaskedColumnWriter:
  """A column; where a value is missing turns out with the rows.

  Args:
    file: where it is kept.
    rows: the number of rows.
  """

  def __init__(self, file: ScratchFile, rows: int):
    self._file, self._rows = file, rows
    self._values, self._mask = self._column(), self._column()

  def append(self, values: Any) -> None:
    """Adds values [rows], which may be masked.

    Raises:
      ScratchError: the disk is full.
    """
    if np.ma.isMaskedArray(values) and np.ma.getmaskarray(values).any():
      self._pad_mask()
      self._mask.append(np.ma.getmaskarray(values))
    self._values.append(np.ma.getdata(values))

  def finish(self, fill: Fill = filled) -> tuple[ColumnWriter, ColumnWriter | None]:
    """The values and, where some are missing and the others lose digits by that, as texts."""
    if not self._mask.rows:
      return self._values, None
    self._pad_mask()
    values, texts = self._column(), self._column()
    for own, mask in zip(self._values.blocks(), self._mask.blocks()):
      numbers, words = fill(own, mask)
      values.append(numbers)
      if words is not None:
        texts.append(words)
    return values, texts if texts.rows else None

  def _column(self) -> ColumnWriter:
    return ColumnWriter(self._file, self._rows)

  def _pad_mask(self) -> None:
    """Nothing is missing in the rows so far that have no mask."""
    for start in range(self._mask.rows, self._values.rows, BLOCK):
      self._mask.append(np.zeros(min(BLOCK, self._values.rows - start), bool))
