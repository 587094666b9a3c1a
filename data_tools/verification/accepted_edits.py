"""Accepts a file that somebody has changed on purpose: it gets the digest of what it holds now."""

from __future__ import annotations

import dataclasses
import os

from pzbias_tf import storage
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.guards import hdf5_files, json_files

_HDF5 = (".h5", ".hdf5")


def accept(path: str) -> str:
  """Accepts a changed catalogue, manifest, JSON or HDF5 file.

  Args:
    path: the file, of a data set or a run.

  Returns:
    What was done, as text.

  Raises:
    OSError: the file is missing or cannot be read.
    ValueError: it is damaged, or of another kind.
  """
  folder, name = os.path.split(path)
  if not storage.is_file(path):
    raise FileNotFoundError(f"{path} is missing; name a file of a data set or a run")
  if name == manifest_lib.MANIFEST_NAME or name.endswith(".fits"):
    return _accept_data_set(folder, path)
  if name.endswith(".json"):
    json_files.seal(path)
  elif name.endswith(_HDF5):
    hdf5_files.seal(path)
  else:
    raise ValueError(f"{path}: only manifests, catalogues, .json, .h5 and .hdf5 files have digests "
                     "of their own; make it again")
  return f"{path}: accepted as it is"


def _accept_data_set(folder: str, path: str) -> str:
  """A changed manifest, or the manifest of a changed catalogue."""
  manifest, _ = manifest_lib.load_with_digest(folder)
  if path.endswith(".fits") and os.path.basename(path) not in manifest.catalogs:
    names = ", ".join(manifest.catalogs)
    raise ValueError(f"{path} is no catalogue of {folder}, which has {names}")
  digests = tuple(storage.sha256(os.path.join(folder, name)) for name in manifest.catalogs)
  dataclasses.replace(manifest, catalog_sha256=digests).save(folder)
  return (f"{path}: accepted as it is. The data set is another one now: runs of the one before "
          "refuse to go on with it")
