"""Peaks of p(z): whether mode collapse comes from choosing one of several peaks.

The usual point estimate is the most probable bin.  Where several bins have nearly the
same probability, small errors of p(z) decide between them.  Many galaxies share these
errors, so their estimates pile up.  Other estimates of the same p(z) show whether that is
the cause, or p(z) as a whole is wrong.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from pzbias_tf.metrics.distributions import total_variation
from pzbias_tf.predictions.estimates import known, quantiles
from pzbias_tf.survey import Survey

LEAST_HEIGHT = 0.3
"""Lowest height of a peak that counts, as a fraction of the highest peak."""
SMOOTHING_BINS = 4.0
"""Standard deviation, in redshift bins, of the Gaussian that smooths p(z)."""

_CHUNK = 4096  # galaxies at a time


def peak_numbers(pdf: np.ndarray) -> np.ndarray:
  """Number of peaks of each p(z): bins above both neighbours and LEAST_HEIGHT of the highest.

  Args:
    pdf: probability of each bin, [n, bins].

  Returns:
    [n] int; a bin at the edge of the grid is a peak if it exceeds its one neighbour.
  """
  inner = np.pad(pdf, ((0, 0), (1, 1)), constant_values=-np.inf)
  peaks = (pdf > inner[:, :-2]) & (pdf > inner[:, 2:])
  return np.sum(peaks & (pdf > LEAST_HEIGHT * pdf.max(axis=1, keepdims=True)), axis=1)


def smoothed_modes(edges: np.ndarray, pdf: np.ndarray) -> np.ndarray:
  """Centre of the most probable bin of each p(z) after smoothing by SMOOTHING_BINS.

  Args:
    edges: edges of the redshift bins, [bins + 1].
    pdf: probability of each bin, [n, bins].

  Returns:
    [n] redshifts; NaN where p(z) is not finite.
  """
  smoothed = ndimage.gaussian_filter1d(pdf, SMOOTHING_BINS, axis=1, mode="constant")
  return known((0.5 * (edges[:-1] + edges[1:]))[np.argmax(smoothed, axis=1)], pdf)


def summarize_peaks(edges: np.ndarray, pdf: np.ndarray, z_spec: np.ndarray, survey: Survey, *,
                    num_bootstrap: int, seed: int) -> dict[str, object]:
  """Number of peaks of p(z), and mode collapse of other estimates than the most probable bin.

  Args:
    edges: edges of the redshift bins, [bins + 1].
    pdf: probability of each bin, [n, bins].
    z_spec: spectroscopic redshifts, [n].
    survey: the survey.
    num_bootstrap: as in `total_variation`.
    seed: as in `total_variation`.

  Returns:
    "peaks", the mean number of peaks; "total_variation_smoothed" and
    "total_variation_median", the `total_variation` of the most probable bin of the
    smoothed p(z), and of the median of p(z).
  """
  parts = [pdf[start:start + _CHUNK] for start in range(0, len(pdf), _CHUNK)]
  estimates = {
      "total_variation_smoothed": [smoothed_modes(edges, part) for part in parts],
      "total_variation_median": [quantiles(edges, part, [0.5])[:, 0] for part in parts]}
  return {"peaks": float(np.mean(np.concatenate([peak_numbers(part) for part in parts]))),
          **{name: total_variation(z_spec, np.concatenate(pieces), survey,
                                   num_bootstrap=num_bootstrap, seed=seed)
             for name, pieces in estimates.items()}}
