"""Cuts the galaxies of all fields into one cube, with a few hundred in memory at a time."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Iterator, Sequence

from absl import logging
import numpy as np

from data_tools.cutouts import frame_pixels, frames, regridding
from data_tools.cutouts.assignment import Assignment
from data_tools.cutouts.cutout_writer import CubeWriter
from data_tools.cutouts.fields import ImagedField
from data_tools.cutouts.frame_files import ImageChoice

BLOCK = 256
"""Cutouts in memory at a time."""
NOT_FINITE = "pixels that are not finite"


@dataclasses.dataclass(frozen=True)
class CutoutSettings:
  """What a cutout is like.

  Attributes:
    bands: bands of a cutout, in this order.
    reference: the band whose pixel grid the cutouts use.
    size: side, pixels.
    scratch: folder for unpacked frames.
    extension: names or numbers of the extensions with images; () goes by the headers.
  """

  bands: tuple[str, ...]
  reference: str
  size: int
  scratch: str
  extension: tuple[str, ...] = ()

  @property
  def choice(self) -> ImageChoice:
    """Which images of the frames' files count."""
    return ImageChoice(self.bands, self.extension)


def write_cube(path: str, assigned: Assignment, fields: Sequence[ImagedField],
               settings: CutoutSettings) -> np.ndarray:
  """Writes the cutouts field by field.

  Args:
    path: .npy file to write, [cutouts, size, size, band] float32.
    assigned: field and first pixel of each position; reasons are added for positions whose
      pixels turn out to be unusable, and files that turn out to be damaged.
    fields: the fields.
    settings: what a cutout is like.

  Returns:
    [cutouts] row of each cutout in the table of positions.
  """
  cube = CubeWriter(path, (settings.size, settings.size, len(settings.bands)))
  written = [np.zeros(0, np.int64)]
  with contextlib.closing(cube):
    for number in np.unique(assigned.field[assigned.field >= 0]):
      rows = np.flatnonzero(assigned.field == number)
      for block, images in cut_field(fields[number], assigned, rows, settings):
        good = assigned.reason[block] == ""
        cube.append(images[good])
        written.append(block[good])
      logging.log_every_n_seconds(logging.INFO, "field %s: %d cutouts so far", 10,
                                  fields[number].name, sum(map(len, written)))
  return np.concatenate(written)


def cut_field(field: ImagedField, assigned: Assignment, rows: np.ndarray,
              settings: CutoutSettings) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Cuts the galaxies of one field.

  Args:
    field: the field.
    assigned: as in `write_cube`.
    rows: [n] rows of the field's positions.
    settings: what a cutout is like.

  Yields:
    [k] rows and [k, size, size, bands] float32 images.
  """
  rows = rows[np.argsort(assigned.first[rows, 1], kind="stable")]  # in the order of the file
  with contextlib.ExitStack() as stack:
    opened, problem = _open(field, settings, stack, assigned.unused)
    for start in range(0, len(rows), BLOCK):
      block = rows[start:start + BLOCK]
      images = np.zeros((len(block), settings.size, settings.size, len(settings.bands)), np.float32)
      for image, row in zip(images, block):
        units = dict(zip(settings.bands, assigned.units[row].tolist()))
        assigned.reason[row] = problem or _cut(
            image, opened, units, assigned.first[row], settings)
      yield block, images


def _open(field, settings, stack, unused) -> tuple[dict[str, dict[int, frames.Frame]], str]:
  """{band: {unit: frame}} of a field, and the problem of the last file that cannot be opened."""
  opened, problem = {}, ""
  for band in settings.bands:
    try:
      opened[band] = stack.enter_context(frame_pixels.open_frames(
          field.files[band], band, settings.choice, settings.scratch))
    except frames.FrameError as error:
      problem = f"band {band}: {error}"
      unused[field.files[band]] = str(error)
  return opened, problem


def _cut(image: np.ndarray, opened: dict[str, dict[int, frames.Frame]], units: dict[str, int],
         first: np.ndarray, settings: CutoutSettings) -> str:
  """Fills one cutout; returns the reason why it cannot be used, or ""."""
  reference = opened[settings.reference][units[settings.reference]].grid
  for column, band in enumerate(settings.bands):
    try:
      frame = opened[band][units[band]]
      image[..., column] = regridding.cutout(frame, reference, first, settings.size)
    except frames.FrameError as error:
      return f"band {band}: {error}"
  return "" if np.all(np.isfinite(image)) else NOT_FINITE
