"""The peaks of p(z), between which the point estimate chooses.

Where several bins have nearly the same probability, small errors of p(z), which many
galaxies share, decide which of them is the estimate, and the estimates pile up.  Other
estimates of the same p(z) tell that from errors of p(z) as a whole.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from pzbias_tf.metrics.distributions import total_variation
from pzbias_tf.predictions.estimates import quantiles
from pzbias_tf.survey import Survey

LEAST_HEIGHT = 0.3
"""Of the highest peak: lower ones do not count."""
SMOOTHING_BINS = 4.0
"""Standard deviation of the normal law that p(z) is smoothed with, in redshift bins."""

_CHUNK = 4096  # galaxies at a time


def peak_numbers(pdf: np.ndarray) -> np.ndarray:
  """Number of peaks of each p(z): bins above both neighbours and LEAST_HEIGHT of the highest.

  Args:
    pdf: probability of each bin [n, bins].

  Returns:
    [n] int; a bin at the edge of the grid counts where it exceeds its one neighbour.
  """
  inner = np.pad(pdf, ((0, 0), (1, 1)), constant_values=-np.inf)
  peaks = (pdf > inner[:, :-2]) & (pdf > inner[:, 2:])
  return np.sum(peaks & (pdf > LEAST_HEIGHT * pdf.max(axis=1, keepdims=True)), axis=1)


def smoothed_modes(edges: np.ndarray, pdf: np.ndarray) -> np.ndarray:
  """Centre of the most probable bin of each p(z) smoothed by SMOOTHING_BINS, [n].

  Args:
    edges: edges of the redshift bins [bins + 1].
    pdf: probability of each bin [n, bins].
  """
  smoothed = ndimage.gaussian_filter1d(pdf, SMOOTHING_BINS, axis=1, mode="constant")
  return (0.5 * (edges[:-1] + edges[1:]))[np.argmax(smoothed, axis=1)]


def summarize_peaks(edges: np.ndarray, pdf: np.ndarray, z_spec: np.ndarray, survey: Survey, *,
                    num_bootstrap: int, seed: int) -> dict[str, object]:
  """Peaks of p(z) and the mode collapse of other estimates than the most probable bin.

  Args:
    edges: edges of the redshift bins [bins + 1].
    pdf: probability of each bin [n, bins].
    z_spec: spectroscopic redshifts [n].
    survey: the survey.
    num_bootstrap: as of `total_variation`.
    seed: as of `total_variation`.

  Returns:
    "peaks", the mean number of them; "total_variation_smoothed" and
    "total_variation_median", as `total_variation`, of the peak of the smoothed p(z) and
    of its median.
  """
  parts = [pdf[start:start + _CHUNK] for start in range(0, len(pdf), _CHUNK)]
  estimates = {
      "total_variation_smoothed": [smoothed_modes(edges, part) for part in parts],
      "total_variation_median": [quantiles(edges, part, [0.5])[:, 0] for part in parts]}
  return {"peaks": float(np.mean(np.concatenate([peak_numbers(part) for part in parts]))),
          **{name: total_variation(z_spec, np.concatenate(pieces), survey,
                                   num_bootstrap=num_bootstrap, seed=seed)
             for name, pieces in estimates.items()}}
