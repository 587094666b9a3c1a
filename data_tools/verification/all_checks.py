"""All checks of a data set, in order: manifest, files, catalogue, shards, splits."""

from __future__ import annotations

import dataclasses
from typing import Callable, Iterator, Sequence

import numpy as np

from data_tools.conversion.executors import local
from data_tools.verification import (
  catalog_check,
  files_check,
  manifest_check,
  problems,
  shard_check,
)
from data_tools.verification.problems import MEND_SHARD, problem
from pzbias_tf.data.catalog import ROWS_PER_FILE
from pzbias_tf.data.manifest import MANIFEST_NAME, Manifest, load_with_digest

_LABELS = ("number", "id", "z_spec", "r_mag", "ebv")  # what a record repeats of the catalogue


@dataclasses.dataclass(frozen=True)
class Verification:
  """What was looked at, and what was found.

  Attributes:
    problems: what is wrong, a line each; [] for a sound data set.
    manifest: the manifest, None where it is unreadable.
  """

  problems: Sequence[str]
  manifest: Manifest | None = None


def verify(folder: str, *, num_workers: int = 1,
           progress: Callable[[int], object] = lambda num_bytes: None) -> Verification:
  """Compares a data set with its manifest and its parts with each other.

  Args:
    folder: the data set's folder.
    num_workers: processes that read shards.
    progress: called with the size of each shard that has been read.

  Raises:
    OSError: a file is there and cannot be opened, or the file system is unknown.
  """
  try:
    manifest, digest = load_with_digest(folder)
  except (ValueError, FileNotFoundError) as error:
    return Verification([str(error)])
  faults = manifest_check.manifest_faults(manifest)
  if faults:
    return Verification([problem(folder, MANIFEST_NAME, fault) for fault in faults], manifest)
  problems = list(files_check.check_files(folder, manifest))
  if digest != manifest.digest():
    problems.append(problem(folder, MANIFEST_NAME, "changed after it was written (SHA-256)"))
  catalog, found = catalog_check.check_catalog(folder, manifest)
  problems += found + _check_shards(folder, manifest, catalog, num_workers, progress)
  return Verification(problems, manifest)


def _check_shards(folder, manifest, catalog, num_workers, progress) -> list[str]:
  labels = {name: np.asarray(catalog[name]) for name in _LABELS} if catalog is not None else {}
  tasks = shard_check.plan_checks(folder, manifest, labels)
  reports = []
  with local.worker_map(num_workers) as mapper:
    for task, report in zip(tasks, mapper(shard_check.check_shard, tasks)):
      reports.append(report)
      progress(task.shard.bytes)
  return [*_damaged(folder, manifest, tasks, reports),
          *_disagreeing(folder, manifest, tasks, reports),
          *_repeated_images(folder, tasks, reports)]


def _damaged(folder, manifest, tasks, reports) -> Iterator[str]:
  """Shards that are not whole, or stand under the name of another."""
  owners = {shard.sha256: shard.name for shard in manifest.shards if shard.records}
  for task, report in zip(tasks, reports):
    name, owner = task.shard.name, owners.get(report.sha256)
    if report.damage and owner not in (None, name):
      yield problem(folder, name, f"holds what belongs into {owner}", f"rename it to {owner}")
    elif report.damage:
      yield problem(folder, name, report.damage, MEND_SHARD)


def _disagreeing(folder, manifest, tasks, reports) -> Iterator[str]:
  """Whole shards whose records are not as manifest and catalogue say; one line a subject."""
  for subject in ("image size", "pixels", *_LABELS):
    found = [(task.shard.name, report.disagreements[subject])
             for task, report in zip(tasks, reports) if subject in report.disagreements]
    if found:
      shard, rows = found[0]
      file, what = _at_fault(subject, manifest, shard, rows[0])
      number = sum(len(rows) for _, rows in found)
      yield problem(folder, file, f"{what}: {number} records, the first in {shard}, "
                                  f"row {rows[0]}")


def _at_fault(subject, manifest, shard, row) -> tuple[str, str]:
  """The file that is wrong where shards are as they were written, and what is wrong with it."""
  if subject == "image size":
    return MANIFEST_NAME, "image_shape or dtype is not that of the images"
  if subject == "pixels":
    return shard, "pixels are not finite"
  part = min(int(row) // ROWS_PER_FILE, len(manifest.catalogs) - 1)
  return manifest.catalogs[part], f"{subject} is not that of the records"


def _repeated_images(folder, tasks, reports) -> Iterator[str]:
  """Images that stand in two splits, whatever their ids."""
  lengths = [len(report.image_hashes) for report in reports]
  hashes = np.concatenate([np.empty(0, np.uint64), *(report.image_hashes for report in reports)])
  splits, names = (np.repeat([getattr(task.shard, what) for task in tasks], lengths)
                   for what in ("split", "name"))
  rows = np.concatenate([np.empty(0, np.int64),
                         *(task.first_row + np.arange(n) for task, n in zip(tasks, lengths))])
  pairs = problems.across_splits(hashes, splits)
  if len(pairs):
    one, two = pairs[0]
    yield problem(folder, names[one],
                  f"{len(pairs)} images stand in two splits, e.g. row {rows[one]} here and row "
                  f"{rows[two]} in {names[two]}",
                  "leave one of the two out of the input and convert again")
