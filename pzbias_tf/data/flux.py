"""The input scaling: from the flux of a batch to the values that the networks see."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping

import numpy as np
import tensorflow as tf

from pzbias_tf.choices import INPUT_SCALINGS

# Bands whose pixels differ by less than this fraction of the variance hold the same image.
MIN_EIGENVALUE = 1e-6


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

  The bands of a galaxy look alike: colour makes up only a few per cent of the
  scaled pixels' variance, but redshifts show in the colours.  Whitening gives
  every independent combination of bands the same variance, so that small
  networks learn colours from the first iterations on.

  Attributes:
    kind: "sqrt" or "sqrt_whitened".  The latter also divides the bands by their
      root mean squares over the pixels of training galaxies, and makes them
      independent by the inverse square root of their correlation matrix
      ("ZCA-cor" of Kessy et al. 2018, arXiv:1512.00809).
    band_matrix: the matrix that the bands are multiplied by, bands x bands; ()
      for "sqrt".
  """

  kind: str = "sqrt"
  band_matrix: tuple[tuple[float, ...], ...] = ()

  def __post_init__(self):
    if self.kind not in INPUT_SCALINGS:
      raise ValueError(f"no input scaling {self.kind!r}; choose one of {', '.join(INPUT_SCALINGS)}")
    if (self.kind == "sqrt_whitened") != bool(self.band_matrix):
      raise ValueError(f"input scaling {self.kind!r} with band_matrix={self.band_matrix}: "
                       "give a matrix for 'sqrt_whitened', and only there")
    if self.band_matrix:
      matrix = np.array(self.band_matrix)
      if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
        raise ValueError(f"band_matrix={self.band_matrix} must be a square matrix of finite "
                         "numbers; fit the scaling again")

  def __call__(self, flux: tf.Tensor) -> tf.Tensor:
    """Scales flux [..., band]; the result has its shape and dtype."""
    scaled = sqrt_scale(flux)
    if not self.band_matrix:
      return scaled
    return tf.tensordot(scaled, tf.constant(self.band_matrix, scaled.dtype), 1)

  def to_json(self) -> dict[str, Any]:
    """The scaling as JSON values."""
    return {"kind": self.kind, "band_matrix": [list(row) for row in self.band_matrix]}

  @classmethod
  def from_json(cls, fields: Mapping[str, Any]) -> InputScaling:
    """The inverse of `to_json`."""
    return cls(kind=fields["kind"], band_matrix=tuple(tuple(row) for row in fields["band_matrix"]))

  @classmethod
  def fit(cls, kind: str, flux: np.ndarray) -> InputScaling:
    """Measures a scaling on a sample of training images.

    Args:
      kind: "sqrt" or "sqrt_whitened".
      flux: flux, [galaxies, height, width, band].

    Returns:
      The scaling.

    Raises:
      ValueError: a band is empty, or two bands hold the same image.
    """
    if kind != "sqrt_whitened":
      return cls(kind)
    pixels = np.reshape(flux, [-1, flux.shape[-1]]).astype(np.float64)
    pixels = np.sign(pixels) * (np.sqrt(np.abs(pixels) + 1.0) - 1.0)
    # Moments about zero, not about the mean, so that the empty sky stays at zero.
    matrix = _whitening(pixels.T @ pixels / len(pixels))
    return cls(kind, tuple(tuple(row) for row in matrix.tolist()))


def _whitening(covariance: np.ndarray) -> np.ndarray:
  """W with W^T C W = 1, [band, band]; unlike eigenvectors, it has no free signs."""
  deviation = np.sqrt(np.diag(covariance))
  if not (deviation > 0).all():
    raise ValueError(f"the bands' root mean squares are {deviation.tolist()}; "
                     "is one band of the images empty?")
  values, vectors = np.linalg.eigh(covariance / np.outer(deviation, deviation))
  if values[0] < MIN_EIGENVALUE:
    raise ValueError("the bands of the images are not independent (smallest eigenvalue of their "
                     f"correlation matrix: {values[0]:.1e}); does the cube hold one band twice?")
  return (vectors / np.sqrt(values)) @ vectors.T / deviation[:, np.newaxis]
