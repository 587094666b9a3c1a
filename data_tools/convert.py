"""From a `CutoutSource` to a complete data set folder.

Steps: rules on the catalogue, a first pass over the images, splits, the plan of
records, shards, and at last catalogue, list of rejects and manifest.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import shutil
from typing import Any, Mapping

from absl import logging
import numpy as np

from data_tools import existing
from data_tools import records as records_lib
from data_tools import shard_writer
from data_tools.readers.base import CutoutSource
from data_tools.selection import Selection, select
from pzbias_tf.data import augment
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.files import write_text
from pzbias_tf.survey import Survey

DTYPES = ("float32", "float16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConversionSettings:
  """What shapes a data set, besides its source.

  Attributes:
    seed: salt of the order of records, the splits and the augmentation.
    split: fractions of train, validation and test; None follows what the survey
      published.
    augment_copies: records of each training galaxy, 1 to 8.
    dtype: "float32" (exact) or "float16" (scaled by the survey's flux divisor).
    shard_size_mb: size of a shard, 1e6 bytes.
    max_r_mag: faintest r magnitude (AB) to convert; None is no limit.
    num_workers: processes; the bytes do not depend on it.
  """

  seed: int = 0
  split: tuple[float, float, float] | None = None
  augment_copies: int = 1
  dtype: str = "float32"
  shard_size_mb: float = 150.0
  max_r_mag: float | None = None
  num_workers: int = 1

  def __post_init__(self):
    if not 1 <= self.augment_copies <= augment.DIHEDRAL_ELEMENTS:
      raise ValueError(f"--augment_copies={self.augment_copies}: 1 to "
                       f"{augment.DIHEDRAL_ELEMENTS} copies a galaxy are possible")
    if self.dtype not in DTYPES:
      raise ValueError(f"--dtype={self.dtype}: choose one of {', '.join(DTYPES)}")
    if self.shard_size_mb <= 0 or self.num_workers < 1:
      raise ValueError(
          f"--shard_size_mb={self.shard_size_mb:g} and --num_workers={self.num_workers} "
          "must be positive")

  def recorded(self) -> dict[str, Any]:
    """The settings for the manifest: all that the bytes depend on."""
    fields = dataclasses.asdict(self)
    del fields["num_workers"]
    return fields


def convert(source: CutoutSource, survey: Survey, output: str, *,
            settings: ConversionSettings = ConversionSettings(),
            preset: Mapping[str, Any] | None = None,
            origin: Mapping[str, Any] | None = None) -> manifest_lib.Manifest:
  """Converts galaxies to TFRecords, with manifest, catalogue and list of rejects.

  Args:
    source: the galaxies, from a reader.
    survey: the survey that they are converted as.
    output: the data set's folder; made where it does not exist.
    settings: splits, dtype, augmentation, seed.
    preset: training settings to put into the manifest.
    origin: further words on where the source comes from, for the manifest.

  Returns:
    The manifest: of this conversion, or of an equal one that was already there.

  Raises:
    FileExistsError: `output` holds a data set of another source or other settings.
    OSError: the disk is too small, or a file cannot be read.
    ValueError: nothing is left to write, or a value does not fit.
  """
  described = existing.describe(source, survey, settings.recorded(), origin)
  found = existing.find(output, described, preset or {})
  if found is not None:
    return found
  _check_shape(source, settings)
  os.makedirs(output, exist_ok=True)
  existing.clear_unfinished(output)
  with shard_writer.worker_map(settings.num_workers) as mapper:
    selection = select(source, survey, seed=settings.seed, fractions=settings.split,
                       max_r_mag=settings.max_r_mag, half=settings.dtype == "float16",
                       mapper=mapper)
    table, source_rows = records_lib.plan_records(
        selection.catalog, selection.rows, selection.splits, seed=settings.seed,
        augment_copies=settings.augment_copies,
        records_per_shard=records_lib.records_per_shard(
            source.image_shape, settings.dtype, settings.shard_size_mb))
    tasks = shard_writer.plan_shards(
        output, source, table, source_rows, seed=settings.seed, dtype=settings.dtype,
        divisor=_divisor(survey, settings))
    _check_space(output, len(table), source.image_shape, settings.dtype)
    shards = _write_shards(tasks, mapper)
  catalog_lib.save_catalog(table, output)
  _save_rejected(selection, output)
  manifest = _manifest(source, survey, settings, selection, shards, described, preset or {})
  manifest.save(output)
  return manifest


def _write_shards(tasks, mapper) -> tuple[manifest_lib.Shard, ...]:
  shards = []
  for shard in mapper(shard_writer.write_shard, tasks):
    shards.append(shard)
    logging.log_every_n_seconds(logging.INFO, "wrote %d of %d shards", 10,
                                len(shards), len(tasks))
  return tuple(shards)


def _divisor(survey, settings) -> float:
  """Division before storing: float16 could not hold unscaled fluxes."""
  return survey.flux_divisor if settings.dtype == "float16" else 1.0


def _check_shape(source, settings):
  height, width, _ = source.image_shape
  if settings.augment_copies > 1 and height != width:
    raise ValueError(f"--augment_copies={settings.augment_copies}: images of {height} x "
                     f"{width} pixels cannot be rotated; use --augment_copies=1")


def _check_space(output, num_records, image_shape, dtype):
  needed = num_records * int(np.prod(image_shape)) * np.dtype(dtype).itemsize
  free = shutil.disk_usage(output).free
  if needed > free:
    raise OSError(f"{output}: the data set takes {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB "
                  "are free; name another --output")


def _save_rejected(selection: Selection, output: str) -> None:
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow(("id", "reason"))
  rejected = selection.rejected
  writer.writerows(zip(selection.catalog["id"][rejected], selection.reasons[rejected]))
  write_text(os.path.join(output, manifest_lib.REJECTED_NAME), text.getvalue())


def _manifest(source, survey, settings, selection, shards, described, preset):
  described = dict(described, rejected=selection.rejected_by_reason())
  divisor = _divisor(survey, settings)
  if settings.dtype == "float16":
    described.update(divided_by=divisor, float16_largest_error=selection.float16_error)
  replaced = int(selection.replaced.sum())
  return manifest_lib.Manifest(
      dataset=survey.dataset, survey=survey.name, bands=tuple(survey.bands),
      image_shape=tuple(int(side) for side in source.image_shape), dtype=settings.dtype,
      flux_divisor=survey.flux_divisor / divisor, augment_copies=settings.augment_copies,
      seed=settings.seed, split_rule=selection.rule, source=described,
      galaxies=selection.counts(), replaced={"r_mag": replaced} if replaced else {},
      shards=shards, preset=preset)
