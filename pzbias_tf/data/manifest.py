"""manifest.json: the contents of a data set's folder, and the proof that it is complete.

The manifest is written last, by atomic rename, so that its presence means that
every shard is complete.  Readers compare the records that they see with it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from typing import Any, Mapping, Sequence

import numpy as np

from pzbias_tf import storage
from pzbias_tf.choices import COMPRESSION_TYPES as COMPRESSION_TYPES  # names that readers expect
from pzbias_tf.choices import LIMIT as LIMIT
from pzbias_tf.choices import REJECT as REJECT
from pzbias_tf.choices import SPLITS as SPLITS
from pzbias_tf.guards import json_files, plain_files

MANIFEST_NAME = "manifest.json"
CATALOG_NAME = "catalog.fits"
REJECTED_NAME = "rejected.csv"
SCHEMA_VERSION = 2
SMALLEST_SIDE = 3
"""Of images, pixels: the place of the peak is measured over 3 x 3."""
IMAGES, PHOTOMETRY = "images", "photometry"
"""Kinds of data sets."""
DTYPES = ("float32", "float16")
LARGEST_SIDE = 100_000
_DIGEST = json_files.DIGEST  # key of the digest of all other fields
_SHARD = {"split": str, "name": str, "records": int, "bytes": int, "sha256": str}
_SCHEMA = {
    "dataset": str, "survey": str, "bands": [str], "image_shape": [int], "dtype": str,
    "byte_order": str, "compression": str, "flux_divisor": float, "augment_copies": int,
    "seed": int, "split_rule": str, "source": {}, "galaxies": json_files.Each(int),
    "replaced": json_files.Each(int), "shards": [_SHARD], "catalogs": [str],
    "catalog_sha256": [str], "preset": {}, "extra_columns?": [str],
    "photometry?": {"magnitudes": [str], "errors": [str], "missing": str, "r?": str,
                    "ebv?": str}}
_NAMED = ("r", "ebv")
"""Columns of `PhotometryColumns` that a user may name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhotometryColumns:
  """The columns of a table that hold photometry.

  Attributes:
    magnitudes: names of the magnitudes, in the order of the bands.
    errors: names of their errors; () without.
    missing: REJECT, or LIMIT where magnitudes may be missing.
    r: the column of r magnitudes that the user named; "" for that of the band r.
    ebv: the column of E(B-V) that the user named; "" for the usual one.
  """

  magnitudes: tuple[str, ...]
  errors: tuple[str, ...] = ()
  missing: str = REJECT
  r: str = ""
  ebv: str = ""

  def to_json(self) -> dict[str, Any]:
    """The columns as JSON values, without those that the user did not name."""
    return {name: value for name, value in dataclasses.asdict(self).items()
            if value or name not in _NAMED}

  @classmethod
  def from_json(cls, fields: Mapping[str, Any]) -> PhotometryColumns:
    """The inverse of `to_json`, and of `dataclasses.asdict`."""
    return cls(magnitudes=tuple(fields["magnitudes"]), errors=tuple(fields["errors"]),
               missing=str(fields["missing"]), **{name: str(fields.get(name, ""))
                                                  for name in _NAMED})


def magnitude_column(band: str) -> str:
  """Name of a band's magnitude in the catalogue of a data set of photometry."""
  return f"mag_{band}"


def error_column(band: str) -> str:
  """Name of its error."""
  return f"err_{band}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shard:
  """One TFRecord file or, of photometry, some rows of the catalogue, which have no further file.

  Attributes:
    split: "train", "validation", "test" or "target".
    name: file name in the data set's folder.
    records: number of records.
    bytes: size of the file in bytes; 0 without a file.
    sha256: hexadecimal digest of the file; "" without.
  """

  split: str
  name: str
  records: int
  bytes: int
  sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
  """The contents of manifest.json.

  Attributes:
    dataset: name of the data set that surveys share, e.g. "sdss", "cfhtls".
    survey: name of the survey that it was converted as.
    bands: band names, in the order of the image's last axis.
    image_shape: (height, width, bands) of a stored image; () of photometry.
    dtype: dtype of the stored images, "float32" or "float16".
    byte_order: always "little".
    compression: compression of the shards, a key of COMPRESSION_TYPES.
    flux_divisor: stored values are divided by this on reading.
    augment_copies: number of records per training galaxy.
    seed: salt of the order of records and of the splits.
    split_rule: how the splits were made, in words.
    source: where the galaxies came from: path, layout, columns.
    galaxies: {"read": n, "written": n, "rejected": n}.
    replaced: {column: number of catalogue values that the conversion replaced}.
    shards: all shards, by split, then by number.
    catalogs: the files of the catalogue, in order.
    catalog_sha256: hexadecimal digest of each of them.
    preset: settings that train.main prefers for this data set; {} for none.
    extra_columns: columns of the catalogue that networks may take beside E(B-V).
    photometry: where the magnitudes came from, which stand in the catalogue in place of images;
      None for images.
    schema_version: version of the record and folder layout.
  """

  dataset: str
  survey: str
  bands: tuple[str, ...]
  image_shape: tuple[int, ...]
  dtype: str = "float32"
  byte_order: str = "little"
  compression: str = "none"
  flux_divisor: float = 1.0
  augment_copies: int = 1
  seed: int = 0
  split_rule: str = ""
  source: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  galaxies: Mapping[str, int] = dataclasses.field(default_factory=dict)
  replaced: Mapping[str, int] = dataclasses.field(default_factory=dict)
  shards: tuple[Shard, ...] = ()
  catalogs: tuple[str, ...] = (CATALOG_NAME,)
  catalog_sha256: tuple[str, ...] = ()
  preset: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  extra_columns: tuple[str, ...] = ()
  photometry: PhotometryColumns | None = None
  schema_version: int = SCHEMA_VERSION

  @property
  def kind(self) -> str:
    """IMAGES or PHOTOMETRY."""
    return PHOTOMETRY if self.photometry else IMAGES

  @property
  def shard_files(self) -> tuple[Shard, ...]:
    """The shards that are files: all of images, none of photometry."""
    return () if self.photometry else self.shards

  @property
  def photometry_columns(self) -> tuple[str, ...]:
    """Columns of the catalogue that hold magnitudes and then errors; () of images."""
    return photometry_names(self.bands, self.photometry)

  def split_shards(self, split: str) -> tuple[Shard, ...]:
    """The shards of one split, in number order."""
    return tuple(shard for shard in self.shards if shard.split == split)

  def records(self, split: str) -> int:
    """Number of records of one split."""
    return sum(shard.records for shard in self.split_shards(split))

  @property
  def compression_type(self) -> str:
    """TensorFlow's name of the compression."""
    return COMPRESSION_TYPES[self.compression]

  @property
  def image_bytes(self) -> int:
    """Bytes of a stored image before compression."""
    return int(np.prod(self.image_shape)) * np.dtype(self.dtype).itemsize

  def to_json(self) -> str:
    """The manifest as JSON text, keys in the order of the attributes."""
    return json.dumps(self._fields(), indent=1) + "\n"

  def digest(self) -> str:
    """SHA-256 of the manifest's text, hexadecimal; it identifies the exact data set."""
    return hashlib.sha256(self.to_json().encode()).hexdigest()

  def save(self, folder: str) -> None:
    """Writes manifest.json into `folder` by atomic rename, with its own digest as last key."""
    fields = {**self._fields(), _DIGEST: self.digest()}
    storage.write_text(os.path.join(folder, MANIFEST_NAME), json.dumps(fields, indent=1) + "\n")

  def _fields(self) -> dict[str, Any]:
    """The attributes that matter: of images without extra columns, as in the first version."""
    fields = {**dataclasses.asdict(self), "kind": self.kind}
    if not self.extra_columns:
      del fields["extra_columns"]
    if not self.photometry:
      del fields["photometry"], fields["kind"]
    else:
      fields["photometry"] = self.photometry.to_json()
    return fields

  @classmethod
  def load(cls, folder: str) -> Manifest:
    """Reads the manifest of a complete data set.

    Raises:
      FileNotFoundError: the folder holds no manifest.
      ValueError: the manifest is damaged, or its version is not supported.
    """
    manifest, digest = load_with_digest(folder, strict=True)
    if digest and digest != manifest.digest():
      raise json_files.changed(os.path.join(folder, MANIFEST_NAME))
    return manifest

  @classmethod
  def from_fields(cls, fields: dict[str, Any], path: str) -> Manifest:
    """Makes a manifest from its JSON fields; `path` is for error messages.

    Raises:
      ValueError: a field is missing, or the version is not supported.
    """
    version = fields.get("schema_version")
    if version != SCHEMA_VERSION:
      raise ValueError(
          f"{path}: schema version {version}, but this package reads {SCHEMA_VERSION}; "
          "convert the data set again")
    kind = fields.pop("kind", IMAGES)
    if kind not in (IMAGES, PHOTOMETRY):
      raise ValueError(f"{path}: a data set of {kind!r}; this package reads {IMAGES} and "
                       f"{PHOTOMETRY}")
    if kind == IMAGES and fields.get("photometry") is not None:
      raise ValueError(f"{path}: damaged (photometry in a data set of {IMAGES}); convert the data "
                       "set again")
    try:
      if kind == PHOTOMETRY:
        fields["photometry"] = PhotometryColumns.from_json(fields["photometry"])
      fields["shards"] = tuple(Shard(**shard) for shard in fields["shards"])
      fields["bands"] = tuple(fields["bands"])
      fields["image_shape"] = tuple(fields["image_shape"])
      fields["catalogs"] = tuple(fields["catalogs"])
      fields["extra_columns"] = tuple(fields.get("extra_columns", ()))
      fields["catalog_sha256"] = tuple(fields["catalog_sha256"])
      return cls(**fields)
    except (KeyError, TypeError) as error:
      raise ValueError(f"{path}: damaged ({error}); convert the data set again") from error


def _check_names(fields: Mapping[str, Any]) -> None:
  """Refuses names that would lead out of the folder, and values that no data set has."""
  for name in (*fields["catalogs"], *(shard["name"] for shard in fields["shards"])):
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
      raise ValueError(f"{name!r} is no plain file name")
  if fields["compression"] not in COMPRESSION_TYPES or fields["dtype"] not in DTYPES:
    raise ValueError(f"dtype {fields['dtype']!r}, compression {fields['compression']!r}")
  sides = fields["image_shape"]
  if not all(0 < side <= LARGEST_SIDE for side in sides) or len(sides) not in (0, 3):
    raise ValueError(f"image_shape is {sides}")
  if not fields["flux_divisor"] > 0 or any(
      shard["records"] < 0 or shard["bytes"] < 0 for shard in fields["shards"]):
    raise ValueError("a number is negative, or flux_divisor is 0")


def photometry_names(bands: Sequence[str],
                     photometry: PhotometryColumns | None) -> tuple[str, ...]:
  """Columns of the catalogue that hold the magnitudes and then the errors of all bands."""
  if photometry is None:
    return ()
  names = [magnitude_column(band) for band in bands]
  return (*names, *(error_column(band) for band in bands if photometry.errors))


def load_with_digest(folder: str, *, strict: bool = False) -> tuple[Manifest, str]:
  """The manifest, and the `digest` that was written with it ("" if none was).

  Args:
    folder: the data set's folder.
    strict: whether values of wrong types and impossible ones are refused.

  Raises:
    FileNotFoundError, ValueError: as in `Manifest.load`.
  """
  fields = _read(folder, strict)
  digest = str(fields.pop(_DIGEST, ""))
  return Manifest.from_fields(fields, os.path.join(folder, MANIFEST_NAME)), digest


def _read(folder: str, strict: bool) -> dict[str, Any]:
  """The fields of manifest.json."""
  path = os.path.join(folder, MANIFEST_NAME)
  try:
    if not storage.is_remote(path):
      plain_files.check(path)
    data = storage.read_bytes(path)
  except FileNotFoundError as error:
    raise FileNotFoundError(
        f"{path} is missing: {folder} is not a complete data set. Make one with "
        f"`python -m data_tools.make_tfrecords --output={folder}`") from error
  wrong = f"{path}: damaged ({{problem}}); convert the data set again"
  fields = json_files.parse(data, path, {}, wrong, own_digest=False)
  if strict and fields.get("schema_version") == SCHEMA_VERSION:  # else that is the message
    json_files.check(fields, _SCHEMA, wrong)
    try:
      _check_names(fields)
    except ValueError as error:
      raise ValueError(wrong.replace("{problem}", str(error))) from error
  return fields
