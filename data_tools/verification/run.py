"""All checks of a data set, in order: manifest, files, catalogue, shards, splits."""

from __future__ import annotations

import dataclasses
from typing import Callable, Iterator, Sequence

import numpy as np

from data_tools import shard_writer
from data_tools.verification import catalog_check, duplicates, files_check, manifest_check
from data_tools.verification import shards as shards_lib
from data_tools.verification.problems import MEND_SHARD, problem
from pzbias_tf.data.manifest import CATALOG_NAME, MANIFEST_NAME, Manifest

_LABELS = ("id", "z_spec", "r_mag", "ebv")  # what a record repeats of the catalogue
# Subject of a disagreement between whole files -> the file at fault, and what is wrong with it.
_AT_FAULT = {
    "image size": (MANIFEST_NAME, "image_shape or dtype is not that of the images"),
    "row": (MANIFEST_NAME, "its shards are not in the order of the records"),
    **{name: (CATALOG_NAME, f"{name} is not that of the records") for name in _LABELS},
}


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
    OSError: a file is there and cannot be opened.
  """
  try:
    manifest = Manifest.load(folder)
  except (ValueError, FileNotFoundError) as error:
    return Verification([str(error)])
  faults = manifest_check.manifest_faults(manifest)
  if faults:
    return Verification([problem(folder, MANIFEST_NAME, fault) for fault in faults], manifest)
  problems = list(files_check.check_files(folder, manifest))
  catalog, found = catalog_check.check_catalog(folder, manifest)
  problems += found + _check_shards(folder, manifest, catalog, num_workers, progress)
  return Verification(problems, manifest)


def _check_shards(folder, manifest, catalog, num_workers, progress) -> list[str]:
  labels = {name: np.asarray(catalog[name]) for name in _LABELS} if catalog is not None else {}
  tasks = shards_lib.plan_checks(folder, manifest, labels)
  reports = []
  with shard_writer.worker_map(num_workers) as mapper:
    for task, report in zip(tasks, mapper(shards_lib.check_shard, tasks)):
      reports.append(report)
      progress(task.shard.bytes)
  return [*_damaged(folder, manifest, tasks, reports), *_disagreeing(folder, tasks, reports),
          *_repeated_images(folder, tasks, reports)]


def _damaged(folder, manifest, tasks, reports) -> Iterator[str]:
  """Shards that are not whole, or stand under the name of another."""
  owners = {shard.sha256: shard.name for shard in manifest.shards}
  for task, report in zip(tasks, reports):
    shard = task.shard
    if report.damage and report.sha256 in owners:
      yield problem(folder, shard.name, f"holds what belongs into {owners[report.sha256]}",
                    f"rename it to {owners[report.sha256]}")
    elif report.damage:
      yield problem(folder, shard.name, report.damage, MEND_SHARD)


def _disagreeing(folder, tasks, reports) -> Iterator[str]:
  """Whole shards whose records are not as manifest and catalogue say; one line a subject."""
  for subject in ("pixels", *_AT_FAULT):
    found = [(task.shard.name, report.disagreements[subject])
             for task, report in zip(tasks, reports) if subject in report.disagreements]
    if found:
      shard, rows = found[0]
      name, what = _AT_FAULT.get(subject, (shard, "pixels are not finite"))
      number = sum(len(rows) for _, rows in found)
      yield problem(folder, name, f"{what}: {number} records, the first in {shard}, "
                                  f"row {rows[0]}")


def _repeated_images(folder, tasks, reports) -> Iterator[str]:
  """Images that stand in two splits, whatever their ids."""
  lengths = [len(report.image_hashes) for report in reports]
  hashes = np.concatenate([np.empty(0, np.uint64), *(report.image_hashes for report in reports)])
  splits = np.repeat([task.shard.split for task in tasks], lengths)
  rows = np.concatenate([np.empty(0, np.int64),
                         *(task.first_row + np.arange(n) for task, n in zip(tasks, lengths))])
  pairs = duplicates.across_splits(hashes, splits)
  if len(pairs):
    places = [f"{splits[at]} (row {rows[at]})" for at in pairs[0]]
    yield problem(folder, CATALOG_NAME,
                  f"{len(pairs)} images stand in two splits, e.g. in {' and '.join(places)}",
                  "leave one of the two out of the input and convert again")
