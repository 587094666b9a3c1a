"""All checks of a data set, in order: manifest, files, catalogue, shards, splits, descriptions."""

from __future__ import annotations

import dataclasses
from typing import Callable, Iterator, Sequence

import numpy as np

from data_tools.conversion.executors import local
from data_tools.descriptions import description_files
from data_tools.verification import catalog_check, files_check, manifest_check, shard_check
from data_tools.verification.problems import REPLACE_SHARD, pairs_across_splits, problem_line
from pzbias_tf.data.catalog import ROWS_PER_FILE
from pzbias_tf.data.manifest import MANIFEST_NAME, Manifest, load_with_digest

_LABELS = ("number", "id", "z_spec", "r_mag", "ebv")  # catalogue columns in the records

_DESCRIBE_AGAIN = "other packages would be misled, this one is not: delete it, or convert again"


@dataclasses.dataclass(frozen=True)
class Verification:
  """The result of all checks.

  Attributes:
    problems: one line per problem; [] for a sound data set.
    manifest: the manifest; None if it is unreadable.
  """

  problems: Sequence[str]
  manifest: Manifest | None = None


def verify(folder: str, *, num_workers: int = 1,
           progress: Callable[[int], object] = lambda num_bytes: None) -> Verification:
  """Compares a data set with its manifest and its parts with each other.

  Args:
    folder: the data set's folder.
    num_workers: number of processes that read shards.
    progress: called with the size of each shard after it was read.

  Raises:
    OSError: an existing file cannot be opened, or the file system is unknown.
  """
  try:
    manifest, digest = load_with_digest(folder)
  except (ValueError, FileNotFoundError) as error:
    return Verification([str(error)])
  faults = manifest_check.manifest_faults(manifest)
  if faults:
    return Verification([problem_line(folder, MANIFEST_NAME, fault) for fault in faults], manifest)
  problems = list(files_check.check_files(folder, manifest))
  if digest != manifest.digest():
    problems.append(problem_line(folder, MANIFEST_NAME, "changed after it was written (SHA-256)"))
  catalog, catalog_problems = catalog_check.check_catalog(folder, manifest)
  problems += catalog_problems + _check_shards(folder, manifest, catalog, num_workers, progress)
  if catalog is not None and not problems:  # else there is nothing sound to compare with
    problems += [problem_line(folder, *fault, _DESCRIBE_AGAIN) for fault in
                 description_files.description_faults(folder, manifest, catalog.colnames)]
  return Verification(problems, manifest)


def _check_shards(folder, manifest, catalog, num_workers, progress) -> list[str]:
  """The problems of all shards; without a usable catalogue, labels are not compared."""
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
  """Shards that are damaged or have the name of another one."""
  owners = {str(shard.sha256): shard.name for shard in manifest.shards if shard.records}
  for task, report in zip(tasks, reports):
    name, owner = task.shard.name, owners.get(report.sha256)
    if report.damage and owner not in (None, name):
      yield problem_line(folder, name, f"has the contents of {owner}", f"rename it to {owner}")
    elif report.damage:
      yield problem_line(folder, name, report.damage, REPLACE_SHARD)


def _disagreeing(folder, manifest, tasks, reports) -> Iterator[str]:
  """Undamaged shards whose records disagree with manifest or catalogue; one line per subject."""
  for subject in ("image size", "pixels", *_LABELS):
    by_shard = [(task.shard.name, report.disagreements[subject])
                for task, report in zip(tasks, reports) if subject in report.disagreements]
    if by_shard:
      shard, rows = by_shard[0]
      file, what = _at_fault(subject, manifest, shard, rows[0])
      number = sum(len(rows) for _, rows in by_shard)
      yield problem_line(folder, file, f"{what}: {number} records, the first in {shard}, "
                                  f"row {rows[0]}")


def _at_fault(subject, manifest, shard, row) -> tuple[str, str]:
  """The file that is wrong although the shards are undamaged, and what is wrong with it."""
  if subject == "image size":
    return MANIFEST_NAME, "image_shape or dtype does not fit the images"
  if subject == "pixels":
    return shard, "pixels are not finite"
  part = min(int(row) // ROWS_PER_FILE, len(manifest.catalogs) - 1)
  return manifest.catalogs[part], f"{subject} differs from that of the records"


def _repeated_images(folder, tasks, reports) -> Iterator[str]:
  """Images that are in two splits, whatever their ids."""
  lengths = [len(report.image_hashes) for report in reports]
  hashes = np.concatenate([np.empty(0, np.uint64), *(report.image_hashes for report in reports)])
  splits, names = (np.repeat([getattr(task.shard, what) for task in tasks], lengths)
                   for what in ("split", "name"))
  rows = np.concatenate([np.empty(0, np.int64),
                         *(task.first_row + np.arange(n) for task, n in zip(tasks, lengths))])
  pairs = pairs_across_splits(hashes, splits)
  if len(pairs):
    one, two = pairs[0]
    yield problem_line(folder, names[one],
                  f"{len(pairs)} images are in two splits, e.g. row {rows[one]} here and row "
                  f"{rows[two]} in {names[two]}",
                  "remove one of the two from the input and convert again")
