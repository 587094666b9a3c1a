"""An open data set: its manifest, catalogue and shards, checked against each other.

This is what the pipeline, the training and the predictions read from.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from typing import Sequence

from astropy.table import Table
import numpy as np

from pzbias_tf import storage
from pzbias_tf.data.catalog import load_catalog, load_rows, text_bytes
from pzbias_tf.data.extra_columns import MISSING, is_missing
from pzbias_tf.data.manifest import SPLITS, Manifest
from pzbias_tf.guards import json_files
from pzbias_tf.survey import Survey


@dataclasses.dataclass(frozen=True)
class Dataset:
  """A complete data set folder.

  Attributes:
    folder: the folder.
    manifest: its manifest.
    rows: which rows of the catalogue's files are its own; None for all.
  """

  folder: str
  manifest: Manifest
  rows: range | None = None

  @classmethod
  def open(cls, folder: str) -> Dataset:
    """Opens a data set; compares its catalogue and the sizes of its shards with the manifest.

    Raises:
      FileNotFoundError: the manifest, the catalogue or a shard is missing.
      ValueError: the manifest is damaged, a shard's size differs from it, or the catalogue has
        changed since it was written.
    """
    manifest = Manifest.load(folder)
    for shard in manifest.shard_files:
      path = os.path.join(folder, shard.name)
      try:
        size = storage.file_size(path)
      except FileNotFoundError as error:
        raise FileNotFoundError(f"{path} is missing; convert the data set again") from error
      if size != shard.bytes:
        raise ValueError(f"{path} has {size} bytes, the manifest says {shard.bytes}; convert the "
                         "data set again")
    check_catalog(folder, manifest)
    return cls(folder, manifest)

  @functools.cached_property
  def catalog(self) -> Table:
    """The catalogue, one row per record (read once).

    Raises:
      OSError: a file is missing or is not a FITS file.
      ValueError: a column is missing, or the number of rows differs from the
        manifest's number of records.
    """
    names = self.manifest.catalogs
    table = (load_catalog(self.folder, names) if self.rows is None else
             load_rows(self.folder, names, self.rows))
    records = sum(self.manifest.records(split) for split in SPLITS)
    if len(table) != records:
      raise ValueError(f"{self.folder}: the catalogue has {len(table)} rows, the manifest counts"
                       f" {records} records; convert the data set again")
    return table

  @property
  def remembers(self) -> bool:
    """Whether the catalogue is in memory."""
    return "catalog" in self.__dict__

  def forget(self) -> None:
    """Frees the memory of the catalogue, which is read again when it is needed."""
    self.__dict__.pop("catalog", None)

  def text_bytes(self) -> dict[str, int]:
    """{column of texts: bytes of its longest text}, without reading the catalogue."""
    return text_bytes(self.folder, self.manifest.catalogs)

  def column(self, name: str) -> np.ndarray:
    """One column of the catalogue as a numpy array [records]."""
    return np.asarray(self.catalog[name])

  def extra(self, names: Sequence[str]) -> np.ndarray:
    """Extra columns of the catalogue, [records, columns] float32.

    Args:
      names: names of extra columns, in the wanted order.

    Raises:
      ValueError: the data set lacks one, or a value of it is missing.
    """
    self.check_extra(names)
    values = np.stack([self.column(name) for name in names], 1).astype(np.float64)
    missing = np.argwhere(is_missing(values))
    if len(missing):
      row, column = missing[0]
      raise ValueError(f"{self.folder}: {names[column]} is {values[row, column]} in row {row} of "
                       f"the catalogue, which is no measurement ({MISSING}); convert the data set "
                       "again")
    return values.astype(np.float32)

  def photometry(self) -> tuple[np.ndarray, np.ndarray | None]:
    """Magnitudes of a data set of photometry, and their errors where there are some.

    Returns:
      [records, bands] float32 each, NaN where a band has no measurement.
    """
    bands = self.manifest.bands
    names = self.manifest.photometry_columns
    values = np.stack([self.column(name) for name in names], 1).astype(np.float32)
    return values[:, :len(bands)], values[:, len(bands):] if len(names) > len(bands) else None

  def check_extra(self, names: Sequence[str]) -> None:
    """Raises ValueError for extra columns that the data set was converted without."""
    absent = [name for name in names if name not in self.manifest.extra_columns]
    if absent:
      raise ValueError(
          f"{self.folder} has no extra column {', '.join(absent)}; it has "
          f"{', '.join(self.manifest.extra_columns) or 'none'}. Convert it with "
          f"--extra_columns={','.join(names)}, or name others")

  def shard(self, number: int) -> Dataset:
    """One shard as a data set of its own, whose rows count from 0.

    It reads its own rows of the catalogue, unless the whole catalogue is in memory already.
    """
    before = sum(shard.records for shard in self.manifest.shards[:number])
    shard = self.manifest.shards[number]
    start = self.rows.start if self.rows is not None else 0
    part = Dataset(self.folder, dataclasses.replace(self.manifest, shards=(shard,)),
                   range(start + before, start + before + shard.records))
    if self.remembers:
      part.__dict__["catalog"] = self.catalog[before:before + shard.records]
    return part

  def check_survey(self, survey: Survey) -> None:
    """Refuses a data set whose images do not suit the survey's networks.

    Raises:
      ValueError: the data set belongs to another survey or has other bands.
    """
    if self.manifest.dataset != survey.dataset:
      raise ValueError(f"{self.folder} holds {self.manifest.dataset!r} galaxies, the survey is "
                       f"{survey.name!r} (data set {survey.dataset!r}); set --data_dir or --survey")
    if self.manifest.bands != survey.bands:
      raise ValueError(f"{self.folder} has the bands {self.manifest.bands}, survey "
                       f"{survey.name!r} expects {survey.bands}; set --data_dir or --survey")


def check_catalog(folder: str, manifest: Manifest) -> None:
  """Compares the catalogue with the manifest: a flipped bit would be another redshift.

  Raises:
    FileNotFoundError: a file of it is missing.
    ValueError: it has changed since it was written.
  """
  for name, wanted in zip(manifest.catalogs, manifest.catalog_sha256):
    path = os.path.join(folder, name)
    try:
      if storage.sha256(path) != wanted:
        raise json_files.changed(path)
    except FileNotFoundError as error:
      raise FileNotFoundError(f"{path} is missing; convert the data set again") from error
