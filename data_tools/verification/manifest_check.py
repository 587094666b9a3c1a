"""Whether the values of manifest.json are possible: types, names, sums."""

from __future__ import annotations

import collections
import re
from typing import Any, Iterator

from data_tools.conversion.record_plan import SHARD_NAME
from pzbias_tf.data.manifest import (
  COMPRESSION_TYPES,
  LIMIT,
  REJECT,
  Manifest,
  PhotometryColumns,
  Shard,
)

_DTYPES = ("float32", "float16")
_TABLES = ("source", "galaxies", "replaced", "preset")
_CATALOG = re.compile(r"catalog(-\d{5}-of-\d{5})?\.fits")
_SHA256 = re.compile("[0-9a-f]{64}")


def manifest_faults(manifest: Manifest) -> list[str]:
  """The impossible values, in words; [] for a sound manifest.

  Args:
    manifest: as loaded; JSON does not fix the types of its values.
  """
  no_tables = [name for name in _TABLES if not isinstance(getattr(manifest, name), dict)]
  if no_tables:
    return [f"{name} is not a table of values" for name in no_tables]
  names = collections.Counter(str(shard.name) for shard in manifest.shards)
  return [*_image_faults(manifest), *_galaxy_faults(manifest), *_catalog_faults(manifest),
          *(fault for shard in manifest.shards for fault in _shard_faults(shard, manifest)),
          *(f"{name} is listed {number} times" for name, number in names.items() if number > 1)]


def _photometry_faults(manifest: Manifest, photometry: PhotometryColumns) -> Iterator[str]:
  if manifest.image_shape:
    yield f"image_shape is {list(manifest.image_shape)}, but photometry has no images"
  for name, columns in (("magnitudes", photometry.magnitudes), ("errors", photometry.errors)):
    if len(columns) != len(manifest.bands) and (columns or name == "magnitudes"):
      yield f"{len(columns)} columns of {name}, {len(manifest.bands)} bands are named"
  if photometry.missing not in (REJECT, LIMIT):
    yield f"missing magnitudes are {photometry.missing!r}, not {REJECT} or {LIMIT}"
  for shard in manifest.shards:
    if shard.bytes or shard.sha256:
      yield f"{shard.name} has {shard.bytes} bytes, but shards of photometry are no files"


def _image_faults(manifest: Manifest) -> Iterator[str]:
  if manifest.photometry:
    yield from _photometry_faults(manifest, manifest.photometry)
    return
  shape = manifest.image_shape
  if len(shape) != 3 or not all(_whole(side) and side > 0 for side in shape):
    yield f"image_shape is {list(shape)}, not three whole numbers"
  elif shape[2] != len(manifest.bands):
    yield f"image_shape has {shape[2]} bands, {len(manifest.bands)} are named"
  if manifest.dtype not in _DTYPES:
    yield f"dtype is {manifest.dtype!r}, not one of {', '.join(_DTYPES)}"
  if str(manifest.compression) not in COMPRESSION_TYPES:
    yield f"compression is {manifest.compression!r}, not one of {', '.join(COMPRESSION_TYPES)}"
  if not isinstance(manifest.flux_divisor, (int, float)) or not manifest.flux_divisor > 0:
    yield f"flux_divisor is {manifest.flux_divisor!r}, not a positive number"


def _galaxy_faults(manifest: Manifest) -> Iterator[str]:
  galaxies = manifest.galaxies
  counts: list[Any] = [galaxies.get(key) for key in ("read", "written", "rejected")]
  if not all(_whole(count) for count in counts):
    yield f"galaxies is {dict(galaxies)}, not three whole numbers"
  elif counts[0] != counts[1] + counts[2]:
    yield f"{counts[0]} galaxies read are not {counts[1]} written and {counts[2]} rejected"


def _catalog_faults(manifest: Manifest) -> Iterator[str]:
  names = [str(name) for name in manifest.catalogs]
  if not names or not all(_CATALOG.fullmatch(name) for name in names):
    yield f"the catalogue's files are called {', '.join(names) or 'nothing'}"
  digests = [str(digest) for digest in manifest.catalog_sha256]
  if names and len(digests) != len(names) or not all(map(_SHA256.fullmatch, digests)):
    yield f"the catalogue's files have the SHA-256 {', '.join(digests) or 'of none'}"


def _shard_faults(shard: Shard, manifest: Manifest) -> Iterator[str]:
  match = SHARD_NAME.fullmatch(str(shard.name))
  if not match or match["split"] != shard.split:
    yield f"a shard of the split {shard.split!r} is called {shard.name!r}"
  if not _whole(shard.records) or not _whole(shard.bytes):
    yield f"{shard.name} has {shard.records!r} records and {shard.bytes!r} bytes"
  if not isinstance(shard.sha256, str) or not (
      manifest.photometry or _SHA256.fullmatch(shard.sha256)):
    yield f"{shard.name} has the SHA-256 {shard.sha256!r}"


def _whole(value) -> bool:
  return isinstance(value, int) and not isinstance(value, bool) and value >= 0
