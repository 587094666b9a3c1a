"""What every reader of a survey's files delivers: a `CutoutSource`.

First step of the data's walk: reader -> CutoutSource -> shard writer.
"""

from __future__ import annotations

import dataclasses
import errno
from typing import Any, Callable, Mapping

from astropy.table import Table
import numpy as np

REASON_NO_IMAGE = "image file missing or unreadable"
REASON_SHAPE = "image of another shape"
REASON_NO_ROW = "image without a row in the catalogue"

# A name in a catalogue may be of any kind: that of a folder, or one too long for a file.
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)

Columns = Mapping[str, np.ndarray]
"""A catalogue as the survey stores it: {column name: [objects]}."""


class ImageError(OSError):
  """One object's image cannot be used; the message is the rejection's reason."""


def is_absent(error: OSError) -> bool:
  """Whether an error tells that there is no such file, rather than that it cannot be reached."""
  return error.errno in _ABSENT


def unreachable(error: OSError, path: str) -> OSError:
  """An error of the disk, the network or this process while an image was read, with a remedy."""
  return OSError(error.errno, f"{error.strerror}; once that is mended, the same command goes on",
                 path)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReaderOptions:
  """How the user wants a survey's files to be read.

  Attributes:
    columns: {role: column name} for roles of `columns.ROLES`; a role that is
      not named takes the layout's own names, "none" leaves it missing.
    ebv: one E(B-V) (mag) for all objects, in place of a column.
    r_from_image: r magnitude from the summed flux of the r band, which must be
      in nanomaggies, in place of a column.
    image_template: names of the images, relative to the input folder, e.g.
      "{id}_{band}.fits"; "" tries usual ones.
    image_dataset: the HDF5 dataset of images; "" looks for it.
    table: file with the columns; "" looks beside the images.
    scratch: folder for unpacked copies of compressed cubes; "" is the system's.
  """

  columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
  ebv: float | None = None
  r_from_image: bool = False
  image_template: str = ""
  image_dataset: str = ""
  table: str = ""
  scratch: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CutoutSource:
  """The galaxies of a survey as its authors deliver them.

  Attributes:
    catalog: one row an input object: the columns of
      `pzbias_tf.data.catalog.OBJECT_COLUMNS` and `split`, the published split
      or "" (see `with_split`).
    images: gives an object's image [height, width, band] as stored, by row of
      `catalog`; raises ImageError where there is none.  It travels to worker
      processes, so it holds file names rather than open files.
    image_shape: (height, width, bands) that the images should have.
    rejected: {row of `catalog`: reason} of objects that the reader turns down.
    description: for the manifest: path, layout, columns.
  """

  catalog: Table
  images: Callable[[int], np.ndarray]
  image_shape: tuple[int, int, int]
  rejected: Mapping[int, str] = dataclasses.field(default_factory=dict)
  description: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  def __post_init__(self):
    if "split" not in self.catalog.colnames:
      raise ValueError("a source's catalogue needs the column split; see with_split")
    if len(self.image_shape) != 3:
      raise ValueError(f"image_shape must be (height, width, bands), got {self.image_shape}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reader:
  """One layout of files.

  Attributes:
    files: the files that make up the layout, in words.
    matches: whether a path holds the layout.
    read: (path, survey, options) -> CutoutSource.
    uses: options that not every layout understands, by name, but this one does.
  """

  files: str
  matches: Callable[[str], bool]
  read: Callable[..., CutoutSource]
  uses: tuple[str, ...] = ()


def with_split(catalog: Table, split: np.ndarray | None = None) -> Table:
  """Adds the published split, [objects] str, or "" for all."""
  catalog["split"] = np.full(len(catalog), "") if split is None else split
  return catalog
