"""Finds galaxies that have the same image under two ids.

While shards are written, each image leaves a mark of 8 bytes.  Images with equal marks are
read once more and compared in full.
"""

from __future__ import annotations

import hashlib
from typing import Callable, Mapping

from absl import logging
import numpy as np

from data_tools.conversion import hashing
from data_tools.readers.parts import compact_ids

DUPLICATE_IMAGE = "image of another galaxy"


def mark(image: np.ndarray) -> int:
  """A 64-bit number that equal images share, and different ones hardly ever.

  Args:
    image: [height, width, band].
  """
  # Only the middle line of pixels: a digest of all pixels would take longer than all other work
  # for a record.
  return hashing.image_hash(np.ascontiguousarray(image[image.shape[0] // 2]))


def find_duplicates(images: Callable[[int], np.ndarray], rows: np.ndarray, marks: np.ndarray
                    ) -> dict[int, int]:
  """Galaxies whose image an earlier one has, too.

  Args:
    images: checked image by row of the catalogue.
    rows: [galaxies] rows.
    marks: [galaxies] uint64, their marks.

  Returns:
    {row: the first row that has this image}.
  """
  again = hashing.rows_of_repeated(marks)
  rows, marks = rows[again], marks[again]
  order = np.lexsort((rows, marks))
  rows, marks = rows[order], marks[order]
  edges = np.flatnonzero(np.r_[True, marks[1:] != marks[:-1], True])
  first_of: dict[int, int] = {}
  for group in np.flatnonzero(np.diff(edges) > 1):
    first_with: dict[bytes, int] = {}
    for row in rows[edges[group]:edges[group + 1]].tolist():
      first = first_with.setdefault(_digest(images(row)), row)
      if first != row:
        first_of[row] = first
  return first_of


def warn_of_duplicates(first_of: Mapping[int, int], ids: np.ndarray) -> None:
  """Logs how many galaxies are duplicates, and the ids of a few of them.

  Args:
    first_of: {row: the first row that has this image}.
    ids: [objects] as catalogues have them, see `compact_ids`.
  """
  if first_of:
    pairs = ", ".join("{} (that of {})".format(*compact_ids.texts(ids, list(rows)))
                      for rows in sorted(first_of.items())[:5])
    logging.warning("%d galaxies have another one's image and are rejected: %s%s", len(first_of),
                    pairs, ", ..." if len(first_of) > 5 else "")


def _digest(image: np.ndarray) -> bytes:
  return hashlib.sha256(np.ascontiguousarray(image).data).digest()
