"""Metrics of redshift PDFs: CRPS, PIT and its distances from uniform, CDE loss, Brier score.

A PDF is given as the probabilities of the redshift bins, as a softmax returns
them; multiply densities by the bin width first.  Both grids of a survey are
accepted, that of Baseline to Step 2 and the extended one of Step 3; the number of
bins tells which it is.
"""

from __future__ import annotations

from typing import Iterator, Mapping, NamedTuple

import numpy as np

from pzbias_tf import arguments
from pzbias_tf.compat import plain_arrays
from pzbias_tf.metrics.bootstrap import Bootstrap, GroupMetric, Measured, by_group
from pzbias_tf.metrics.draws import Draws
from pzbias_tf.metrics.uniformity import (
  PitDistances,
  distances,
  logarithms,
  pit_distances,
)
from pzbias_tf.survey import Survey

__all__ = ["PdfScores", "PitDistances", "brier", "cde_loss", "crps", "pdf_metrics", "pdf_scores",
           "pit", "pit_distances"]

_CHUNK = 4096  # galaxies at a time: 80 MB of float64 at 2500 bins
_SUM_TOLERANCE = 1e-3
_PIT_EXTREME = 1e-4


class PdfScores(NamedTuple):
  """Scores of each galaxy's PDF, [n] float64 each; see the functions of these names.

  Attributes:
    crps: continuous ranked probability score, in redshift.
    cde_loss: the galaxy's term of the conditional density estimation loss, in
      1 / redshift.
    brier: Brier score, in [0, 2].
    pit: CDF at z_spec, in [0, 1].
  """

  crps: np.ndarray
  cde_loss: np.ndarray
  brier: np.ndarray
  pit: np.ndarray


def _extended(probabilities, survey):
  """Whether PDFs are on the extended grid."""
  if probabilities.ndim != 2 or probabilities.shape[1] not in (
      survey.bins, survey.bins_extended):
    raise ValueError(
        f"probabilities must have shape [n, {survey.bins}] or [n, {survey.bins_extended}] "
        f"for survey {survey.name!r}, got {list(probabilities.shape)}; pass the survey with "
        "the bins of these predictions")
  return probabilities.shape[1] != survey.bins


def _chunks(
    probabilities: np.ndarray, z_spec: np.ndarray,
    survey: Survey) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
  """Yields (PDFs, bin of z_spec, place of z_spec within its bin) of some galaxies at a time.

  z_spec is clipped to the un-extended grid, even if the PDFs are on the extended
  one.  Its bin counts from the first bin of the PDFs.
  """
  probabilities = plain_arrays.array(probabilities, "probabilities")
  (z_spec,) = arguments.columns(z_spec=z_spec)
  left = survey.extension[0] if _extended(probabilities, survey) else 0
  if len(probabilities) != z_spec.size:
    raise ValueError(
        f"probabilities are given for {len(probabilities)} galaxies and z_spec for "
        f"{z_spec.size}; pass both for the same galaxies")
  own_bin = survey.redshift_bin(z_spec)
  place = np.clip((z_spec - survey.z_min) / survey.bin_width - own_bin, 0.0, 1.0)
  for start in range(0, z_spec.size, _CHUNK):
    part = slice(start, start + _CHUNK)
    pdf = np.asarray(probabilities[part], np.float64)
    _check_sums(pdf, start)
    yield pdf, own_bin[part] + left, place[part]


def _check_sums(pdf, start):
  """Refuses PDFs that are not probabilities."""
  good = np.abs(pdf.sum(axis=1) - 1.0) <= _SUM_TOLERANCE
  good &= np.all(pdf >= 0.0, axis=1)  # False for NaN as well
  if not good.all():
    first = int(np.argmin(good))
    raise ValueError(
        f"probabilities of galaxy {start + first} sum to {pdf[first].sum()} or hold "
        "negative or missing values; pass probabilities of bins (densities x bin width)")


def pdf_scores(probabilities: np.ndarray, z_spec: np.ndarray, survey: Survey) -> PdfScores:
  """All scores of each galaxy, in one pass over the PDFs.

  Args:
    probabilities: [n, bins] or [n, bins_extended], each galaxy summing to 1.
    z_spec: spectroscopic redshifts, [n]; clipped to the un-extended grid.
    survey: the survey.

  Returns:
    The scores, [n] each.

  Raises:
    ValueError: the shapes do not match, a PDF holds negative or missing values or
      does not sum to 1, or z_spec is empty or not finite.
  """
  parts = [_scores(*chunk, survey.bin_width)
           for chunk in _chunks(probabilities, z_spec, survey)]
  return PdfScores(*map(np.concatenate, zip(*parts)))


def _scores(pdf, own_bin, place, width):
  """`PdfScores` of some galaxies."""
  galaxy = np.arange(len(pdf))
  cdf, inside = np.cumsum(pdf, axis=1), pdf[galaxy, own_bin]
  pit_values = np.clip(cdf[galaxy, own_bin] - (1.0 - place) * inside, 0.0, 1.0)
  squares = np.einsum("gb,gb->g", pdf, pdf)
  cdf -= np.arange(pdf.shape[1]) >= own_bin[:, None]
  return PdfScores(
      crps=width * np.einsum("gb,gb->g", cdf, cdf), cde_loss=(squares - 2.0 * inside) / width,
      brier=squares - 2.0 * inside + 1.0, pit=pit_values)


def _mean(scores, weights):
  (weights, scores) = arguments.weighted_columns(weights, scores=scores)
  return float(weights @ scores / weights.sum())


def crps(
    probabilities: np.ndarray, z_spec: np.ndarray, survey: Survey, *,
    weights: np.ndarray | None = None) -> float:
  """Continuous ranked probability score (Lin et al. 2022); smaller is better.

  The mean over galaxies of the sum over bins of (CDF - step)^2 x bin width.  The
  CDF includes the bin itself, and the step is 1 from the bin of z_spec on.  (Other
  definitions place the step at z_spec itself, within the bin.)

  Args:
    probabilities: [n, bins] or [n, bins_extended], each galaxy summing to 1.
    z_spec: spectroscopic redshifts, [n]; clipped to the un-extended grid.
    survey: the survey.
    weights: weight of each galaxy, [n], not negative; 1 unless given.

  Returns:
    The score, in redshift.

  Raises:
    ValueError: as `pdf_scores`, or a weight is not valid.
  """
  return _mean(pdf_scores(probabilities, z_spec, survey).crps, weights)


def brier(
    probabilities: np.ndarray, z_spec: np.ndarray, survey: Survey, *,
    weights: np.ndarray | None = None) -> float:
  """Brier score over the redshift bins (as in qp and RAIL); smaller is better.

  The mean over galaxies of the sum over bins of (probability - truth)^2, where the
  truth is 1 in the bin of z_spec and 0 elsewhere.  It depends on the bin width, so
  compare values on the same grid only.

  Args:
    probabilities: [n, bins] or [n, bins_extended], each galaxy summing to 1.
    z_spec: spectroscopic redshifts, [n]; clipped to the un-extended grid.
    survey: the survey.
    weights: weight of each galaxy, [n], not negative; 1 unless given.

  Returns:
    The score, in [0, 2].

  Raises:
    ValueError: as `pdf_scores`, or a weight is not valid.
  """
  return _mean(pdf_scores(probabilities, z_spec, survey).brier, weights)


def cde_loss(
    probabilities: np.ndarray, z_spec: np.ndarray, survey: Survey, *,
    weights: np.ndarray | None = None) -> float:
  """Conditional density estimation loss (Izbicki & Lee 2016; as in RAIL); smaller is better.

  The mean over galaxies of integral p(z)^2 dz - 2 p(z_spec), with a density that is
  constant within a bin.  Up to a constant, this is the mean square error of the
  density.

  Args:
    probabilities: [n, bins] or [n, bins_extended], each galaxy summing to 1.
    z_spec: spectroscopic redshifts, [n]; clipped to the un-extended grid.
    survey: the survey.
    weights: weight of each galaxy, [n], not negative; 1 unless given.

  Returns:
    The loss, in 1 / redshift; may be negative.

  Raises:
    ValueError: as `pdf_scores`, or a weight is not valid.
  """
  return _mean(pdf_scores(probabilities, z_spec, survey).cde_loss, weights)


def pit(probabilities: np.ndarray, z_spec: np.ndarray, survey: Survey) -> np.ndarray:
  """Probability integral transform (as in RAIL): the CDF at z_spec.

  The CDF is linear within a bin, so that PIT values of calibrated PDFs are uniform
  even if the PDFs fill few bins.

  Args:
    probabilities: [n, bins] or [n, bins_extended], each galaxy summing to 1.
    z_spec: spectroscopic redshifts, [n]; clipped to the un-extended grid.
    survey: the survey.

  Returns:
    [n] float64 in [0, 1].

  Raises:
    ValueError: as in `pdf_scores`.
  """
  return pdf_scores(probabilities, z_spec, survey).pit


def pdf_metrics(
    scores: PdfScores, group: np.ndarray, num_groups: int, *,
    weights: np.ndarray | None = None,
    bootstrap: Bootstrap = Bootstrap()) -> dict[str, GroupMetric]:
  """Every metric of PDFs, for each group of galaxies, with errors.

  Args:
    scores: the scores of the galaxies, from `pdf_scores`.
    group: group of each galaxy, [n] integers in [0, num_groups).
    num_groups: number of groups.
    weights: weight of each galaxy, [n]; 1 unless given.
    bootstrap: how errors are estimated.

  Returns:
    {name of the metric: its value and error in each group}: "crps", "cde_loss",
    "brier"; "pit_ks", "pit_cvm" and "pit_ad" (`uniformity.PitDistances`); and
    RAIL's "pit_outlier_rate", the fraction of PIT values below 0.0001 or above
    0.9999.

  Raises:
    ValueError: the columns differ in length, are empty or not finite, or the
      weights are not valid.
  """
  weights, group, *scored = arguments.weighted_columns(
      weights, group=group, **scores._asdict())
  return by_group([measured(PdfScores(*scored))], group.astype(np.int64), num_groups,
                  weights=weights, bootstrap=bootstrap)


def measured(scores: PdfScores) -> Measured:
  """The metrics of `pdf_metrics`, as `bootstrap.by_group` takes them."""
  columns = scores._asdict()
  columns["log_pit"], columns["log_rest"] = logarithms(scores.pit)
  columns["extreme"] = (np.abs(scores.pit - 0.5) > 0.5 - _PIT_EXTREME).astype(np.float64)

  def statistics(draws: Draws, own: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    metrics = {name: draws.mean(own[name]) for name in ("crps", "cde_loss", "brier")}
    metrics |= {f"pit_{name}": value for name, value in distances(
        draws, (own["log_pit"], own["log_rest"]))._asdict().items()}
    return metrics | {"pit_outlier_rate": draws.mean(own["extreme"])}

  return Measured(scores.pit, statistics, columns)
