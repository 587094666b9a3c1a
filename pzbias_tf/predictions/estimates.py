"""Point estimates and intervals of PDFs."""

from __future__ import annotations

import functools
from typing import Sequence

import numpy as np

LOSS_WIDTH = 0.15
"""gamma of the loss that "zbest" minimises."""

INTERVALS = {"z_low95": 0.025, "z_low68": 0.16, "z_high68": 0.84, "z_high95": 0.975}
"""{column: level} of the ends of the central 68% and 95% intervals."""

ESTIMATES = ("zmode", "zmean", "zmedian", "zbest", *INTERVALS)
"""Columns of `point_estimates`."""

_CHUNK = 4096  # galaxies at a time: 80 MB of float64 at 2500 bins


def point_estimates(edges: np.ndarray, pdf: np.ndarray) -> dict[str, np.ndarray]:
  """The point estimates and intervals that catalogues give of each p(z).

  Args:
    edges: edges of the redshift bins [bins + 1].
    pdf: probability of each bin [n, bins].

  Returns:
    [n] float64 each: "zmode", the centre of the most probable bin; "zmean";
    "zmedian"; "zbest", see `lowest_risk`; and the ends of INTERVALS.  All are NaN where a
    p(z) is not finite.
  """
  parts = [_point_estimates(edges, pdf[start:start + _CHUNK])
           for start in range(0, max(len(pdf), 1), _CHUNK)]
  return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def modes(edges: np.ndarray, pdf: np.ndarray) -> np.ndarray:
  """"zmode" of `point_estimates` alone, [n]."""
  return known((0.5 * (edges[:-1] + edges[1:]))[np.argmax(pdf, -1)], pdf)


def known(values: np.ndarray, pdf: np.ndarray) -> np.ndarray:
  """Values of each p(z), [n]; NaN where the p(z) [n, bins] is not finite."""
  with np.errstate(invalid="ignore"):
    return np.where(np.isfinite(np.sum(pdf, -1, dtype=np.float64)), values, np.nan)


def _point_estimates(edges, pdf):
  centers = 0.5 * (edges[:-1] + edges[1:])
  reached = quantiles(edges, pdf, [0.5, *INTERVALS.values()])
  return {"zmode": modes(edges, pdf), "zmean": known(pdf @ centers, pdf),
          "zmedian": reached[:, 0], "zbest": lowest_risk(edges, pdf),
          **dict(zip(INTERVALS, reached[:, 1:].T))}


def lowest_risk(edges: np.ndarray, pdf: np.ndarray) -> np.ndarray:
  """The estimate whose expected loss is the lowest (Tanaka et al. 2018, PASJ 70, S9, eq. 7).

  The loss of estimating z where the truth is z' is 1 - 1 / (1 + (dz / gamma)^2),
  dz = (z - z') / (1 + z'), with gamma = LOSS_WIDTH: quadratic for small errors,
  and constant for very large ones.  Below z' = 0, where Step 3's grid has bins as
  well, 1 + z' is taken as 1.

  Args:
    edges: edges of the redshift bins [bins + 1].
    pdf: probability of each bin [n, bins].

  Returns:
    [n] float64, the centre of a bin; NaN where p(z) is not finite.
  """
  edges = np.asarray(edges, np.float64)
  risk = np.asarray(pdf, np.float32) @ _loss(edges.tobytes())
  return known((0.5 * (edges[:-1] + edges[1:]))[np.argmin(risk, -1)], pdf)


@functools.lru_cache(maxsize=2)
def _loss(edges):
  """`loss_table` in float32."""
  return loss_table(np.frombuffer(edges)).astype(np.float32)


def loss_table(edges: np.ndarray) -> np.ndarray:
  """The loss of `lowest_risk`, [bins of the truth, bins of the estimate] float64."""
  centers = 0.5 * (edges[:-1] + edges[1:])
  dz = (centers - centers[:, np.newaxis]) / (1.0 + np.maximum(centers, 0.0)[:, np.newaxis])
  return 1.0 - 1.0 / (1.0 + (dz / LOSS_WIDTH) ** 2)


def quantiles(edges: np.ndarray, pdf: np.ndarray, levels: Sequence[float]) -> np.ndarray:
  """Where the piecewise linear CDF of each PDF reaches some levels.

  Args:
    edges: edges of the redshift bins [bins + 1].
    pdf: probability of each bin [n, bins].
    levels: in [0, 1]; 0 and 1 give the ends of the bins that have probability.

  Returns:
    [n, levels] float64; NaN where p(z) is not finite.
  """
  cdf = np.cumsum(pdf, -1, dtype=np.float64)
  galaxy, redshift = np.arange(len(pdf)), np.empty([len(pdf), len(levels)])
  for column, level in enumerate(levels):
    reached = level * cdf[:, -1]
    upper = np.argmax(cdf >= reached[:, np.newaxis], -1)
    inside = np.maximum(pdf[galaxy, upper], np.finfo(np.float32).tiny)
    fraction = 1.0 - (cdf[galaxy, upper] - reached) / inside
    redshift[:, column] = known(edges[upper] + fraction * np.diff(edges)[upper], pdf)
  return redshift
