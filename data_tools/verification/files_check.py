"""Whether exactly those files exist that the manifest names."""

from __future__ import annotations

import csv
import os
import re
from typing import Iterator

from data_tools.verification.problems import REPLACE_SHARD, problem_line
from pzbias_tf import storage
from pzbias_tf.data.manifest import REJECTED_NAME, Manifest

_OURS = re.compile(r"\.tfrecord|^\.?catalog\S*\.fits")


def check_files(folder: str, manifest: Manifest) -> Iterator[str]:
  """Missing shards, surplus shards and catalogues, and the list of rejects, one line each."""
  existing = set(storage.names(folder))
  shards = {shard.name for shard in manifest.shard_files}
  named = shards | set(manifest.catalogs)
  for name in sorted(shards - existing):
    yield problem_line(folder, name, "missing", REPLACE_SHARD)
  for name in sorted(existing - named):
    if _OURS.search(name):
      yield problem_line(folder, name, "surplus: the manifest does not name it", "delete it")
  yield from _check_rejected(folder, manifest)


def _check_rejected(folder: str, manifest: Manifest) -> Iterator[str]:
  try:
    lines = storage.lines(os.path.join(folder, REJECTED_NAME))
    rows = sum(1 for _ in csv.DictReader(lines))
  except FileNotFoundError:
    yield problem_line(folder, REJECTED_NAME, "missing")
    return
  except (UnicodeDecodeError, csv.Error) as error:
    yield problem_line(folder, REJECTED_NAME, f"damaged ({error})")
    return
  expected = manifest.galaxies["rejected"]
  if rows != expected:
    yield problem_line(folder, REJECTED_NAME,
                       f"lists {rows} objects, the manifest counts {expected}")
