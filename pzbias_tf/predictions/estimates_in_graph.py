"""`point_estimates` and the flags of `TrainingDomain` in TensorFlow operations.

A SavedModel holds them, so that its numbers are those of our own predictions, to float rounding.
"""

from __future__ import annotations

import functools
from typing import Mapping, Sequence

import numpy as np
import tensorflow as tf

from pzbias_tf.predictions.domain import (
  EDGE_BINS,
  EDGE_PROBABILITY,
  FLAGS,
  PEAK_OFFSET,
  PLATEAU,
  TrainingDomain,
)
from pzbias_tf.predictions.estimates import INTERVALS, loss_table
from pzbias_tf.predictions.input_ranges import (
  MEASURED,
  SMALLEST,
  Ranges,
  from_columns,
)

NO_ESTIMATE = 32
"""The flag of a galaxy whose estimates are NaN; none of FLAGS, since arrays and data sets with
such galaxies are refused."""

_TINY = np.finfo(np.float32).tiny
_LOSS_ERROR = 1e-8  # of a loss between 0 and 1: less than float32 resolves
_HIGHEST_RANK = 300


def estimates_in_graph(edges: np.ndarray, pdf: tf.Tensor, *,
                       risk_type: tf.DType = tf.float64) -> dict[str, tf.Tensor]:
  """`estimates.point_estimates` in TensorFlow operations.

  Args:
    edges: edges of the redshift bins [bins + 1].
    pdf: probability of each bin [n, bins] float32.
    risk_type: type of the products that give "zbest".  On a CPU float32 does and takes half the
      time; GPUs round it to the 11 bits of TF32, which would move the estimate.

  Returns:
    The same columns, [n] float64; NaN where p(z) is not finite.
  """
  edges = np.asarray(edges, np.float64)
  centers = tf.constant(0.5 * (edges[:-1] + edges[1:]))
  precise = tf.cast(pdf, tf.float64)
  cdf = tf.cumsum(precise, axis=-1)
  reached = _quantiles(edges, precise, cdf, [0.5, *INTERVALS.values()])
  finite = tf.math.is_finite(cdf[:, -1])  # argmax takes NaN for the first bin
  return {name: tf.where(finite, values, np.nan) for name, values in {
      "zmode": tf.gather(centers, tf.argmax(pdf, axis=-1)),
      "zmean": tf.linalg.matvec(precise, centers), "zmedian": reached[0],
      "zbest": tf.gather(centers, tf.argmin(_risk(edges, pdf, risk_type), axis=-1)),
      **dict(zip(INTERVALS, reached[1:]))}.items()}


def flags_in_graph(domain: TrainingDomain, r_mag: tf.Tensor, measured: Mapping[str, tf.Tensor],
                   pdf: tf.Tensor) -> tf.Tensor:
  """`TrainingDomain.flags` in TensorFlow operations.

  Args:
    domain: the ranges of the training galaxies.
    r_mag: r magnitudes [n] float32.
    measured: as `TrainingDomain.flags` takes it.
    pdf: probability of each bin [n, bins] float32.

  Returns:
    [n] int32: sums of FLAGS; NO_ESTIMATE where p(z) is not finite.
  """
  reasons = {"magnitude": _outside(r_mag, *domain.r_mag), "p(z) at edge": _piled_up(pdf),
             "other input": _are_other(domain.input, r_mag, measured)}
  if "magnitudes" in measured:
    magnitudes = tf.cast(measured["magnitudes"], tf.float64)
    colours = magnitudes[:, :-1] - magnitudes[:, 1:]
    known = tf.math.is_finite(colours)
  else:
    colours = _colours(measured["aperture_flux"], domain.softening)
    known = tf.ones_like(colours, tf.bool)
    reasons["off-centre"] = measured["peak_offset"] > max(PEAK_OFFSET, domain.peak_offset)
    reasons["saturated"] = measured["plateau"] >= PLATEAU
  reasons["colour"] = tf.reduce_any(_outside(colours, *zip(*domain.colours)) & known, axis=-1)
  flags = tf.add_n([FLAGS[reason] * tf.cast(is_so, tf.int32) for reason, is_so in reasons.items()])
  finite = tf.math.is_finite(tf.reduce_sum(pdf, axis=-1))
  return tf.where(finite, flags, NO_ESTIMATE)


def _quantiles(edges: np.ndarray, pdf: tf.Tensor, cdf: tf.Tensor,
               levels: Sequence[float]) -> list[tf.Tensor]:
  """`estimates.quantiles`, one [n] float64 per level."""
  reached = cdf[:, -1:] * tf.constant([levels], tf.float64)
  # Where p(z) is not finite, the place may lie beyond the last bin.
  upper = tf.minimum(tf.searchsorted(cdf, reached), len(edges) - 2)
  inside = tf.maximum(tf.gather(pdf, upper, axis=1, batch_dims=1), _TINY)
  fraction = 1.0 - (tf.gather(cdf, upper, axis=1, batch_dims=1) - reached) / inside
  found = tf.gather(tf.constant(edges), upper) + fraction * tf.gather(
      tf.constant(np.diff(edges)), upper)
  return tf.unstack(found, axis=1)


def _risk(edges: np.ndarray, pdf: tf.Tensor, risk_type: tf.DType) -> tf.Tensor:
  """The expected loss of each estimate [n, bins], by two thin products instead of a square one."""
  narrow, wide = _loss_factors(edges.tobytes())
  return tf.matmul(tf.matmul(tf.cast(pdf, risk_type), tf.constant(narrow, risk_type)),
                   tf.constant(wide, risk_type))


@functools.lru_cache(maxsize=2)
def _loss_factors(edges: bytes) -> tuple[np.ndarray, np.ndarray]:
  """[bins, rank] and [rank, bins] float64, whose product is the loss of `estimates.lowest_risk`.

  The loss is smooth, and so of low rank: 21 for 180 bins, 216 for 2500.  Random combinations of its
  columns span it (Halko et al. 2011, SIAM Review 53, 217).
  """
  loss = loss_table(np.frombuffer(edges))
  random = np.random.default_rng(0).normal(size=(len(loss), min(len(loss), _HIGHEST_RANK)))
  basis, _ = np.linalg.qr(loss @ random)
  left, strengths, right = np.linalg.svd(basis.T @ loss, full_matrices=False)
  rank = max(1, int(np.count_nonzero(strengths > _LOSS_ERROR)))  # the next strength is the error
  return basis @ (left[:, :rank] * strengths[:rank]), right[:rank]


def _outside(values: tf.Tensor, low: float | Sequence[float],
             high: float | Sequence[float]) -> tf.Tensor:
  values = tf.cast(values, tf.float64)
  return ~((values >= tf.constant(low, tf.float64)) & (values <= tf.constant(high, tf.float64)))


def _colours(flux: tf.Tensor, softening: Sequence[float]) -> tf.Tensor:
  """Colours of neighbouring bands [n, bands - 1] float64, in asinh magnitudes."""
  scaled = tf.cast(flux, tf.float64) / (2.0 * tf.constant(softening, tf.float64))
  mag = -2.5 / np.log(10.0) * tf.asinh(scaled)
  return mag[:, :-1] - mag[:, 1:]


def _piled_up(pdf: tf.Tensor) -> tf.Tensor:
  bins = max(1, round(EDGE_BINS * pdf.shape[1]))
  ends = [tf.reduce_sum(part, axis=-1) for part in (pdf[:, :bins], pdf[:, -bins:])]
  return tf.maximum(*ends) > EDGE_PROBABILITY


def _are_other(ranges: Ranges, r_mag: tf.Tensor, measured: Mapping[str, tf.Tensor]) -> tf.Tensor:
  """`input_ranges.are_other`, [n] bool."""
  own = {name: tf.cast(measured[name], tf.float64) for name in MEASURED if name in measured}
  log10 = lambda values: tf.math.log(tf.where(values > SMALLEST, values, np.nan)) / np.log(10.0)
  found = from_columns(tf.cast(r_mag, tf.float64)[:, tf.newaxis], own, log10,
                       lambda flux: tf.reduce_sum(flux, 1, keepdims=True))
  other = tf.zeros(tf.shape(r_mag), tf.bool)
  for name in sorted(set(found) & set(ranges)):
    low, high = (tf.constant(ends, tf.float64) for ends in zip(*ranges[name]))
    outside = (found[name] < low) | (found[name] > high)
    other |= tf.reduce_any(tf.math.is_finite(found[name]) & outside, 1)
  return other
