"""From a `CutoutSource` to a complete data set folder.

Steps: rules on the catalogue, splits, the plan of records, shards (one pass over the
images), and at last catalogue, list of rejects and manifest.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Mapping

import numpy as np

from data_tools.conversion import disk, identity, lock, record_plan, resume, shard_file, shard_tasks
from data_tools.conversion.accepted import Selection, select
from data_tools.conversion.catalog_rows import WrittenCatalog
from data_tools.conversion.executors import choose
from data_tools.conversion.image_rules import ImageRules
from data_tools.conversion.rejects import Rejects
from data_tools.readers.parts.cutout_source import CutoutSource
from pzbias_tf import storage
from pzbias_tf.data import augment
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.survey import Survey

DTYPES = ("float32", "float16")
COMPRESSIONS = tuple(manifest_lib.COMPRESSION_TYPES)
_CATALOG_ROW_BYTES = 200  # roughly


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConversionSettings:
  """What shapes a data set, besides its source.

  Attributes:
    seed: salt of the order of records, the splits and the augmentation.
    split: fractions of train, validation and test; None follows what the survey
      published.
    augment_copies: records of each training galaxy, 1 to 8.
    dtype: "float32" (exact) or "float16" (scaled by the survey's flux divisor).
    compression: of the shards, "none" or "gzip".
    shard_size_mb: size of a shard before compression, 1e6 bytes.
    max_r_mag: faintest r magnitude (AB) to convert; None is no limit.
    max_rejected: largest fraction of the objects that may be rejected; None is no limit.
    num_workers: processes; the bytes do not depend on it.
    runner: one of `choose.RUNNERS`, or "" for processes of this machine.
    runner_options: options of the Beam pipeline.
  """

  seed: int = 0
  split: tuple[float, float, float] | None = None
  augment_copies: int = 1
  dtype: str = "float32"
  compression: str = "none"
  shard_size_mb: float = 150.0
  max_r_mag: float | None = None
  max_rejected: float | None = None
  num_workers: int = 1
  runner: str = ""
  runner_options: tuple[str, ...] = ()

  def __post_init__(self):
    if not 1 <= self.augment_copies <= augment.DIHEDRAL_ELEMENTS:
      raise ValueError(f"--augment_copies={self.augment_copies}: 1 to "
                       f"{augment.DIHEDRAL_ELEMENTS} copies a galaxy are possible")
    if self.dtype not in DTYPES:
      raise ValueError(f"--dtype={self.dtype}: choose one of {', '.join(DTYPES)}")
    if self.compression not in COMPRESSIONS:
      raise ValueError(f"--compression={self.compression}: choose one of "
                       f"{', '.join(COMPRESSIONS)}")
    if self.max_rejected is not None and not 0 <= self.max_rejected <= 1:
      raise ValueError(f"--max_rejected={self.max_rejected:g}: a fraction from 0 to 1 is expected")
    if self.shard_size_mb <= 0 or self.num_workers < 1:
      raise ValueError(
          f"--shard_size_mb={self.shard_size_mb:g} and --num_workers={self.num_workers} "
          "must be positive")
    if self.runner_options and not self.runner:
      raise ValueError(f"--runner_option={self.runner_options[0]}: for which --runner?")
    if self.num_workers > 1 and self.runner not in ("", "DirectRunner"):
      raise ValueError(f"--num_workers={self.num_workers}: {self.runner} is told its number of "
                       "workers by options of its own, e.g. --runner_option=parallelism=8")

  def recorded(self) -> dict[str, Any]:
    """The settings for the manifest: all that the bytes depend on."""
    fields = dataclasses.asdict(self)
    for name in ("num_workers", "max_rejected", "runner", "runner_options"):
      del fields[name]
    return fields


def convert(source: CutoutSource, survey: Survey, output: str, *,
            settings: ConversionSettings = ConversionSettings(),
            preset: Mapping[str, Any] | None = None,
            origin: Mapping[str, Any] | None = None) -> manifest_lib.Manifest:
  """Converts galaxies to TFRecords, with manifest, catalogue and list of rejects.

  A conversion that was cut off goes on with the shards that it had finished.

  Args:
    source: the galaxies, from a reader.
    survey: the survey that they are converted as.
    output: the data set's folder, local or remote; made where it does not exist.
    settings: splits, dtype, augmentation, seed.
    preset: training settings to put into the manifest.
    origin: further words on where the source comes from, for the manifest.

  Returns:
    The manifest: of this conversion, or of an equal one that was already there.

  Raises:
    FileExistsError: `output` holds a data set of another source or other settings.
    OSError: the disk is too small, a file cannot be read, or another process is at work there.
    ValueError: nothing is left to write, too much is rejected, or a value does not fit.
  """
  with lock.exclusive(output) as owner, disk.clear_errors(output):
    described = identity.describe(source, survey, settings.recorded(), origin)
    manifest = identity.find(output, described, preset or {})
    if manifest is None:
      _check_shape(source, settings)
      manifest = _convert(source, survey, output, settings, preset or {}, described, owner)
    resume.end(output)
    return manifest


def _convert(source, survey, output, settings, preset, described, owner
             ) -> manifest_lib.Manifest:
  selection = select(source, survey, seed=settings.seed, fractions=settings.split,
                     max_r_mag=settings.max_r_mag)
  rejects = Rejects(selection.catalog["id"], selection.reasons, settings.max_rejected)
  owner.claim()
  # Where nothing locks the folder, another conversion may have ended since the first look.
  there = identity.find(output, described, preset)
  if there is not None:
    return there
  work = _plan(source, survey, output, settings, selection, described)
  with choose.shard_map(settings.num_workers, settings.runner,
                         settings.runner_options) as mapper:
    done = shard_tasks.write(work, rejects, mapper)
    shard_tasks.drop_same_images(work, done, rejects, mapper)
  catalog = WrittenCatalog(work.plan, rejects.reasons[work.plan.rows] != "")
  _check_counts(done.shards, catalog.counts, source, output)
  folder = work.fields["folder"]
  rejects.save(folder)
  catalogs = catalog_lib.save_catalog(catalog, folder)
  manifest = dataclasses.replace(
      _manifest(source, survey, settings, selection, rejects, done, described), preset=preset,
      catalogs=catalogs, catalog_sha256=tuple(
          shard_file.digest(os.path.join(folder, name)) for name in catalogs))
  owner.check()
  resume.publish(folder, output, done.shards,
                     (*catalogs, manifest_lib.REJECTED_NAME))
  owner.publish(manifest)
  return manifest


def _plan(source, survey, output, settings, selection, described) -> shard_tasks.Work:
  """The shards to write, once it is sure that they fit onto the disk, where it is a local one."""
  record_bytes = record_plan.record_bytes(source.image_shape, settings.dtype)
  plan = record_plan.plan_records(
      selection.catalog, selection.rows, selection.splits, seed=settings.seed,
      augment_copies=settings.augment_copies,
      per_shard=max(1, int(settings.shard_size_mb * 1e6 // record_bytes)))
  folder = resume.begin(output, identity.resume_key(described, plan, output))
  if not storage.is_remote(output):
    disk.check_space(output, len(plan.rows) * (record_bytes + _CATALOG_ROW_BYTES)
                     - resume.finished_bytes(folder))
  rules = ImageRules(shape=tuple(source.image_shape), bands=tuple(survey.bands))
  return shard_tasks.Work(plan=plan, fields={
      "folder": folder, "images": source.images, "rules": rules, "dtype": settings.dtype,
      "divisor": _divisor(survey, settings), "compression": settings.compression})


def _divisor(survey, settings) -> float:
  """Division before storing: float16 could not hold unscaled fluxes."""
  return survey.flux_divisor if settings.dtype == "float16" else 1.0


def _check_shape(source, settings):
  height, width, _ = source.image_shape
  if settings.augment_copies > 1 and height != width:
    raise ValueError(f"--augment_copies={settings.augment_copies}: images of {height} x "
                     f"{width} pixels cannot be rotated; use --augment_copies=1")


def _check_counts(shards, counts, source, output):
  for shard, count in zip(shards, counts):
    if shard.records != count:
      resume.end(output)  # else the same command would find the same shards
      raise OSError(f"{source.description.get('path')}: images changed while they were converted "
                    f"({shard.name} has {shard.records} records in place of {count}); give the "
                    "same command again")


def _manifest(source, survey, settings, selection: Selection, rejects, done, described):
  described = dict(described, rejected=rejects.by_reason())
  divisor = _divisor(survey, settings)
  if settings.dtype == "float16":
    described.update(divided_by=divisor, float16_largest_error=done.float16_error)
  replaced = int(np.sum(selection.replaced & (rejects.reasons == "")))
  return manifest_lib.Manifest(
      dataset=survey.dataset, survey=survey.name, bands=tuple(survey.bands),
      image_shape=tuple(int(side) for side in source.image_shape), dtype=settings.dtype,
      compression=settings.compression, flux_divisor=survey.flux_divisor / divisor,
      augment_copies=settings.augment_copies, seed=settings.seed, split_rule=selection.rule,
      source=described, galaxies=rejects.counts(),
      replaced={"r_mag": replaced} if replaced else {}, shards=tuple(done.shards))
