"""Whether the catalogue has the rows, splits and objects that the manifest counts."""

from __future__ import annotations

import os
from typing import Iterator
import warnings

from astropy.table import Table
from astropy.utils.exceptions import AstropyWarning
import numpy as np

from data_tools.verification.problems import pairs_across_splits, problem_line
from pzbias_tf import storage
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data.extra_columns import is_missing
from pzbias_tf.data.manifest import REJECT, Manifest, magnitude_column
from pzbias_tf.missing_values import outside


def check_catalog(folder: str, manifest: Manifest) -> tuple[Table | None, list[str]]:
  """Loads the catalogue and compares it with the manifest.

  Returns:
    The catalogue, or None if its rows do not correspond to the records; and the problems.
  """
  changed = list(_changed_files(folder, manifest))
  table, problems = _compare(folder, manifest)
  return table, changed + problems


def _changed_files(folder: str, manifest: Manifest) -> Iterator[str]:
  """Files that are missing or have another SHA-256 than the manifest says."""
  for name, sha256 in zip(manifest.catalogs, manifest.catalog_sha256):
    path = os.path.join(folder, name)
    if not storage.is_file(path):
      yield problem_line(folder, name, "missing")
    elif storage.sha256(path) != sha256:
      yield problem_line(folder, name, "not the file that the manifest describes (SHA-256)")


def _compare(folder: str, manifest: Manifest) -> tuple[Table | None, list[str]]:
  """The catalogue, if its rows correspond to the records, and where it contradicts the manifest."""
  file = manifest.catalogs[0]
  try:
    with warnings.catch_warnings():  # about damage, which _changed_files has found
      warnings.simplefilter("ignore", AstropyWarning)
      table = catalog_lib.load_catalog(folder, manifest.catalogs)
  except FileNotFoundError:
    return None, []
  except (OSError, ValueError, TypeError) as error:  # from astropy, for wrong headers
    words = " ".join(str(error).split())
    named = words.startswith(folder)
    return None, [words if named else problem_line(folder, file, f"unreadable ({words})")]
  records = sum(shard.records for shard in manifest.shards)
  if len(table) != records:
    return None, [problem_line(folder, file,
                          f"has {len(table)} rows, the manifest counts {records} records")]
  return table, [problem_line(folder, file, fault) for fault in _faults(table, manifest)]


def _faults(table: Table, manifest: Manifest) -> Iterator[str]:
  """Contradictions between catalogue and manifest, and within the catalogue, in words."""
  for name, expected in _expected_places(manifest).items():
    wrong = np.flatnonzero(np.asarray(table[name]) != expected)
    if wrong.size:
      yield (f"{name} is {table[name][wrong[0]]} in row {wrong[0]}, the manifest's shards say "
             f"{expected[wrong[0]]} ({wrong.size} such rows)")
  for name in manifest.extra_columns:
    if name not in table.colnames:
      yield f"has no extra column {name}, which the manifest names"
    elif is_missing(table[name]).any():
      yield f"{name} has no value in row {np.argmax(is_missing(table[name]))}"
  yield from _photometry_faults(table, manifest)
  ids, splits = np.asarray(table["id"]), np.asarray(table["split"])
  number = len(np.unique(ids))
  if number != manifest.galaxies["written"]:
    yield f"has {number} objects, the manifest counts {manifest.galaxies['written']}"
  without_z = np.isnan(table["z_spec"]) & (splits != "target")
  if without_z.any():
    yield f"{without_z.sum()} galaxies outside the target set have no z_spec"
  pairs = pairs_across_splits(ids, splits)
  if len(pairs):
    one, two = pairs[0]
    yield (f"{len(pairs)} galaxies are in two splits, e.g. {ids[one]} in {splits[one]} "
           f"(row {one}) and {splits[two]} (row {two})")


def _photometry_faults(table: Table, manifest: Manifest) -> Iterator[str]:
  """Magnitudes and errors that are absent, or no such."""
  photometry = manifest.photometry
  missing_is_wrong = photometry is not None and photometry.missing == REJECT
  for name in manifest.photometry_columns:
    if name not in table.colnames:
      yield f"has no column {name}, though the manifest says photometry"
      continue
    values = np.asarray(table[name])
    wrong = np.isinf(values) | (values < 0.0)
    if name in map(magnitude_column, manifest.bands):
      wrong |= outside(values)
    if missing_is_wrong:
      wrong |= np.isnan(values)
    zero = values == 0.0
    if name in map(magnitude_column, manifest.bands) and zero.any():
      yield (f"{name} is 0 in row {np.argmax(zero)} ({zero.sum()} such rows), which stands for no "
             "measurement; convert the data set again")
    if wrong.any():
      yield f"{name} is {values[np.argmax(wrong)]} in row {np.argmax(wrong)}"


def _expected_places(manifest: Manifest) -> dict[str, np.ndarray]:
  """{column: [records]} for the columns that follow from the list of shards."""
  counts = [shard.records for shard in manifest.shards]
  numbers = [int(shard.name.split("-")[1]) for shard in manifest.shards]
  return {"split": np.repeat([shard.split for shard in manifest.shards], counts),
          "shard": np.repeat(np.array(numbers, np.int64), counts),
          "position": np.concatenate([np.arange(count) for count in [*counts, 0]])}
