"""A folder of cutouts: cube.npy and catalog.fits for make_tfrecords, and rejected.csv."""

from __future__ import annotations

import csv
import io
import json
import os
from typing import Any, Iterable, Mapping

from astropy.table import Table
import numpy as np

from pzbias_tf.files import write_text

UNUSED = "unused_frames.csv"


class CubeWriter:
  """Writes images to a .npy file block by block; their number need not be known beforehand."""

  def __init__(self, path: str, image_shape: tuple[int, int, int]):
    self._shape, self._num = image_shape, 0
    self._file = open(path, "wb")  # pylint: disable=consider-using-with
    self._write_header()

  def append(self, images: np.ndarray) -> None:
    """Adds images [n, height, width, band] float32."""
    self._file.write(np.ascontiguousarray(images, "<f4").data)
    self._num += len(images)

  def close(self) -> None:
    """Writes the number of images into the header, and flushes all to disk."""
    self._file.seek(0)
    self._write_header()
    self._file.flush()
    os.fsync(self._file.fileno())
    self._file.close()

  def _write_header(self):
    # numpy reserves space for the largest number of rows, so the header's length is fixed.
    np.lib.format.write_array_header_1_0(self._file, {
        "descr": "<f4", "fortran_order": False, "shape": (self._num, *self._shape)})


def write_catalog(folder: str, columns: Mapping[str, np.ndarray]) -> None:
  """Writes catalog.fits, one row per image of the cube; `ra` and `dec` are in degrees."""
  table = Table({name: _storable(values) for name, values in columns.items()})
  for name in table.colnames:
    if name.lower() in ("ra", "dec"):
      table[name].unit = "deg"
  table.write(os.path.join(folder, "catalog.fits"), format="fits")


def _storable(values: np.ndarray) -> np.ndarray:
  """A column in a type that FITS tables support: text as UTF-8, dates and others as text."""
  if values.dtype.kind in "biufS":
    return values.astype(np.float32) if values.dtype == np.float16 else values
  return np.char.encode(values.astype(str), "utf-8")


def write_rejected(folder: str, ids: np.ndarray, reasons: np.ndarray) -> None:
  """Writes rejected.csv: every position without a cutout, with the reason."""
  rejected = reasons != ""
  _write_reasons(os.path.join(folder, "rejected.csv"), "id", zip(ids[rejected], reasons[rejected]))


def write_unused(folder: str, unused: Mapping[str, str]) -> None:
  """Writes unused_frames.csv: every file that cannot be used, or not in full, with the reason."""
  if unused:
    _write_reasons(os.path.join(folder, UNUSED), "file", unused.items())


def _write_reasons(path: str, what: str, rows: Iterable[tuple[str, str]]) -> None:
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow((what, "reason"))
  writer.writerows(rows)
  write_text(path, text.getvalue())


def write_record(folder: str, record: Mapping[str, Any]) -> None:
  """Writes cutouts.json: what the folder was made from."""
  write_text(os.path.join(folder, "cutouts.json"), json.dumps(record, indent=2) + "\n")
