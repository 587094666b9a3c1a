"""n(z) of tomographic bins: stacked PDFs compared with the true distribution.

Cosmic shear and clustering use galaxies in bins of z_photo, and must know the n(z)
of each bin.  Their error budgets state by how much the mean redshift of the
stacked PDFs may be wrong.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pzbias_tf import arguments, cells
from pzbias_tf.survey import Survey

_BLOCK = 8192  # PDFs that are taken in double precision at a time


class Tomography(NamedTuple):
  """n(z) of tomographic bins; NaN in a bin without galaxies.

  Attributes:
    z_photo_edges: edges of the bins in z_photo, [number + 1].
    galaxies: number of galaxies of each bin, [number].
    mean_z_spec: mean true redshift, [number].
    mean_z_pdf: mean redshift of the stacked PDF, [number].
    shift: mean_z_pdf - mean_z_spec, [number].
    error: standard error of the shift, [number], that is, of the mean of (mean of
      the PDF - z_spec) over the bin's galaxies; NaN for fewer than two galaxies.
    z_edges: edges of the redshift bins, [bins + 1].
    stacked: n(z) of the stacked PDFs, [number, bins], density per unit redshift.
    true: n(z) of z_spec, [number, bins], density per unit redshift; redshifts off
      the grid count in its edge bins.
  """

  z_photo_edges: np.ndarray
  galaxies: np.ndarray
  mean_z_spec: np.ndarray
  mean_z_pdf: np.ndarray
  shift: np.ndarray
  error: np.ndarray
  z_edges: np.ndarray
  stacked: np.ndarray
  true: np.ndarray


def equal_number_edges(z_photo: np.ndarray, number: int = 5) -> np.ndarray:
  """Edges of bins of z_photo that hold numbers of galaxies as equal as possible.

  Args:
    z_photo: point estimates, [n].
    number: number of bins.

  Returns:
    [number + 1] float64, rising strictly; fewer if many estimates are equal.  The
    last edge lies just above the largest estimate.

  Raises:
    ValueError: the column is empty or not finite, or `number` is not a positive
      whole number.
  """
  (z_photo,) = arguments.columns(z_photo=z_photo)
  number = arguments.whole_number(number, "number", lowest=1)
  inner = np.sort(z_photo)[np.arange(number) * z_photo.size // number]
  return np.unique(np.append(inner, np.nextafter(z_photo.max(), np.inf)))


def tomography(
    probabilities: np.ndarray, z_spec: np.ndarray, z_photo: np.ndarray, edges: np.ndarray,
    survey: Survey, *, weights: np.ndarray | None = None) -> Tomography:
  """Stacks the PDFs of the galaxies in each tomographic bin.

  Args:
    probabilities: [n, bins] or [n, bins_extended], each galaxy summing to 1.
    z_spec: spectroscopic redshifts, [n].
    z_photo: point estimates that decide the bin, [n]; galaxies outside the edges
      belong to no bin.
    edges: edges of the bins in z_photo, [number + 1], rising; bins are half-open.
    survey: the survey.
    weights: weight of each galaxy, [n], not negative; 1 unless given.

  Returns:
    The n(z) of the bins.

  Raises:
    ValueError: the shapes do not match, a column is not finite, or the edges do not
      rise.
  """
  z_spec, z_photo = arguments.columns(z_spec=z_spec, z_photo=z_photo)
  (edges,) = arguments.columns(edges=edges)
  weights = arguments.weight_column(weights, z_spec.size)
  z_edges = survey.edges(extended=probabilities.shape[1] != survey.bins)
  if probabilities.shape != (z_spec.size, z_edges.size - 1):
    raise ValueError(f"probabilities have shape {list(probabilities.shape)} for {z_spec.size} "
                     f"galaxies of survey {survey.name!r}; pass p(z) of the same galaxies")
  if edges.size < 2 or np.any(np.diff(edges) <= 0.0):
    raise ValueError(f"edges must rise and be at least two, got {edges.tolist()}; make them with "
                     "equal_number_edges")
  number = edges.size - 1
  group = np.searchsorted(edges, z_photo, side="right") - 1
  own = (group >= 0) & (group < number) & (weights > 0.0)
  center, width = 0.5 * (z_edges[:-1] + z_edges[1:]), np.diff(z_edges)
  by_pdf, stacked = _means_and_sums(probabilities, center, weights, group, number)
  by_truth, group, weights = z_spec, group[own], weights[own]
  means = [cells.means(column[own], weights, group, number)
           for column in (by_truth, by_pdf, by_pdf - by_truth)]
  bins = np.clip(np.searchsorted(z_edges, z_spec[own], side="right") - 1, 0, width.size - 1)
  total = np.where(means[0].weight > 0, means[0].weight, np.nan)[:, None] * width
  return Tomography(
      z_photo_edges=edges, galaxies=means[0].count, mean_z_spec=means[0].mean,
      mean_z_pdf=means[1].mean, shift=means[2].mean, error=means[2].error, z_edges=z_edges,
      stacked=stacked / total,
      true=np.bincount(group * width.size + bins, weights, number * width.size).reshape(
          number, -1) / total)


def _means_and_sums(probabilities, center, weights, group, number):
  """Mean redshift of each PDF, [n], and their weighted sums by group, [number, bins] float64."""
  means, sums = np.empty(len(probabilities)), np.zeros((number, center.size))
  for start in range(0, means.size, _BLOCK):  # in double precision, some galaxies at a time
    part = slice(start, start + _BLOCK)
    pdf = probabilities[part].astype(np.float64)
    means[part] = pdf @ center
    sums += ((np.arange(number)[:, None] == group[part]) * weights[part]) @ pdf
  return means, sums
