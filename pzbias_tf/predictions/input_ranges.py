"""Whether the input of a galaxy is of another kind than that of the training galaxies.

Numbers of a survey with other zero points, another flux unit, depth or noise look like galaxies
to a network, which estimates all the same.  So ranges of what does not depend on the galaxies
themselves are kept: how bright an image is beside its r magnitude, its corners, errors and depths.

A range is widened by a margin, since this is about inputs of another kind, and not about the
last of a thousand galaxies.  A number that is not finite is not known, and never unusual.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping

import numpy as np

MARGINS = {"corners": 0.3, "zero_point": 0.5, "magnitudes": 0.5, "errors": 0.3, "depth": 0.5,
           "r_offset": 0.5, "ebv": 0.2}
"""{statistic: margin on either side of its range}: dex of fluxes and errors, else mag."""

MEASURED = ("corner_flux", "aperture_flux", "magnitudes", "errors", "ebv")
"""What is looked at of the measurements of galaxies."""

SMALLEST = 1e-30
"""Flux, or error in mag, whose logarithm is taken."""

Ranges = Mapping[str, tuple[tuple[float, float], ...]]
"""{statistic: lowest and highest number of each of its columns}."""


def statistics(r_mag: np.ndarray, measured: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """What `measured` tells of the kind of input.

  Args:
    r_mag: r magnitudes [n].
    measured: as `TrainingDomain.flags` takes it; what it lacks is left out.

  Returns:
    {statistic: [n, columns] float64}: of images "corners", the logarithm of the flux in the
    corners by band, and "zero_point", r + 2.5 log10(flux); of photometry "magnitudes",
    logarithms of "errors", "depth", the magnitude that has an error of 1, and "r_offset", r minus
    each magnitude; of both "ebv".
  """
  own = {name: np.asarray(values, np.float64) for name, values in measured.items()
         if name in MEASURED}
  r_mag = np.asarray(r_mag, np.float64)[:, np.newaxis]
  with np.errstate(divide="ignore", invalid="ignore"):
    return from_columns(r_mag, own, lambda values: np.log10(np.where(
        values > SMALLEST, values, np.nan)), lambda flux: flux.sum(1, keepdims=True))


def from_columns(r_mag: Any, own: Mapping[str, Any], log10: Callable[[Any], Any],
                 total: Callable[[Any], Any]) -> dict[str, Any]:
  """`statistics` of arrays or tensors.

  Args:
    r_mag: [n, 1].
    own: those of MEASURED that are there, [n, columns] or [n].
    log10: the logarithm, NaN of what is not above SMALLEST.
    total: the sum over columns, [n, 1].
  """
  found = {}
  if "corner_flux" in own:
    found["corners"] = log10(own["corner_flux"])
    found["zero_point"] = r_mag + 2.5 * log10(total(own["aperture_flux"]))
  if "magnitudes" in own:
    found["magnitudes"], found["r_offset"] = own["magnitudes"], r_mag - own["magnitudes"]
  if "magnitudes" in own and "errors" in own:
    found["errors"] = log10(own["errors"])
    found["depth"] = own["magnitudes"] - 2.5 * found["errors"]
  if "ebv" in own:
    found["ebv"] = own["ebv"][:, np.newaxis]
  return found


def fit(r_mag: np.ndarray, measured: Mapping[str, np.ndarray], share: float) -> Ranges:
  """The ranges that hold a central share of the training galaxies, with their margins.

  Args:
    r_mag: r magnitudes of the measured galaxies [n].
    measured: as in `statistics`.
    share: the share.
  """
  ends = [0.5 - 0.5 * share, 0.5 + 0.5 * share]
  ranges: dict[str, tuple[tuple[float, float], ...]] = {}
  for name, columns in statistics(r_mag, measured).items():
    known = [column[np.isfinite(column)] for column in columns.T]
    edges = [np.quantile(column, ends) if column.size else (-np.inf, np.inf) for column in known]
    if name == "r_offset":  # of the band that is nearest to r: the others have a colour beside it
      nearest = int(np.argmin([high - low for low, high in edges]))
      edges = [ends if band == nearest else (-np.inf, np.inf) for band, ends in enumerate(edges)]
    ranges[name] = tuple((float(low) - MARGINS[name], float(high) + MARGINS[name])
                         for low, high in edges)
  return ranges


def are_other(ranges: Ranges, r_mag: np.ndarray, measured: Mapping[str, np.ndarray]) -> np.ndarray:
  """Which galaxies have an input of another kind, [n] bool; arguments as in `statistics`."""
  other = np.zeros(len(r_mag), bool)
  for name, values in statistics(r_mag, measured).items():
    if name in ranges:
      low, high = np.array(ranges[name]).T
      other |= (np.isfinite(values) & ((values < low) | (values > high))).any(1)
  return other
