"""The settings of a conversion."""

from __future__ import annotations

import dataclasses
from typing import Any

from data_tools.conversion.executors import choose
from pzbias_tf.choices import PIXEL_DTYPES
from pzbias_tf.data import augment
from pzbias_tf.data import manifest as manifest_lib

COMPRESSIONS = tuple(manifest_lib.COMPRESSION_TYPES)

_NOT_RECORDED = ("num_workers", "max_rejected", "runner", "runner_options")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConversionSettings:
  """What shapes a data set, besides its source.

  Attributes:
    seed: salt of the record order, the splits and the augmentation.
    split: fractions of train, validation and test; None follows what the survey
      published.
    validation_share: share of the training galaxies that validates instead, where the
      survey has hold-outs, but no validation set.
    augment_copies: records per training galaxy, 1 to 8.
    dtype: "float32" (exact) or "float16" (scaled by the survey's flux divisor).
    compression: of the shards, "none" or "gzip".
    shard_size_mb: size of a shard before compression, 1e6 bytes.
    max_r_mag: faintest r magnitude (AB) to convert; None for no limit.
    max_rejected: largest fraction of the objects that may be rejected; None for no limit.
    num_workers: number of processes; the bytes do not depend on it.
    runner: one of `runners.RUNNERS`, or "" for processes of this machine.
    runner_options: options of the Beam pipeline.
  """

  seed: int = 0
  split: tuple[float, float, float] | None = None
  validation_share: float = 0.0
  augment_copies: int = 1
  dtype: str = "float32"
  compression: str = "none"
  shard_size_mb: float = 150.0
  max_r_mag: float | None = None
  max_rejected: float | None = None
  num_workers: int = 1
  runner: str = ""
  runner_options: tuple[str, ...] = ()

  def __post_init__(self):
    self._check_data_set()
    self._check_processes()

  def recorded(self) -> dict[str, Any]:
    """The settings for the manifest: all that the bytes depend on."""
    fields = dataclasses.asdict(self)
    for name in _NOT_RECORDED:
      del fields[name]
    return fields

  def _check_data_set(self):
    if not 1 <= self.augment_copies <= augment.DIHEDRAL_ELEMENTS:
      raise ValueError(f"--augment_copies={self.augment_copies}: choose 1 to "
                       f"{augment.DIHEDRAL_ELEMENTS} copies per galaxy")
    if self.dtype not in PIXEL_DTYPES:
      raise ValueError(f"--dtype={self.dtype}: choose one of {', '.join(PIXEL_DTYPES)}")
    if self.compression not in COMPRESSIONS:
      raise ValueError(f"--compression={self.compression}: choose one of "
                       f"{', '.join(COMPRESSIONS)}")
    if not 0 <= self.validation_share < 1:
      raise ValueError(f"--validation_share={self.validation_share:g}: must be a fraction from 0 "
                       "to below 1")
    if self.max_rejected is not None and not 0 <= self.max_rejected <= 1:
      raise ValueError(f"--max_rejected={self.max_rejected:g}: must be a fraction from 0 to 1")

  def _check_processes(self):
    if self.shard_size_mb <= 0 or self.num_workers < 1:
      raise ValueError(
          f"--shard_size_mb={self.shard_size_mb:g} and --num_workers={self.num_workers} "
          "must be positive")
    choose.check_options(self.runner, self.num_workers, self.runner_options)
