"""Recognises a complete data set in its folder, and the shards of an interrupted conversion."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from typing import Any, Iterator, Mapping

from absl import logging
import numpy as np

from data_tools.conversion import resume
from data_tools.conversion.record_plan import Plan
from data_tools.readers.parts import npy_access
from data_tools.readers.parts.cutout_source import CutoutSource, ImageError
import pzbias_tf
from pzbias_tf import storage
from pzbias_tf.choices import FULL, QUICK
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.data.dataset import check_catalog
from pzbias_tf.data.galaxy_origin import simulation_record
from pzbias_tf.guards.locks import LOCK_NAME
from pzbias_tf.survey import Survey
from pzbias_tf.tables.disk_columns import BLOCK
from pzbias_tf.tables.scratch_file import release_pages

"""How thoroughly an existing data set is looked at."""

_SAMPLED_IMAGES = 32
_COMPARED = ("layout", "columns", "fingerprint", "settings", "survey", "redshift_grid",
             "survey_flux_divisor", "extra_columns", "extra_fill", "photometry")
_OWN_FOLDERS = (resume.UNFINISHED, npy_access.UNPACKED)  # they change during a conversion


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataSetRequest:
  """The data set that a conversion is asked for.

  Attributes:
    output: its folder.
    description: what it is made from; see `describe_source`.
    preset: training settings for its manifest.
    verify: how an existing one is looked at: QUICK, sizes and the catalogue's digest, or FULL, the
      digests of all files.
  """

  output: str
  description: Mapping[str, Any]
  preset: Mapping[str, Any]
  verify: str = QUICK

  def existing(self) -> manifest_lib.Manifest | None:
    """The manifest of this data set if the folder holds it already, complete.

    Returns:
      None if the folder holds no complete data set.

    Raises:
      FileExistsError: it holds a complete data set of something else, or a damaged one.
    """
    if not _is_complete(self.output):
      return None
    manifest = _load_manifest(self.output)
    self._check_same(manifest)
    _check_files(self.output, manifest, self.verify)
    logging.info("%s already holds this data set; nothing to do", self.output)
    return manifest

  def resume_key(self, plan: Plan) -> str:
    """Digest of all that the shards depend on: equal keys mean equal shards.

    Stricter than `existing`: sizes and dates of the input files count, since images may
    have changed since a conversion was interrupted.

    Args:
      plan: the plan of the records.
    """
    facts = [pzbias_tf.__version__, manifest_lib.SCHEMA_VERSION, self.description, plan.digest(),
             _sizes_and_dates(str(self.description.get("path", "")), self.output)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

  def _check_same(self, manifest: manifest_lib.Manifest) -> None:
    wanted = {key: self.description.get(key) for key in _COMPARED}
    wanted["preset"] = _as_json(self.preset)
    existing = {key: manifest.source.get(key) for key in _COMPARED}
    existing["preset"] = dict(manifest.preset)
    other = [key for key in wanted if wanted[key] != existing[key]]
    if other:
      raise FileExistsError(
          f"{self.output} holds a data set with other {', '.join(other)} (made from "
          f"{manifest.source.get('path', 'elsewhere')}); name another --output, or delete it")


def describe_source(source: CutoutSource, survey: Survey, settings: Mapping[str, Any],
                    origin: Mapping[str, Any] | None = None) -> dict[str, Any]:
  """What a data set is made from, for its manifest.

  Args:
    source: the galaxies.
    survey: the survey.
    settings: settings of the conversion.
    origin: further facts, e.g. how the source was simulated; unless given, that is looked for
      beside the source.
  """
  record = simulation_record(str(source.description.get("path", "")))
  extra = {"extra_columns": source.extra_columns, "extra_fill": source.extra_fill}
  return _as_json(dict(
      source.description, fingerprint=fingerprint(source), settings=dict(settings),
      survey=survey.name, redshift_grid=(survey.z_min, survey.z_max),
      survey_flux_divisor=survey.flux_divisor, **(extra if source.extra_columns else {}),
      **({} if record is None else {"simulated": record}) | dict(origin or {})))


def fingerprint(source: CutoutSource) -> str:
  """Tells sources apart: SHA-256 of the catalogue and, where there are images, of a sample.

  Reading all of a 50 GB cube for this would take minutes; file dates would change with
  every copy.
  """
  digest = hashlib.sha256(repr((len(source.catalog), tuple(source.image_shape))).encode())
  for name in source.catalog.colnames:
    digest.update(name.encode())
    for block in _as_bytes(np.asarray(source.catalog[name])):
      digest.update(np.ascontiguousarray(block).tobytes())
      release_pages()
  rows = np.unique(np.linspace(0, len(source.catalog) - 1, _SAMPLED_IMAGES).astype(int))
  for row in rows if len(source.catalog) and not source.photometry else ():
    try:
      digest.update(np.ascontiguousarray(source.images(int(row))).tobytes())
    except ImageError as error:
      digest.update(str(error).encode())
  return digest.hexdigest()


def _as_bytes(values: np.ndarray) -> Iterator[np.ndarray]:
  """A column some rows at a time, texts in UTF-8, as wide as the longest of the column."""
  starts = range(0, len(values), BLOCK)
  if values.dtype.kind != "U" or not starts:
    yield from (values[start:start + BLOCK] for start in starts)
    return
  encoded = lambda start: np.char.encode(values[start:start + BLOCK], "utf-8")
  width = max(encoded(start).dtype.itemsize for start in starts)
  yield from (encoded(start).astype(f"S{width}") for start in starts)


def check_before_simulation(output: str, origin: Mapping[str, Any]) -> None:
  """Refuses to simulate for a folder that holds another complete data set.

  A simulation takes minutes.  `DataSetRequest.existing` compares the rest afterwards.

  Args:
    output: folder of the data set.
    origin: how the source would be simulated.

  Raises:
    FileExistsError: the folder holds real galaxies, or other simulated ones.
    OSError: the folder's file system is unknown or cannot be reached.
  """
  if not _is_complete(output):
    return
  manifest = _load_manifest(output)
  if any(manifest.source.get(key) != wanted for key, wanted in _as_json(origin).items()):
    raise FileExistsError(
        f"{output} holds another data set, and no --input is given to convert; name another "
        "--output for the simulated galaxies, or delete that folder")


def _is_complete(output: str) -> bool:
  return storage.is_file(os.path.join(output, manifest_lib.MANIFEST_NAME))


def _load_manifest(output: str) -> manifest_lib.Manifest:
  try:
    return manifest_lib.Manifest.load(output)
  except ValueError as error:  # damaged, or of another version
    raise FileExistsError(f"{error}: name another --output, or delete {output} first") from error


def _check_files(output: str, manifest: manifest_lib.Manifest, verify: str) -> None:
  again = f"the data set is damaged; delete {output} and convert again"
  try:
    check_catalog(output, manifest)
  except (FileNotFoundError, ValueError) as error:
    raise FileExistsError(f"{error}\nElse {again}") from error
  if not storage.is_file(os.path.join(output, manifest_lib.REJECTED_NAME)):
    raise FileExistsError(f"{os.path.join(output, manifest_lib.REJECTED_NAME)} is missing: {again}")
  for shard in manifest.shard_files:
    path = os.path.join(output, shard.name)
    if not storage.is_file(path) or storage.file_size(path) != shard.bytes:
      raise FileExistsError(
          f"{path} is missing or of another size than its manifest says: {again}")
    if verify == FULL and storage.sha256(path) != shard.sha256:
      raise FileExistsError(f"{path} has another SHA-256 than its manifest says: {again}")


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
  """Values as a manifest holds them, e.g. lists in place of tuples."""
  return json.loads(json.dumps(values, default=str))


def _sizes_and_dates(path: str, output: str) -> str:
  """Digest of the names, sizes and dates of a file, or of all files of a folder."""
  digest = hashlib.sha256()
  for name in [path] if os.path.isfile(path) else _files(path, os.path.realpath(output)):
    status = _status(name)
    digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
  return digest.hexdigest()


def _files(folder: str, output: str) -> Iterator[str]:
  """All files of a folder, except for the output and what conversions leave in it."""
  seen = {output} - {os.path.realpath(folder)}
  for root, folders, names in os.walk(folder, followlinks=True):
    real = os.path.realpath(root)
    if real in seen:  # links may form a circle
      folders.clear()
      continue
    seen.add(real)
    folders[:] = sorted(name for name in folders if not name.startswith(_OWN_FOLDERS))
    yield from (os.path.join(root, name) for name in sorted(names) if name != LOCK_NAME)


def _status(name: str) -> os.stat_result:
  """Size and date of a file, or of a broken link itself."""
  try:
    return os.stat(name)
  except FileNotFoundError:
    return os.lstat(name)
