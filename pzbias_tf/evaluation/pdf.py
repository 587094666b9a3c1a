"""Metrics of redshift PDFs: CRPS, PIT and its distances from uniform, CDE loss.

A PDF is given as the probabilities of the redshift bins, as a softmax returns
them; densities must be multiplied by the bin width first.  Both grids of a
survey are accepted and told apart by the number of bins: the one of Baseline to
Step 2, and the extended one of Step 3.
"""

from __future__ import annotations

from typing import Iterator, NamedTuple

import numpy as np

from pzbias_tf.bias import checks
from pzbias_tf.survey import Survey

_CHUNK = 4096  # galaxies at a time: 80 MB of float64 at 2500 bins
_SUM_TOLERANCE = 1e-3
_AD_CLIP = 1e-6


class PitDistances(NamedTuple):
  """Distances of PIT values from the uniform distribution; 0 is the best.

  Attributes:
    ks: Kolmogorov-Smirnov, max abs(F_n(u) - u), in [0, 1].
    cvm: Cramer-von Mises, n x integral of (F_n(u) - u)^2 du.
    ad: Anderson-Darling, n x integral of (F_n(u) - u)^2 / (u (1 - u)) du, of
      values clipped to [1e-6, 1 - 1e-6] since it is infinite at 0 and 1.
  """

  ks: float
  cvm: float
  ad: float


def _extended(probabilities, survey):
  """Whether PDFs are on the extended grid."""
  if probabilities.ndim != 2 or probabilities.shape[1] not in (
      survey.bins, survey.bins_extended):
    raise ValueError(
        f"probabilities must have shape [n, {survey.bins}] or [n, {survey.bins_extended}] "
        f"for survey {survey.name!r}, got {list(probabilities.shape)}; pass the survey with "
        "the number of bins of the predictions")
  return probabilities.shape[1] != survey.bins


def _chunks(
    probabilities: np.ndarray, z_spec: np.ndarray,
    survey: Survey) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
  """Yields (PDFs, bin of z_spec, place of z_spec within its bin) a few at a time.

  z_spec's bin is that of the un-extended grid, clipped to it, also where the
  PDFs are on the extended grid.
  """
  probabilities = np.asarray(probabilities)
  (z_spec,) = checks.columns(z_spec=z_spec)
  left = survey.extension[0] if _extended(probabilities, survey) else 0
  if len(probabilities) != z_spec.size:
    raise ValueError(
        f"probabilities are given for {len(probabilities)} galaxies and z_spec for "
        f"{z_spec.size}; pass the same galaxies")
  own_bin = survey.redshift_bin(z_spec)
  place = np.clip((z_spec - survey.z_min) / survey.bin_width - own_bin, 0.0, 1.0)
  for start in range(0, z_spec.size, _CHUNK):
    part = slice(start, start + _CHUNK)
    pdf = np.asarray(probabilities[part], np.float64)
    _check_sums(pdf, start)
    yield pdf, own_bin[part] + left, place[part]


def _check_sums(pdf, start):
  """Refuses rows that are no probabilities."""
  good = np.abs(pdf.sum(axis=1) - 1.0) <= _SUM_TOLERANCE
  good &= np.all(pdf >= 0.0, axis=1)  # False for NaN as well
  if not good.all():
    first = int(np.argmin(good))
    raise ValueError(
        f"probabilities of galaxy {start + first} sum to {pdf[first].sum()} or hold "
        "negative or missing values; pass probabilities of bins (densities x bin width)")


def crps(probabilities: np.ndarray, z_spec: np.ndarray, survey: Survey) -> float:
  """Continuous ranked probability score (Lin et al. 2022), smaller is better.

  Mean over galaxies of sum over bins of (CDF - step)^2 x bin width, where CDF
  counts the bin itself and the step is 1 from z_spec's bin on.

  Args:
    probabilities: [n, bins] or [n, bins_extended], each row summing to 1.
    z_spec: spectroscopic redshifts, [n]; clipped to the un-extended grid.
    survey: the survey.

  Returns:
    The score, in redshift.

  Raises:
    ValueError: shapes do not match, a row is no distribution, or z_spec is
      empty or not finite.
  """
  total, size = 0.0, 0
  for pdf, own_bin, _ in _chunks(probabilities, z_spec, survey):
    step = np.arange(pdf.shape[1]) >= own_bin[:, None]
    total += np.sum((np.cumsum(pdf, axis=1) - step) ** 2)
    size += len(pdf)
  return float(total * survey.bin_width / size)


def pit(probabilities: np.ndarray, z_spec: np.ndarray, survey: Survey) -> np.ndarray:
  """Probability integral transform: the CDF at z_spec.

  The CDF is linear within a bin, so that PIT values of a calibrated PDF are
  uniform even where a PDF fills few bins.

  Args:
    probabilities: [n, bins] or [n, bins_extended], each row summing to 1.
    z_spec: spectroscopic redshifts, [n].
    survey: the survey.

  Returns:
    [n] float64 in [0, 1].

  Raises:
    ValueError: as `crps`.
  """
  values = []
  for pdf, own_bin, place in _chunks(probabilities, z_spec, survey):
    galaxy = np.arange(len(pdf))
    inside = pdf[galaxy, own_bin]
    below = np.cumsum(pdf, axis=1)[galaxy, own_bin] - inside
    values.append(np.clip(below + place * inside, 0.0, 1.0))
  return np.concatenate(values)


def pit_distances(values: np.ndarray) -> PitDistances:
  """Distances of PIT values from the uniform distribution.

  Args:
    values: PIT values, [n], in [0, 1].

  Returns:
    Kolmogorov-Smirnov, Cramer-von Mises and Anderson-Darling statistics.

  Raises:
    ValueError: the column is empty, not finite, or outside [0, 1].
  """
  (values,) = checks.columns(pit=values)
  if values.min() < 0.0 or values.max() > 1.0:
    raise ValueError(
        f"pit spans [{values.min()}, {values.max()}]; pass the values that pit() returns, "
        "in [0, 1]")
  ranked, size = np.sort(values), values.size
  rank = np.arange(1, size + 1)
  ks = max(np.max(rank / size - ranked), np.max(ranked - (rank - 1) / size))
  odd = 2 * rank - 1
  cvm = 1.0 / (12 * size) + np.sum((odd / (2 * size) - ranked) ** 2)
  inner = np.clip(ranked, _AD_CLIP, 1.0 - _AD_CLIP)
  ad = -size - np.mean(odd * (np.log(inner) + np.log1p(-inner[::-1])))
  return PitDistances(ks=float(ks), cvm=float(cvm), ad=float(ad))


def cde_loss(probabilities: np.ndarray, z_spec: np.ndarray, survey: Survey) -> float:
  """Conditional density estimation loss (Izbicki & Lee 2016), smaller is better.

  Mean of integral p(z)^2 dz - 2 p(z_spec), with the density constant within a
  bin; up to a constant, the mean square error of the density.

  Args:
    probabilities: [n, bins] or [n, bins_extended], each row summing to 1.
    z_spec: spectroscopic redshifts, [n]; clipped to the un-extended grid.
    survey: the survey.

  Returns:
    The loss, in 1 / redshift; may be negative.

  Raises:
    ValueError: as `crps`.
  """
  total, size = 0.0, 0
  for pdf, own_bin, _ in _chunks(probabilities, z_spec, survey):
    total += np.sum(pdf ** 2) - 2.0 * np.sum(pdf[np.arange(len(pdf)), own_bin])
    size += len(pdf)
  return float(total / survey.bin_width / size)
