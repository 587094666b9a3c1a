"""Whether the catalogue has the rows, splits and objects that the manifest counts."""

from __future__ import annotations

import os
from typing import Iterator
import warnings

from astropy.table import Table
from astropy.utils.exceptions import AstropyWarning
import numpy as np

from data_tools.conversion import shard_file
from data_tools.verification import problems
from data_tools.verification.problems import problem
from pzbias_tf import storage
from pzbias_tf.data import catalog as catalog_lib
from pzbias_tf.data.manifest import Manifest


def check_catalog(folder: str, manifest: Manifest) -> tuple[Table | None, list[str]]:
  """Loads the catalogue and compares it with the manifest.

  Returns:
    The catalogue, or None where its rows cannot stand for the records; and what is wrong.
  """
  changed = list(_changed(folder, manifest))
  table, found = _compare(folder, manifest)
  return table, changed + found


def _changed(folder: str, manifest: Manifest) -> Iterator[str]:
  for name, sha256 in zip(manifest.catalogs, manifest.catalog_sha256):
    path = os.path.join(folder, name)
    if not storage.is_file(path):
      yield problem(folder, name, "missing")
    elif shard_file.digest(path) != sha256:
      yield problem(folder, name, "not the file that the manifest describes (SHA-256)")


def _compare(folder: str, manifest: Manifest) -> tuple[Table | None, list[str]]:
  """The catalogue, if its rows can stand for the records, and what disagrees with the manifest."""
  file = manifest.catalogs[0]
  try:
    with warnings.catch_warnings():  # of damage, which has been found by then
      warnings.simplefilter("ignore", AstropyWarning)
      table = catalog_lib.load_catalog(folder, manifest.catalogs)
  except FileNotFoundError:
    return None, []
  except (OSError, ValueError, TypeError) as error:  # astropy's, for headers that lie
    words = " ".join(str(error).split())
    named = words.startswith(folder)
    return None, [words if named else problem(folder, file, f"unreadable ({words})")]
  records = sum(shard.records for shard in manifest.shards)
  if len(table) != records:
    return None, [problem(folder, file,
                          f"has {len(table)} rows, the manifest counts {records} records")]
  return table, [problem(folder, file, fault) for fault in _faults(table, manifest)]


def _faults(table: Table, manifest: Manifest) -> Iterator[str]:
  for name, expected in _places(manifest).items():
    wrong = np.flatnonzero(np.asarray(table[name]) != expected)
    if wrong.size:
      yield (f"{name} is {table[name][wrong[0]]} in row {wrong[0]}, the manifest's shards say "
             f"{expected[wrong[0]]} ({wrong.size} such rows)")
  ids, splits = np.asarray(table["id"]), np.asarray(table["split"])
  number = len(np.unique(ids))
  if number != manifest.galaxies["written"]:
    yield f"has {number} objects, the manifest counts {manifest.galaxies['written']}"
  without_z = np.isnan(table["z_spec"]) & (splits != "target")
  if without_z.any():
    yield f"{without_z.sum()} galaxies outside of the target set have no z_spec"
  pairs = problems.across_splits(ids, splits)
  if len(pairs):
    one, two = pairs[0]
    yield (f"{len(pairs)} galaxies stand in two splits, e.g. {ids[one]} in {splits[one]} "
           f"(row {one}) and {splits[two]} (row {two})")


def _places(manifest: Manifest) -> dict[str, np.ndarray]:
  """The columns that follow from the list of shards, [records] each."""
  counts = [shard.records for shard in manifest.shards]
  numbers = [int(shard.name.split("-")[1]) for shard in manifest.shards]
  return {"split": np.repeat([shard.split for shard in manifest.shards], counts),
          "shard": np.repeat(np.array(numbers, np.int64), counts),
          "position": np.concatenate([np.arange(count) for count in [*counts, 0]])}

