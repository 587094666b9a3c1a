"""The input scaling: from flux to what the networks see."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping

import numpy as np
import tensorflow as tf

KINDS = ("sqrt", "sqrt_per_band")


def sqrt_scale(flux: tf.Tensor) -> tf.Tensor:
  """sign(x) (sqrt(|x| + 1) - 1): linear for faint, square root for bright flux.

  Args:
    flux: any shape, float.

  Returns:
    The scaled flux, same shape and dtype (Lin et al. 2022, Section 3.1).
  """
  return tf.sign(flux) * (tf.sqrt(tf.abs(flux) + 1.0) - 1.0)


@dataclasses.dataclass(frozen=True)
class InputScaling:
  """How flux is scaled before the first layer; stored with the run.

  Attributes:
    kind: "sqrt", or "sqrt_per_band": each band is also divided by its standard
      deviation over training galaxies, which lets small networks learn faster.
    band_std: those standard deviations [bands]; () for "sqrt".
  """

  kind: str = "sqrt"
  band_std: tuple[float, ...] = ()

  def __post_init__(self):
    if self.kind not in KINDS:
      raise ValueError(f"no input scaling {self.kind!r}; choose one of {', '.join(KINDS)}")
    if (self.kind == "sqrt_per_band") != bool(self.band_std):
      raise ValueError(f"input scaling {self.kind!r} with band_std={self.band_std}: "
                       "standard deviations belong to 'sqrt_per_band', and only there")
    if any(not np.isfinite(std) or std <= 0 for std in self.band_std):
      raise ValueError(f"a band's standard deviation is not positive: {self.band_std}; "
                       "is one band of the images empty?")

  def __call__(self, flux: tf.Tensor) -> tf.Tensor:
    """Scales [..., band] flux."""
    scaled = sqrt_scale(flux)
    return scaled / tf.constant(self.band_std, scaled.dtype) if self.band_std else scaled

  def to_json(self) -> dict[str, Any]:
    """The scaling as JSON values."""
    return {"kind": self.kind, "band_std": list(self.band_std)}

  @classmethod
  def from_json(cls, fields: Mapping[str, Any]) -> InputScaling:
    """The inverse of `to_json`."""
    return cls(kind=fields["kind"], band_std=tuple(fields["band_std"]))

  @classmethod
  def fit(cls, kind: str, flux: np.ndarray) -> InputScaling:
    """Measures a scaling on a sample of training images.

    Args:
      kind: "sqrt" or "sqrt_per_band".
      flux: [galaxies, height, width, band], flux.
    """
    if kind != "sqrt_per_band":
      return cls(kind)
    scaled = np.sign(flux) * (np.sqrt(np.abs(flux) + 1.0) - 1.0)
    return cls(kind, tuple(float(std) for std in scaled.std(axis=(0, 1, 2), dtype=np.float64)))
