"""The files that describe a data set to other packages: written beside it, and checked.

All follow from the manifest and the names of the catalogue's columns.  Data sets of earlier
versions have none of them, and nothing of this package reads them.
"""

from __future__ import annotations

import json
import os
from typing import Any, Iterator, Sequence

from data_tools.descriptions import croissant, tfds_files
from pzbias_tf import storage
from pzbias_tf.data import manifest as manifest_lib

NAMES = (tfds_files.INFO_NAME, tfds_files.FEATURES_NAME, croissant.CROISSANT_NAME)
"""All that a data set may have."""

_FREE = ("description", "@context")  # words, which later versions may put otherwise


def save_descriptions(manifest: manifest_lib.Manifest, columns: Sequence[str],
                      folder: str) -> tuple[str, ...]:
  """Writes the files.

  Args:
    manifest: the manifest of the data set, with the digests of its catalogue.
    columns: names of the catalogue's columns.
    folder: where to write them.

  Returns:
    Their names.
  """
  contents = _contents(manifest, columns)
  for name, fields in contents.items():
    storage.write_text(os.path.join(folder, name), json.dumps(fields, indent=1) + "\n")
  return tuple(contents)


def remove_others(output: str, names: Sequence[str]) -> None:
  """Removes those that an interrupted conversion with other settings left in the output.

  Args:
    output: the data set's folder, which has no manifest yet.
    names: those that the data set will have.
  """
  for name in set(storage.names(output)) & (set(NAMES) - set(names)):
    storage.remove(os.path.join(output, name))


def description_faults(folder: str, manifest: manifest_lib.Manifest,
                       columns: Sequence[str]) -> Iterator[tuple[str, str]]:
  """Files that do not describe the data set: name and fault of each.

  Args:
    folder: the data set's folder.
    manifest: its manifest.
    columns: names of the catalogue's columns.
  """
  existing = set(storage.names(folder)) & set(NAMES)
  wanted = _contents(manifest, columns)
  for name in NAMES if existing else ():
    if name in existing and name not in wanted:
      yield name, "surplus: TensorFlow Datasets cannot read this data set"
    elif name in wanted and name not in existing:
      yield name, "missing"
    elif name in wanted and _facts(_read(os.path.join(folder, name))) != _facts(wanted[name]):
      yield name, "describes another data set than the manifest"


def _contents(manifest, columns) -> dict[str, dict[str, Any]]:
  return {**tfds_files.tfds_files(manifest),
          croissant.CROISSANT_NAME: croissant.json_ld(manifest, columns)}


def _read(path: str) -> Any:
  """The contents of a JSON file; None for a damaged one."""
  try:
    return json.loads(storage.read_bytes(path))
  except (ValueError, RecursionError):
    return None


def _facts(fields: Any) -> Any:
  """JSON without its words."""
  if isinstance(fields, dict):
    return {name: _facts(value) for name, value in fields.items() if name not in _FREE}
  return [_facts(value) for value in fields] if isinstance(fields, list) else fields
