"""What every reader of a survey's files returns: a `CutoutSource`.

First step of the data's walk: reader -> CutoutSource -> shard writer.
"""

from __future__ import annotations

import dataclasses
import errno
from typing import Any, Callable, Mapping

from astropy.table import Column, Table
import numpy as np

from pzbias_tf.data.manifest import PhotometryColumns

REASON_NO_IMAGE = "image file missing or unreadable"
REASON_NOT_PLAIN = "a FIFO, socket or device in place of a file"
REASON_SHAPE = "image of another shape"
REASON_NO_ROW = "image without a row in the catalogue"
EXCLUDED = "excluded by the published study"

# A catalogue may contain any name: that of a folder, or one too long for a file.
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)

Columns = Mapping[str, np.ndarray]
"""A catalogue as the survey stores it: {column name: [objects]}."""


class ImageError(OSError):
  """An object's image cannot be used; the message is the reason of the rejection."""


def is_absent(error: OSError) -> bool:
  """Whether an error says that a file does not exist, rather than that it cannot be reached."""
  return error.errno in _ABSENT


def unreachable(error: OSError, path: str) -> OSError:
  """An error of the disk, the network or this process while an image was read, with a remedy."""
  return OSError(error.errno, f"{error.strerror}; solve this, then give the same command again",
                 path)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReaderOptions:
  """How the user wants a survey's files to be read.

  Attributes:
    columns: {role: column name} for roles of `columns.ROLES`; other roles take the layout's
      own names, and "none" leaves a role without a column.  The role z_photo takes several
      columns, separated by commas.
    optional: roles that may be left without a column, if none is found or usable.
    ebv: one E(B-V) (mag) for all objects, instead of a column.
    r_from_image: take r magnitudes from the summed flux of the r band, which must be in
      nanomaggies, instead of a column.
    image_template: file names of the images, relative to the input folder, e.g.
      "{id}_{band}.fits"; "" tries usual ones.
    extension: names (EXTNAME) or numbers of the FITS extensions with images; () goes by their
      headers.
    image_dataset: the HDF5 dataset of images; "" looks for it.
    table: file with the columns; "" looks beside the images.
    scratch: folder for unpacked copies of compressed cubes, and long columns of tables; "" is the
      system's temporary folder.
    extra_columns: columns that are kept under their own names, for networks that take them.
    extra_fill: what replaces missing values of these; None rejects the galaxies.
    magnitude_columns: columns of a table of photometry that hold the magnitudes, by band.
    error_columns: columns that hold their errors; () for none.
    missing_magnitudes: "reject" or "limit"; "" is "reject".
  """

  columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
  optional: tuple[str, ...] = ()
  ebv: float | None = None
  r_from_image: bool = False
  image_template: str = ""
  extension: tuple[str, ...] = ()
  image_dataset: str = ""
  table: str = ""
  scratch: str = ""
  extra_columns: tuple[str, ...] = ()
  extra_fill: float | None = None
  magnitude_columns: tuple[str, ...] = ()
  error_columns: tuple[str, ...] = ()
  missing_magnitudes: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CutoutSource:
  """The galaxies of a survey as its authors deliver them.

  Attributes:
    catalog: one row per input object, with the columns of
      `pzbias_tf.data.catalog.object_columns`, the extra columns, and `split`, the published
      split or "" (see `with_split`).
    images: returns the image [height, width, band], as stored, of a row of `catalog`;
      raises ImageError if there is none.  It is sent to worker processes, so it holds file
      names rather than open files.
    image_shape: (height, width, bands) that the images should have; () of photometry.
    rejected: {row of `catalog`: reason} of objects that the reader rejects.
    description: for the manifest: path, layout, columns.
    extra_columns: names of the extra columns.
    extra_fill: what replaces their missing values; None rejects the galaxies.
    photometry: where the magnitudes came from that the catalogue holds in place of images; None
      for images.
    scratch: folder for long columns; "" is the system's temporary folder.
  """

  catalog: Table
  images: Callable[[int], np.ndarray]
  image_shape: tuple[int, ...]
  rejected: Mapping[int, str] = dataclasses.field(default_factory=dict)
  description: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  extra_columns: tuple[str, ...] = ()
  extra_fill: float | None = None
  photometry: PhotometryColumns | None = None
  scratch: str = ""

  @property
  def origin(self) -> str:
    """Where the galaxies came from, for messages."""
    return str(self.description.get("path", "input"))

  def __post_init__(self):
    absent = sorted({*self.extra_columns} - {*self.catalog.colnames})
    if absent:
      raise ValueError(f"a source's catalogue needs its extra columns {', '.join(absent)}; "
                       "build_catalog adds them")
    if "split" not in self.catalog.colnames:
      raise ValueError("a source's catalogue needs the column split; see with_split")
    if len(self.image_shape) != 3 and not self.photometry:
      raise ValueError(f"image_shape must be (height, width, bands), got {self.image_shape}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reader:
  """One layout of files.

  Attributes:
    files: the files that make up the layout, in words.
    matches: whether a path holds the layout.
    read: (path, survey, options) -> CutoutSource.
    uses: names of the options that this layout supports, but others do not.
  """

  files: str
  matches: Callable[[str], bool]
  read: Callable[..., CutoutSource]
  uses: tuple[str, ...] = ()


def with_split(catalog: Table, split: np.ndarray | None = None) -> Table:
  """Adds a column with the published split, [objects] str; "" for all objects if None."""
  # A broadcast value takes no memory.
  values = np.broadcast_to("", len(catalog)) if split is None else split
  catalog.add_column(Column(values, name="split", copy=split is not None), copy=False)
  return catalog
