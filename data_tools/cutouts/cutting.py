"""Cuts all galaxies of all fields into one cube; a few hundred are in memory at a time."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Iterator, Sequence

from absl import logging
import numpy as np

from data_tools.cutouts import frames, regridding
from data_tools.cutouts.assignment import Assignment
from data_tools.cutouts.cutout_writer import CubeWriter
from data_tools.cutouts.fields import Field

BLOCK = 256
"""Cutouts in memory at a time."""
NOT_FINITE = "pixels that are not finite"


@dataclasses.dataclass(frozen=True)
class Job:
  """What is cut, how.

  Attributes:
    bands: bands of a cutout, in this order.
    reference: the band whose pixels are kept.
    size: side, pixels.
    scratch: folder for unpacked frames; "" is the system's.
  """

  bands: tuple[str, ...]
  reference: str
  size: int
  scratch: str


def write_cube(path: str, found: Assignment, fields: Sequence[Field], job: Job) -> np.ndarray:
  """Writes the cutouts field by field.

  Args:
    path: .npy file to write, [cutouts, size, size, band] float32.
    found: the field and the first pixel of each position; reasons are added to it
      where pixels turn out to be unusable.
    fields: the frames.
    job: what to cut.

  Returns:
    [cutouts] row of each cutout in the table of positions.
  """
  cube = CubeWriter(path, (job.size, job.size, len(job.bands)))
  written = [np.zeros(0, np.int64)]
  with contextlib.closing(cube):
    for number in np.unique(found.field[found.field >= 0]):
      rows = np.flatnonzero(found.field == number)
      for block, images in cut_field(fields[number], found, rows, job):
        good = found.reason[block] == ""
        cube.append(images[good])
        written.append(block[good])
      logging.log_every_n_seconds(logging.INFO, "field %s: %d cutouts so far", 10,
                                  fields[number].name, sum(map(len, written)))
  return np.concatenate(written)


def cut_field(field: Field, found: Assignment, rows: np.ndarray,
              job: Job) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Cuts the galaxies of one field.

  Args:
    field: the frames.
    found: as in `write_cube`.
    rows: [n] the field's positions.
    job: what to cut.

  Yields:
    [k] rows and [k, size, size, bands] float32 images.
  """
  rows = rows[np.argsort(found.first[rows, 1], kind="stable")]  # along the file
  with contextlib.ExitStack() as stack:
    opened, problem = _open(field, job, stack)
    for start in range(0, len(rows), BLOCK):
      block = rows[start:start + BLOCK]
      images = np.zeros((len(block), job.size, job.size, len(job.bands)), np.float32)
      for image, row in zip(images, block):
        found.reason[row] = problem or _cut(image, opened, found.first[row], job)
      yield block, images


def _open(field, job, stack) -> tuple[dict[str, frames.Frame], str]:
  """The frames of a field, and what is wrong with the last one that cannot be opened."""
  opened, problem = {}, ""
  for band in job.bands:
    try:
      grid = frames.read_grid(field.files[band])
      opened[band] = stack.enter_context(
          frames.open_frame(field.files[band], grid, job.scratch))
    except frames.FrameError as error:
      problem = f"band {band}: {error}"
  return opened, problem


def _cut(image: np.ndarray, opened: dict[str, frames.Frame], first: np.ndarray,
         job: Job) -> str:
  """Fills in one cutout; returns why it cannot be used, or ""."""
  reference = opened[job.reference].grid
  for column, band in enumerate(job.bands):
    try:
      image[..., column] = regridding.cutout(opened[band], reference, first, job.size)
    except frames.FrameError as error:
      return f"band {band}: {error}"
  return "" if np.all(np.isfinite(image)) else NOT_FINITE
