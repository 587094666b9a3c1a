"""Dispersion of each redshift output: the scatter of its estimates, in bins.

It is the width sigma_k of the Gaussian that best turns the distribution of
z_photo into that of z_spec.  Step 3 softens its labels by this width, and the
metrics smooth their variances with it.

Source: Lin et al. 2022 (Step 3, soft labels).
"""

from __future__ import annotations

import functools

from absl import logging
import numpy as np
from scipy import optimize

from pzbias_tf import arguments, cells
from pzbias_tf.bias import channels
from pzbias_tf.choices import SEARCHES
from pzbias_tf.survey import Survey

MAX_DISPERSION = 1000.0
"""Upper limit of the search, in bins."""

EMPTY_DISPERSION = 1.0
"""Dispersion of an output without galaxies, in bins."""

FLAT_NATS = 0.01
"""A minimum is flat if a width more than `FLAT_FACTOR` times as large is worse by at most this."""

FLAT_FACTOR = 2.0
WIDE_SHARE = 0.25
"""A dispersion above this share of the grid says little about the estimates."""

_CLIP = 1e-5
# Below 0.2 bins the kernel is smaller than _CLIP in the next bin, so nothing changes.
_COARSE = np.concatenate([[0.0], np.geomspace(0.15, MAX_DISPERSION, 240)])
_MINIMA = 4
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


def density(
    z: np.ndarray, r_mag: np.ndarray, survey: Survey, *,
    weights: np.ndarray | None = None) -> np.ndarray:
  """Histogram of galaxies over (redshift bin, magnitude row).

  Args:
    z: redshifts, spectroscopic or photometric, [n]; those off the un-extended
      grid count in the edge bins.
    r_mag: r magnitudes, [n]; those off the grid count in the edge rows.
    survey: the survey.
    weights: weight of each galaxy, [n], not negative; 1 unless given.

  Returns:
    [bins, rows] float64, summing to 1.

  Raises:
    ValueError: the columns differ in length, are empty, or not finite, or the
      weights are not valid.
  """
  weights, z, r_mag = arguments.weighted_columns(weights, z=z, r_mag=r_mag)
  return cells.cell_counts(z, r_mag, survey, weights) / weights.sum()


def dispersion_cross_entropy(sigma: float, x: np.ndarray, y: np.ndarray) -> float:
  """Cross-entropy of y with x blurred by a Gaussian of width `sigma`.

  It is -sum_i y(i) log clip(sum_i' x(i') G(i; i', sigma), 1e-5, 1 - 1e-5), where
  G(l; i', sigma) is exp(-(l - i')^2 / 2 sigma^2) normalised over the bins l.

  Args:
    sigma: dispersion in bins, in [0, 1000]; 0 leaves x as it is.
    x: distribution of z_photo over redshift bins, [bins], summing to 1.
    y: distribution of z_spec over redshift bins, [bins], summing to 1.

  Returns:
    The cross-entropy, in nats.

  Raises:
    ValueError: sigma is out of its range, or x and y are not columns of the same
      length.
  """
  if not 0.0 <= sigma <= MAX_DISPERSION:
    raise ValueError(f"sigma must be in [0, {MAX_DISPERSION:g}] bins, got {sigma}")
  x, y = arguments.columns(x=x, y=y)
  return _cross_entropy(sigma, x, y)


def _cross_entropy(sigma, x, y):
  """`dispersion_cross_entropy` without the checks."""
  bins = x.size
  # The kernel depends on l - i' alone, so 2 bins - 1 values hold all of it.
  # At 1e-3 bins it is already the identity; a smaller width could divide by zero.
  kernel = np.exp(-0.5 * (np.arange(1 - bins, bins) / max(sigma, 1e-3)) ** 2)
  total = np.concatenate([[0.0], np.cumsum(kernel)])
  # Sum over l in [0, bins) of the kernel centred on i'.
  norm = total[bins:][::-1] - total[:bins][::-1]
  blurred = np.convolve(kernel, x / norm, mode="valid")
  return -float(y @ np.log(np.clip(blurred, _CLIP, 1.0 - _CLIP)))


def fit_dispersion(x: np.ndarray, y: np.ndarray) -> float:
  """Finds the dispersion with the lowest cross-entropy of all.

  The cross-entropy can have several minima.  They are found on a grid that is
  even in log(sigma); golden-section searches refine the best few.

  Args:
    x: distribution of z_photo over redshift bins, [bins], summing to 1.
    y: distribution of z_spec over redshift bins, [bins], summing to 1.

  Returns:
    sigma in [0, 1000] bins.

  Raises:
    ValueError: x and y are not columns of the same length.
  """
  x, y = arguments.columns(x=x, y=y)
  values = np.array([_cross_entropy(sigma, x, y) for sigma in _COARSE])
  padded = np.concatenate([[np.inf], values, [np.inf]])
  minima = np.flatnonzero((values <= padded[:-2]) & (values <= padded[2:]))
  best, least = _COARSE[np.argmin(values)], values.min()
  for at in minima[np.argsort(values[minima], kind="stable")][:_MINIMA]:
    lower, upper = _COARSE[max(at - 1, 0)], _COARSE[min(at + 1, _COARSE.size - 1)]
    sigma, value = _golden_section(lambda s: _cross_entropy(s, x, y), lower, upper)
    if value < least:
      best, least = sigma, value
  return float(best)


def _golden_section(function, lower, upper, steps=40):
  """(position, value) of a function's minimum on [lower, upper], by golden sections."""
  inner = [upper - _GOLDEN * (upper - lower), lower + _GOLDEN * (upper - lower)]
  values = [function(point) for point in inner]
  for _ in range(steps):
    if values[0] <= values[1]:
      upper = inner[1]
      inner, values = [upper - _GOLDEN * (upper - lower), inner[0]], [None, values[0]]
      values[0] = function(inner[0])
    else:
      lower = inner[0]
      inner, values = [inner[1], lower + _GOLDEN * (upper - lower)], [values[1], None]
      values[1] = function(inner[1])
  least = int(values[1] < values[0])
  return inner[least], values[least]


def output_distributions(density_by_row: np.ndarray, survey: Survey) -> np.ndarray:
  """Redshift distribution of each output, from the histogram by magnitude row.

  Args:
    density_by_row: [bins, rows], as `density` returns it.
    survey: the survey.

  Returns:
    [outputs, bins] float64; each output sums to 1, or to 0 where its magnitude
    rows hold no galaxies.
  """
  distributions = (density_by_row @ channels.row_membership(survey)).T
  totals = distributions.sum(axis=1, keepdims=True)
  return distributions / np.where(totals > 0, totals, 1.0)


def fit_dispersions(
    z_spec: np.ndarray, z_photo: np.ndarray, r_mag: np.ndarray, survey: Survey, *,
    weights: np.ndarray | None = None, search: str = "published") -> np.ndarray:
  """Fits the dispersion of every output.

  Args:
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates, [n]; those off the un-extended grid count in the
      edge bins.
    r_mag: r magnitudes, [n].
    survey: the survey.
    weights: weight of each galaxy, [n], not negative; 1 unless given.
    search: one of `SEARCHES`.  "published" is one local search for all outputs,
      which starts from 1 and stops early.  "global" finds the lowest cross-entropy
      of each output; its widths can be much smaller or, where the curve is flat,
      larger.

  Returns:
    [outputs] float64, in bins; 1 for an output without galaxies.

  Raises:
    ValueError: the columns differ in length, are empty, or not finite; or there
      is no such search.
  """
  if search not in SEARCHES:
    raise ValueError(f"--dispersions={search}: choose one of {', '.join(SEARCHES)}")
  x, y = _both_distributions(z_spec, z_photo, r_mag, survey, weights)
  if search == "published":
    sigma = _published_search(x, y)
  else:
    sigma = np.array([fit_dispersion(x_k, y_k) if y_k.any() else 0.0 for x_k, y_k in zip(x, y)])
  return np.where(y.any(axis=1), sigma, EMPTY_DISPERSION)


def doubtful_dispersions(
    sigma_disp: np.ndarray, z_spec: np.ndarray, z_photo: np.ndarray, r_mag: np.ndarray,
    survey: Survey) -> list[str]:
  """Names the dispersions that the estimates hardly determine.

  Args:
    sigma_disp: dispersion of each output, in bins, [outputs].
    z_spec: spectroscopic redshifts that they were fitted to, [n].
    z_photo: point estimates, [n].
    r_mag: r magnitudes, [n].
    survey: the survey.

  Returns:
    One line of text per such output.

  Raises:
    ValueError: the columns differ in length, are empty, or not finite.
  """
  lines = []
  for k, (sigma, x, y) in enumerate(zip(
      sigma_disp, *_both_distributions(z_spec, z_photo, r_mag, survey, None))):
    other = _equally_good_width(sigma, x, y) if y.any() else None
    better = _better_width(sigma, x, y) if y.any() else None
    if better is not None:
      lines.append(f"output {k}: {better:.3g} bins fit better than {sigma:.3g}")
    elif other is not None:
      lines.append(f"output {k}: {other:.3g} bins fit as well as {sigma:.3g}, to within "
                   f"{FLAT_NATS} nats")
    elif sigma > WIDE_SHARE * survey.bins:
      lines.append(f"output {k}: {sigma:.3g} bins are more than a quarter of the grid of "
                   f"{survey.bins}")
  return lines


def warn_of_doubtful_dispersions(*args) -> None:
  """Logs the lines of `doubtful_dispersions`, which takes the same arguments."""
  lines = doubtful_dispersions(*args)
  if lines:
    logging.warning("Step 3: the width of the labels is uncertain: %s%s", "; ".join(lines),
                    ". --dispersions=global takes those that fit better"
                    if any("better" in line for line in lines) else "")


def _both_distributions(z_spec, z_photo, r_mag, survey, weights):
  """Distributions of z_photo and z_spec by output, [outputs, bins] each."""
  z_spec, z_photo, r_mag = arguments.columns(z_spec=z_spec, z_photo=z_photo, r_mag=r_mag)
  return tuple(output_distributions(density(z, r_mag, survey, weights=weights), survey)
               for z in (z_photo, z_spec))


def _published_search(x, y):
  """The search of the published code: from 1, for the sum of all outputs' cross-entropies."""
  @functools.cache  # the search changes one width at a time
  def of_output(k, sigma):
    return _cross_entropy(sigma, x[k], y[k])

  def total(sigma):
    return sum(of_output(k, one) for k, one in enumerate(sigma))

  return optimize.least_squares(total, np.ones(len(x)), bounds=(0.0, MAX_DISPERSION)).x


def _better_width(sigma, x, y):
  """The best width, if it is clearly another one and clearly better; None if not."""
  best = fit_dispersion(x, y)
  gain = _cross_entropy(sigma, x, y) - _cross_entropy(best, x, y)
  alike = max(best, sigma) <= FLAT_FACTOR * max(min(best, sigma), 1.0)
  return None if alike or gain < FLAT_NATS else best


def _equally_good_width(sigma, x, y):
  """A width more than FLAT_FACTOR times as large that fits nearly as well; None without one."""
  wider = _COARSE[_COARSE > FLAT_FACTOR * sigma]
  values = np.array([_cross_entropy(width, x, y) for width in wider])
  if not wider.size or values.min() > _cross_entropy(sigma, x, y) + FLAT_NATS:
    return None
  return float(wider[np.argmin(values)])
