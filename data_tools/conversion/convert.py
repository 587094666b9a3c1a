"""From a `CutoutSource` to a complete data set folder.

Steps: apply the rules on the catalogue, split, plan the records, write the shards (one
pass over the images), then the catalogue, the list of rejects, what describes the data set to
other packages, and the manifest.  Photometry stands in the catalogue, so its shards are parts of
that and no files.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Mapping

import numpy as np

from data_tools.conversion import disk, identity, lock, record_plan, resume, shard_tasks
from data_tools.conversion.accepted import AcceptedFacts, AcceptedGalaxies, accept_galaxies
from data_tools.conversion.catalog_rows import WrittenCatalog
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.conversion.executors import choose
from data_tools.conversion.image_rules import ImageRules
from data_tools.conversion.rejects import Rejects
from data_tools.descriptions import description_files
from data_tools.readers.parts.cutout_source import CutoutSource
from pzbias_tf import storage
from pzbias_tf.choices import QUICK
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.survey import Survey

_CATALOG_ROW_BYTES = 200  # roughly


def convert(source: CutoutSource, survey: Survey, output: str, *,
            settings: ConversionSettings = ConversionSettings(),
            preset: Mapping[str, Any] | None = None,
            origin: Mapping[str, Any] | None = None,
            verify: str = QUICK) -> manifest_lib.Manifest:
  """Converts galaxies to TFRecords, with manifest, catalogue and list of rejects.

  An interrupted conversion continues after the shards that it had finished.

  Args:
    source: the galaxies, from a reader.
    survey: the survey that they are converted as.
    output: the data set's folder, local or remote; created if it does not exist.
    settings: splits, dtype, augmentation, seed.
    preset: training settings to put into the manifest.
    origin: further facts on where the source comes from, for the manifest.
    verify: see `identity.DataSetRequest`.

  Returns:
    The manifest of this conversion, or of an equal existing data set.

  Raises:
    FileExistsError: `output` holds a data set of another source or other settings, or a
      damaged one, or files of others.
    OSError: the disk is too small, a file cannot be read, or another process works there.
    ValueError: nothing is left to write, too much is rejected, or a value does not fit.
  """
  with lock.exclusive_output(output) as owner, disk.clear_errors(output):
    request = identity.DataSetRequest(
        output=output, preset=preset or {}, verify=verify,
        description=identity.describe_source(source, survey, settings.recorded(), origin))
    manifest = request.existing()
    if manifest is None:
      manifest = _Conversion(source=source, survey=survey, settings=settings, request=request,
                             owner=owner).run()
    resume.remove_unfinished(output)
    return manifest


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Conversion:
  """One conversion to a folder that holds no complete data set.

  Attributes:
    source: the galaxies.
    survey: the survey that they are converted as.
    settings: what shapes the data set.
    request: the data set that is asked for.
    owner: this conversion's right to the folder.
  """

  source: CutoutSource
  survey: Survey
  settings: ConversionSettings
  request: identity.DataSetRequest
  owner: lock.Owner

  def run(self) -> manifest_lib.Manifest:
    """Writes the data set; returns its manifest."""
    self._check_shape()
    accepted = accept_galaxies(self.source, self.survey, seed=self.settings.seed,
                               fractions=self.settings.split,
                               validation_share=self.settings.validation_share,
                               max_r_mag=self.settings.max_r_mag)
    rejects = Rejects(accepted.catalog["id"], accepted.reasons, self.settings.max_rejected,
                      origin=self.source.origin)
    if storage.is_remote(self.request.output):
      self.owner.claim()
      # Nothing locks the folder: another conversion may have ended there in the meantime.
      manifest = self.request.existing()
      if manifest is not None:
        return manifest
    tasks, facts = self._plan(accepted), accepted.facts
    del accepted  # its rows and splits stand in the plan
    if self.source.photometry:
      return self._publish(facts, rejects, tasks, shard_tasks.without_files(tasks.plan))
    with choose.shard_map(self.settings.num_workers, self.settings.runner,
                          self.settings.runner_options) as mapper:
      written = shard_tasks.write_shards(tasks, rejects, mapper)
      shard_tasks.drop_duplicate_images(tasks, written, rejects, mapper)
    return self._publish(facts, rejects, tasks, written)

  def _check_shape(self) -> None:
    if self.source.photometry:
      self._check_no_image_settings()
      return
    copies, (height, width, _) = self.settings.augment_copies, self.source.image_shape
    if min(height, width) < manifest_lib.SMALLEST_SIDE:
      raise ValueError(f"images of {height} x {width} pixels: they need a side of "
                       f"{manifest_lib.SMALLEST_SIDE} or more; check the order of the axes, which "
                       "is height, width, band")
    if copies > 1 and height != width:
      raise ValueError(f"--augment_copies={copies}: images of {height} x {width} pixels cannot "
                       "be rotated; use --augment_copies=1")

  def _check_no_image_settings(self) -> None:
    default = ConversionSettings()
    for name in ("augment_copies", "dtype", "compression", "runner"):
      if getattr(self.settings, name) != getattr(default, name):
        raise ValueError(f"--{name}={getattr(self.settings, name)} is for images; photometry "
                         "stands in the catalogue: leave it out")

  def _plan(self, accepted: AcceptedGalaxies) -> shard_tasks.ShardTasks:
    """The shards to write, after a check that a local disk has room for them."""
    settings, output = self.settings, self.request.output
    record_bytes = record_plan.record_bytes(self.source.image_shape, settings.dtype)
    plan = record_plan.plan_records(
        accepted.catalog, accepted.rows, accepted.splits, seed=settings.seed,
        augment_copies=settings.augment_copies,
        per_shard=max(1, int(settings.shard_size_mb * 1e6 // record_bytes)))
    folder = resume.prepare_folder(output, self.request.resume_key(plan))
    if not storage.is_remote(output):
      disk.check_space(output, len(plan.rows) * (record_bytes + _CATALOG_ROW_BYTES)
                       - resume.finished_bytes(folder))
    rules = ImageRules(shape=tuple(self.source.image_shape), bands=tuple(self.survey.bands))
    return shard_tasks.ShardTasks(plan=plan, shared={
        "folder": folder, "images": self.source.images, "rules": rules, "dtype": settings.dtype,
        "divisor": self._divisor(), "compression": settings.compression})

  def _divisor(self) -> float:
    """Fluxes are divided by this before storing: float16 could not hold them unscaled."""
    return self.survey.flux_divisor if self.settings.dtype == "float16" else 1.0

  def _publish(self, facts: AcceptedFacts, rejects: Rejects, tasks: shard_tasks.ShardTasks,
               written: shard_tasks.WrittenShards) -> manifest_lib.Manifest:
    """Writes the catalogue and the list of rejects, moves all to the output, writes the manifest.

    The manifest comes last: a folder with one is complete.
    """
    folder, rejected = tasks.shared["folder"], rejects.are_rejected(tasks.plan.rows)
    photometry = manifest_lib.photometry_names(self.survey.bands, self.source.photometry)
    catalog = WrittenCatalog(tasks.plan, rejected, (*photometry, *self.source.extra_columns))
    self._check_counts(written.shards, catalog.counts)
    rejects.save(folder)
    names = catalog_lib.save_catalog(catalog, folder)
    digests = tuple(storage.sha256(os.path.join(folder, name)) for name in names)
    manifest = dataclasses.replace(
        self._manifest(facts, rejects, written), catalogs=names, catalog_sha256=digests)
    described = description_files.save_descriptions(manifest, catalog[:0].colnames, folder)
    self.owner.check()
    description_files.remove_others(self.request.output, described)
    resume.move_to_output(folder, self.request.output, manifest.shard_files,
                          (*names, manifest_lib.REJECTED_NAME, *described))
    self.owner.publish(manifest)
    return manifest

  def _check_counts(self, shards, counts) -> None:
    for shard, count in zip(shards, counts):
      if shard.records != count:
        # Otherwise the same command would find the same shards.
        resume.remove_unfinished(self.request.output)
        raise OSError(
            f"{self.source.description.get('path')}: images changed during the conversion "
            f"({shard.name} has {shard.records} records instead of {count}); give the same "
            "command again")

  def _manifest(self, facts: AcceptedFacts, rejects: Rejects,
                written: shard_tasks.WrittenShards) -> manifest_lib.Manifest:
    """The manifest without the catalogue's files."""
    survey, settings, divisor = self.survey, self.settings, self._divisor()
    photometry = self.source.photometry
    description = dict(self.request.description, rejected=rejects.by_reason())
    if settings.dtype == "float16":
      description.update(divided_by=divisor, float16_largest_error=written.float16_error)
    replaced = {name: int(np.sum(rows & (rejects.reasons == "")))
                for name, rows in facts.replaced.items()}
    return manifest_lib.Manifest(
        dataset=survey.dataset, survey=survey.name, bands=tuple(survey.bands),
        image_shape=tuple(int(side) for side in self.source.image_shape), dtype=settings.dtype,
        compression=settings.compression,
        flux_divisor=1.0 if photometry else survey.flux_divisor / divisor,
        augment_copies=settings.augment_copies, seed=settings.seed, split_rule=facts.rule,
        source=description, galaxies=rejects.counts(),
        replaced={name: number for name, number in replaced.items() if number},
        shards=tuple(written.shards), preset=self.request.preset,
        extra_columns=tuple(self.source.extra_columns), photometry=photometry)
