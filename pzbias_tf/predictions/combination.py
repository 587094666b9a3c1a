"""p(z) of several networks, combined into one p(z) per galaxy.

The mean keeps every peak that one network sees.  The harmonic mean keeps what all of them see: of
n networks, before it is normalised, it is at most n times the lowest p(z) of the bin.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np

from pzbias_tf.compat import plain_arrays

MEAN, HARMONIC = "mean", "harmonic"
COMBINATIONS = (MEAN, HARMONIC)

BY_MEAN = "combined_by_mean"
"""Column of harmonic means: whether the galaxy has the mean instead, see `harmonic_mean`."""


class Harmonic(NamedTuple):
  """Harmonic means.

  Attributes:
    pdf: probability of each bin [n, bins], in the type of the members.
    by_mean: [n] bool, the galaxies of which this is the mean.
  """

  pdf: np.ndarray
  by_mean: np.ndarray


def combine_pdfs(pdfs: Sequence[np.ndarray], how: str = MEAN) -> np.ndarray:
  """Combines the p(z) of the same galaxies by several networks.

  Args:
    pdfs: of each network the probability of each bin [n, bins], or densities on
      bins of one width; the same galaxies and bins in the same order.
    how: "mean", or "harmonic" for `harmonic_mean`.

  Returns:
    [n, bins], in the type of the members; with "harmonic", rows sum to 1.

  Raises:
    ValueError: there is no p(z), the shapes differ, a number is negative or not
      finite, or `how` is something else.
  """
  members = [plain_arrays.array(pdf, "p(z)") for pdf in pdfs]
  shapes = sorted({member.shape for member in members})
  if len(shapes) != 1 or len(shapes[0]) != 2:
    raise ValueError(f"p(z) of {len(members)} networks have the shapes {shapes}; pass [n, bins] of "
                     "one or several networks, with the same galaxies and bins")
  if not all(np.all(np.isfinite(member) & (member >= 0.0)) for member in members):
    raise ValueError("a p(z) has values that are negative or not finite; leave that galaxy out")
  if how not in COMBINATIONS:
    raise ValueError(f"how={how!r}: choose one of {', '.join(COMBINATIONS)}")
  stacked = np.stack(members)
  return _mean(stacked) if how == MEAN else harmonic_mean(stacked).pdf


def harmonic_mean(pdfs: np.ndarray) -> Harmonic:
  """The harmonic mean bin by bin, normalised.

  A bin where one network has 0 gets 0.  A galaxy that would have 0 in all bins,
  since its p(z) by the networks nowhere overlap, gets their mean instead: each
  network is sure, they contradict each other, and the mean says so.

  Args:
    pdfs: probability of each bin [networks, n, bins]; NaN stays NaN.
  """
  lowest = np.min(pdfs, axis=0).astype(np.float64)
  scale = lowest.max(axis=-1, keepdims=True)
  by_mean = scale[:, 0] == 0.0
  # n / sum(1 / p) = n lowest / sum(lowest / p), whose terms are at most 1: the smallest numbers
  # neither overflow nor vanish.
  terms = np.zeros_like(lowest)
  for pdf in pdfs:
    terms += np.divide(lowest, pdf, out=np.ones_like(lowest), where=pdf != 0.0)
  harmonic = lowest / np.where(scale == 0.0, 1.0, scale) / terms
  total = harmonic.sum(axis=-1, keepdims=True)
  combined = (harmonic / np.where(total == 0.0, 1.0, total)).astype(pdfs.dtype)
  combined[by_mean] = _mean(pdfs[:, by_mean])
  return Harmonic(combined, by_mean)


def _mean(pdfs):
  return np.mean(pdfs, axis=0, dtype=np.float64).astype(pdfs.dtype)
