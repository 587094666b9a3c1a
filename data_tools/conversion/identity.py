"""Recognises a data set that is already there, or one that was begun."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Mapping

from absl import logging
import numpy as np

from data_tools.conversion import resume
from data_tools.conversion.record_plan import Plan
from data_tools.readers.parts import npy_access
from data_tools.readers.parts.cutout_source import CutoutSource, ImageError
import pzbias_tf
from pzbias_tf import storage
from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.files import LOCK_NAME
from pzbias_tf.survey import Survey

_SAMPLED_IMAGES = 32
_COMPARED = ("layout", "columns", "fingerprint", "settings", "survey", "redshift_grid",
             "survey_flux_divisor")
_OWN_FOLDERS = (resume.FOLDER, npy_access.UNPACKED)  # they change while a conversion runs


def describe(source: CutoutSource, survey: Survey, settings: Mapping[str, Any],
             origin: Mapping[str, Any] | None = None) -> dict[str, Any]:
  """What a data set is made from, for its manifest.

  Args:
    source: the galaxies.
    survey: the survey.
    settings: settings of the conversion.
    origin: further words, e.g. how the source was simulated.
  """
  described = dict(source.description, fingerprint=fingerprint(source),
                   settings=dict(settings), survey=survey.name,
                   redshift_grid=(survey.z_min, survey.z_max),
                   survey_flux_divisor=survey.flux_divisor, **(origin or {}))
  return json.loads(json.dumps(described, default=str))


def fingerprint(source: CutoutSource) -> str:
  """Tells sources apart: SHA-256 of the catalogue and of a sample of images.

  Reading all of a 50 GB cube for this would take minutes; files' dates would
  change with every copy.
  """
  digest = hashlib.sha256(repr((len(source.catalog), tuple(source.image_shape))).encode())
  for name in source.catalog.colnames:
    values = np.asarray(source.catalog[name])
    if values.dtype.kind == "U":
      values = np.char.encode(values, "utf-8")
    digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
  rows = np.unique(np.linspace(0, len(source.catalog) - 1, _SAMPLED_IMAGES).astype(int))
  for row in rows if len(source.catalog) else ():
    try:
      digest.update(np.ascontiguousarray(source.images(int(row))).tobytes())
    except ImageError as error:
      digest.update(str(error).encode())
  return digest.hexdigest()


def resume_key(described: Mapping[str, Any], plan: Plan, output: str) -> str:
  """Digest of all that shards depend on: two conversions of one key write the same shards.

  Stricter than `find`: sizes and dates of the input files count, since images may have
  been changed since a conversion was cut off.

  Args:
    described: see `describe`.
    plan: the plan of the records.
    output: the data set's folder, which may lie within the input.
  """
  facts = [pzbias_tf.__version__, manifest_lib.SCHEMA_VERSION, described, plan.digest(),
           _sizes_and_dates(str(described.get("path", "")), output)]
  return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _sizes_and_dates(path, output) -> str:
  """Digest of the names, sizes and dates of a file, or of all files of a folder."""
  digest = hashlib.sha256()
  for name in [path] if os.path.isfile(path) else _files(path, os.path.realpath(output)):
    status = _status(name)
    digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
  return digest.hexdigest()


def _files(folder, output):
  seen = {output} - {os.path.realpath(folder)}
  for root, folders, names in os.walk(folder, followlinks=True):
    real = os.path.realpath(root)
    if real in seen:  # also where links lead round in a circle
      folders.clear()
      continue
    seen.add(real)
    folders[:] = sorted(name for name in folders if not name.startswith(_OWN_FOLDERS))
    yield from (os.path.join(root, name) for name in sorted(names) if name != LOCK_NAME)


def _status(name) -> os.stat_result:
  """Size and date of a file, or of a link that leads nowhere."""
  try:
    return os.stat(name)
  except FileNotFoundError:
    return os.lstat(name)


def check_origin(output: str, origin: Mapping[str, Any]) -> None:
  """Refuses to simulate for an output folder that holds another complete data set.

  Asked before the simulation, which takes minutes; `find` compares the rest.

  Args:
    output: folder of the data set.
    origin: how the source would be simulated; {} for real input.

  Raises:
    FileExistsError: real galaxies, or others, are there.
    OSError: the folder's file system is unknown or cannot be reached.
  """
  # Looked at in any case: an output that cannot be reached is found before the input is read.
  if not storage.is_file(os.path.join(output, manifest_lib.MANIFEST_NAME)) or not origin:
    return
  manifest = _load(output)
  for key, wanted in json.loads(json.dumps(origin, default=str)).items():
    if manifest.source.get(key) != wanted:
      raise FileExistsError(
          f"{output} holds another data set, and no --input is given to convert; name another "
          "--output for the simulated galaxies, or delete that folder")


def find(output: str, described: Mapping[str, Any],
         preset: Mapping[str, Any]) -> manifest_lib.Manifest | None:
  """The complete data set in `output` if it is the one that is asked for.

  Returns:
    Its manifest, or None where there is no complete data set.

  Raises:
    FileExistsError: a complete data set of something else is there.
  """
  if not storage.is_file(os.path.join(output, manifest_lib.MANIFEST_NAME)):
    return None
  manifest = _load(output)
  wanted = {key: described.get(key) for key in _COMPARED}
  wanted["preset"] = json.loads(json.dumps(preset))
  there = {key: manifest.source.get(key) for key in _COMPARED}
  there["preset"] = dict(manifest.preset)
  other = [key for key in wanted if wanted[key] != there[key]]
  if other:
    raise FileExistsError(
        f"{output} holds a data set with other {', '.join(other)} (made from "
        f"{manifest.source.get('path', 'elsewhere')}); name another --output, or delete it")
  _check_files(output, manifest)
  logging.info("%s already holds this data set; nothing to do", output)
  return manifest


def _load(output):
  try:
    return manifest_lib.Manifest.load(output)
  except ValueError as error:  # damaged, or of another version
    raise FileExistsError(f"{error}: name another --output, or delete {output} first") from error


def _check_files(output, manifest):
  for shard in manifest.shards:
    path = os.path.join(output, shard.name)
    if not storage.is_file(path) or storage.file_size(path) != shard.bytes:
      raise FileExistsError(
          f"{path} is missing or of another size than its manifest says: the data set is "
          f"damaged; delete {output} and convert again")
