"""What a report says of a data set; runs keep it, since they may outlive their data set."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Mapping

from pzbias_tf.data.galaxy_origin import GalaxyOrigin, origin_of_record, simulation_record
from pzbias_tf.data.manifest import Manifest

R_FROM_IMAGE = "(image)"
"""In place of a column: r magnitudes are sums of the image's r band."""

_SHOWN_DIGITS = 16  # of a digest


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataSetFacts:
  """Facts of a data set.

  Attributes:
    name: name of its folder.
    survey: the survey that it was converted as.
    kind: "images" or "photometry".
    image_shape: (height, width, bands); () of photometry.
    galaxies: number of galaxies.
    training: number of training galaxies, without augmented copies.
    bytes: size of all its shards; 0 of photometry.
    digest: SHA-256 of its manifest.
    source: name of the file or folder that it was made from.
    reference: the source's column of photometric redshifts, "" for none or several.
    simulated: record of the simulation; None for none.
    named_columns: {role: column} of r and E(B-V) where the user named them in the conversion, or
      R_FROM_IMAGE.
  """

  name: str
  survey: str
  kind: str
  image_shape: tuple[int, ...]
  galaxies: int
  training: int
  bytes: int
  digest: str
  source: str
  reference: str = ""
  simulated: Mapping[str, Any] | None = None
  named_columns: Mapping[str, str] = dataclasses.field(default_factory=dict)

  @classmethod
  def of(cls, manifest: Manifest, folder: str) -> DataSetFacts:
    """The facts of a data set.

    Args:
      manifest: its manifest.
      folder: its folder.
    """
    return cls(
        name=os.path.basename(os.path.normpath(folder)), survey=manifest.survey,
        kind=manifest.kind, image_shape=tuple(manifest.image_shape),
        galaxies=manifest.galaxies.get("written", 0),
        training=manifest.records("train") // manifest.augment_copies,
        bytes=sum(shard.bytes for shard in manifest.shards), digest=manifest.digest(),
        source=os.path.basename(os.path.normpath(str(manifest.source.get("path", "")))),
        reference=_reference(manifest), simulated=_simulation(manifest),
        named_columns=dict(manifest.source.get("named_columns", {})))

  @classmethod
  def from_json(cls, fields: Mapping[str, Any]) -> DataSetFacts:
    """The inverse of `to_json`; facts of later versions are left out."""
    known = {field.name for field in dataclasses.fields(cls)}
    own = {name: value for name, value in fields.items() if name in known}
    return cls(**{**own, "image_shape": tuple(own["image_shape"])})

  def to_json(self) -> dict[str, Any]:
    """The facts as JSON values."""
    return {**dataclasses.asdict(self), "image_shape": list(self.image_shape)}

  @property
  def origin(self) -> GalaxyOrigin:
    """Whether the galaxies are real."""
    return origin_of_record(self.simulated, f"{self.kind} of {self.source or 'a survey'}")

  def in_words(self) -> str:
    """Name, size and digest, in one line."""
    pixels = " x ".join(map(str, self.image_shape[:2]))
    size = (f"{self.kind} of {pixels} pixels in {self.image_shape[2]} bands, "
            f"{self.bytes / 1e6:,.0f} MB" if self.image_shape else self.kind)
    return (f"{self.name}: {self.galaxies:,} galaxies, {size}, digest "
            f"{self.digest[:_SHOWN_DIGITS]}")


def _simulation(manifest: Manifest) -> Mapping[str, Any] | None:
  """The record of the simulation of a data set; None for none.

  Of data sets that were converted before conversions looked for it, it is that beside the source.
  """
  return manifest.source.get("simulated") or simulation_record(
      str(manifest.source.get("path", "")))


def _reference(manifest: Manifest) -> str:
  """The source's column of photometric redshifts; "" for none, and for several."""
  columns = manifest.source.get("columns", {})
  tables = [own for own in columns.values() if isinstance(own, Mapping)] or [columns]
  names = {own.get("z_photo", "") for own in tables}  # tables of a source may differ
  return " or ".join(sorted(name for name in names if name and "," not in name))
