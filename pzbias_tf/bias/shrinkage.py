"""Shrinking of Step 4's corrections: a cell is corrected by what its galaxies prove, not by noise.

The mean residual of a cell is its bias plus noise, and in a cell of few galaxies it is mostly
noise.  Empirical Bayes tells how much of it to believe:

  mean = bias + noise                     (the noise has the mean's standard error)
  bias = bias of the neighbours + own     (prior variance of `own` from all cells)
  bias of the neighbours                  (prior mean 0, prior variance from all cells)

So a cell of many galaxies keeps its mean; one of few goes to the mean of its neighbours in
z_photo and magnitude, and where that is noise as well, to 0.  No prior is set by hand: where the
means of all cells scatter no more than their errors, both prior variances are 0, and so is every
correction.

Source of the method: Efron & Morris 1975 (empirical Bayes, limited translation).  Not in the
paper, which subtracts every mean as it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pzbias_tf import cells

SURE = 3.0
"""A correction is significant where it exceeds so many times its error."""

_WIDTHS = (1.5, 1.0)  # of the kernel of neighbours: wide bins, magnitude rows
_PSEUDO_COUNT = 10.0  # galaxies; the scatter of a cell of fewer is mostly that of all cells
_LIMIT = 3.0  # errors by which a mean is moved at most, so that a cell unlike all others stays so
_MEDIAN = 0.4549364  # of the chi-square distribution with one degree of freedom
_PASSES = 4  # the weights of neighbours depend on the prior variance, and that on them
_HALVINGS = 60
_TINY = 1e-20  # variance in redshift squared, against division by 0


class _Normal(NamedTuple):
  """Normal distributions, one per cell [WIDE_CELLS, rows]; the variance is infinite if unknown."""

  mean: np.ndarray
  variance: np.ndarray


def shrink_means(means: cells.Means) -> cells.Means:
  """Shrinks the mean of each cell by its own error.

  Args:
    means: means of the cells, [WIDE_CELLS, rows] each.

  Returns:
    The expected biases and their standard errors, with the cells' own weights and
    counts; 0 everywhere if the bias of no cell is significant (SURE).  Empty cells
    stay empty.
  """
  filled = means.count > 0
  measured = _Normal(np.nan_to_num(means.mean), _variances(means))
  own_variance = 0.0
  for _ in range(_PASSES):
    around = _neighbours(measured, own_variance)
    known = filled & np.isfinite(around.variance)
    apart = _Normal(measured.mean - around.mean, measured.variance + around.variance)
    own_variance = _prior_variance(apart, known, means.count)
  around = _posterior(around, _Normal(np.zeros_like(around.mean), np.full_like(
      around.mean, _prior_variance(around, known, means.count))))
  bias = _posterior(measured, _Normal(around.mean, around.variance + own_variance))
  bias = _limited(bias, measured, means.count > _PSEUDO_COUNT)
  mean, error = bias.mean, np.sqrt(bias.variance)
  if not np.any(filled & (np.abs(mean) > SURE * error)):
    mean, error = np.zeros_like(mean), np.zeros_like(error)
  return means._replace(mean=np.where(filled, mean, np.nan), error=np.where(filled, error, np.nan))


def _variances(means):
  """Variance of each cell's mean, [WIDE_CELLS, rows]; infinite in empty cells.

  The variance of the galaxies of a cell is that of _PSEUDO_COUNT galaxies of all cells and of
  its own ones: the scatter of a few galaxies is too uncertain to judge their mean by.
  """
  number, freedom = np.maximum(means.count, 1), np.maximum(means.count - 1, 0)
  if not freedom.any():  # no cell tells how galaxies scatter
    return np.full(means.count.shape, np.inf)
  own = np.where(freedom > 0, np.nan_to_num(means.error) ** 2 * number, 0.0)
  common = np.sum(freedom * own) / freedom.sum()
  blended = (freedom * own + _PSEUDO_COUNT * common) / (freedom + _PSEUDO_COUNT)
  return np.where(means.count > 0, blended / number, np.inf)


def _neighbours(measured, own_variance):
  """Mean of the cells around each one, without its own; weights are inverse variances."""
  kernels = [_kernel(size, width) for size, width in zip(measured.mean.shape, _WIDTHS)]
  for outer in (cells.UNDERFLOW, cells.OVERFLOW):  # have no width: apart from the wide bins
    kernels[0][outer, :] = kernels[0][:, outer] = np.arange(cells.WIDE_CELLS) == outer
  variance = np.maximum(measured.variance + own_variance, _TINY)
  weight = 1.0 / variance

  def around(values, power=1):
    return kernels[0] ** power @ values @ kernels[1] ** power - values

  total = around(weight)
  known = total > 1e-9 * weight.max()
  safe = np.where(known, total, 1.0)
  squares = around(np.where(weight > 0.0, weight, 0.0), 2)
  return _Normal(np.where(known, around(weight * measured.mean) / safe, 0.0),
                 np.where(known, squares / safe ** 2, np.inf))


def _kernel(size, width):
  """Weight of each cell in the mean of every other along one axis, [size, size]."""
  cell = np.arange(size)
  return np.exp(-0.5 * ((cell[:, None] - cell) / width) ** 2)


def _prior_variance(measured, known, count):
  """Variance of the true values behind measured ones, from their scatter beyond their errors.

  It makes the median of mean^2 / (prior variance + variance) that of a chi-square; the
  median, over galaxies, is deaf to a few cells with a large bias.
  """
  square, variance, weight = measured.mean[known] ** 2, measured.variance[known], count[known]
  if not square.size:
    return 0.0

  def median(prior):
    ratio = square / np.maximum(prior + variance, _TINY)
    order = np.argsort(ratio)
    reached = np.cumsum(weight[order])
    return ratio[order][np.searchsorted(reached, 0.5 * reached[-1])]

  lower, upper = 0.0, square.max() / _MEDIAN
  if median(lower) <= _MEDIAN:
    return 0.0
  for _ in range(_HALVINGS):
    middle = 0.5 * (lower + upper)
    lower, upper = (middle, upper) if median(middle) > _MEDIAN else (lower, middle)
  return 0.5 * (lower + upper)


def _posterior(measured, prior):
  """What a measurement and a prior say together; the one that is known if the other is not."""
  total = measured.variance + prior.variance
  both = np.isfinite(total)
  safe = np.where(both, np.maximum(total, _TINY), 1.0)
  share = np.where(both, np.where(both, prior.variance, 0.0) / safe, np.isinf(prior.variance))
  variance = np.where(both, share * np.where(both, measured.variance, 0.0), np.minimum(
      measured.variance, prior.variance))
  return _Normal(prior.mean + share * (measured.mean - prior.mean), variance)


def _limited(bias, measured, crowded):
  """The bias, not farther than _LIMIT errors from the measured mean (limited translation).

  Only in `crowded` cells: the mean of a few galaxies may be far off by a single outlier.
  """
  error = np.sqrt(np.where(crowded, measured.variance, 0.0))
  limited = np.clip(bias.mean, measured.mean - _LIMIT * error, measured.mean + _LIMIT * error)
  moved = crowded & (limited != bias.mean)
  return _Normal(np.where(moved, limited, bias.mean), np.where(moved, error ** 2, bias.variance))
