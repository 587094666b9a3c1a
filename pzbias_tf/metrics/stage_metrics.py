"""All metrics of one stage as one dictionary, from its predictions: what metrics.json holds."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Sequence

import numpy as np

from pzbias_tf import arguments
from pzbias_tf.bias.dispersion import fit_dispersions
from pzbias_tf.metrics import distributions, pdf, point, residuals
from pzbias_tf.metrics.bootstrap import Bootstrap
from pzbias_tf.metrics.breakdown import Breakdown, SharedMetrics, share_draws
from pzbias_tf.metrics.rms_residual import RmsSample, rms_samples, rms_with_errors
from pzbias_tf.metrics.tomography import equal_number_edges, tomography
from pzbias_tf.predictions.predictions import Estimates, Predictions
from pzbias_tf.survey import Survey

PIT_BINS = 20
"""Number of equal bins of a PIT histogram over [0, 1]; as a density it is 1 if uniform."""

_FEW_BINS = residuals.LineFit(math.nan, math.nan, math.nan, math.nan)


class Together(NamedTuple):
  """What is measured of several estimates of the same galaxies at once, with the same bootstraps.

  Attributes:
    rms: the root mean squares of the residual against z_photo.
    metrics: of point estimates.
  """

  rms: RmsSample
  metrics: SharedMetrics | None


def measure_together(
    z_spec: np.ndarray, estimates: Sequence[np.ndarray], r_mag: np.ndarray, survey: Survey,
    bootstrap: Bootstrap, *, weights: np.ndarray | None = None) -> list[Together]:
  """Measures several estimates of the same galaxies, for `summarize`, which gives the same numbers.

  Args:
    z_spec: spectroscopic redshifts, [n].
    estimates: point estimates, [n] each.
    r_mag: r magnitudes, [n].
    survey: the survey.
    bootstrap: how errors are estimated.
    weights: weight of each galaxy, [n]; 1 unless given.

  Raises:
    ValueError: the columns differ in length, are empty or not finite, or a weight is not valid.
  """
  rms = rms_samples(z_spec, estimates, survey, weights=weights, bootstrap=bootstrap)
  tables = share_draws([Breakdown(z_spec, z_photo, r_mag, survey, None, weights, bootstrap)
                        for z_photo in estimates])
  return [Together(own, table.shared) for own, table in zip(rms, tables)]


def summarize(
    predictions: Predictions | Estimates, survey: Survey, bootstrap: Bootstrap, *,
    z_photo: np.ndarray | None = None, weights: np.ndarray | None = None,
    sigma_disp: np.ndarray | None = None, together: Together | None = None) -> dict[str, Any]:
  """The metrics of a stage (Lin et al. 2022, Section 4).

  Args:
    predictions: predictions for galaxies with spectroscopic redshifts; of
      `Estimates`, which have no p(z), its metrics are left out.
    survey: the survey.
    bootstrap: how errors are estimated.
    z_photo: point estimates, [n], that replace those of `predictions` (Step 4);
      the metrics of p(z) are then left out.
    weights: weight of each galaxy, [n], for instance of a reweighted n(z); 1
      unless given.
    sigma_disp: dispersions [outputs], in bins, behind the weights of the residual
      curve: those of Step 3's labels, the same for all stages that are compared;
      fitted to these estimates unless given.
    together: what `measure_together` has measured of these estimates.

  Returns:
    A dictionary of numbers, {"mean", "error"} pairs, curves and tables, ready for
    `to_json`; "errors" holds the error of each plain number.  Numbers that the
    sample does not determine are NaN: slopes from fewer than three wide bins,
    metrics of magnitude rows and bins without galaxies, errors of a single galaxy.

  Raises:
    ValueError: the sample is empty, holds values that are not finite or PDFs
      that do not sum to 1, or a weight is not valid.
  """
  z_spec, r_mag = predictions.z_spec, predictions.r_mag
  if not len(predictions):
    raise ValueError(f"no galaxy of {survey.name} to evaluate; predict galaxies of this survey")
  pdfs = predictions if z_photo is None and isinstance(predictions, Predictions) else None
  scores = None if pdfs is None else pdf.pdf_scores(pdfs.pdf, z_spec, survey)
  z_photo = predictions.z_photo if z_photo is None else z_photo
  tables = Breakdown(z_spec, z_photo, r_mag, survey, scores, weights, bootstrap,
                     together.metrics if together and scores is None else None)
  by_magnitude, whole = tables.by_magnitude(), tables.whole()
  rms = together.rms.summary() if together else rms_with_errors(
      z_spec, z_photo, survey, weights=weights, bootstrap=bootstrap)
  return {
      "galaxies": len(predictions), **whole, **rms, "errors": whole["errors"] | rms["errors"],
      "off_grid": distributions.off_grid(
          z_photo, survey),
      **_curves(z_spec, z_photo, r_mag, survey, weights, bootstrap, sigma_disp),
      "sigma_mad_by_magnitude": point.MagnitudeCurve(
          by_magnitude["r_mag"], *by_magnitude["sigma_mad"][1:]),
      "by_magnitude": by_magnitude, "by_z_photo": tables.by_z_photo(),
      "residual_map": tables.residual_map(),
      **({} if pdfs is None or scores is None else summarize_pdfs(
          pdfs, scores, survey, weights,
          edges=equal_number_edges(z_photo if weights is None else z_photo[weights > 0])))}


def summarize_pdfs(
    predictions: Predictions, scores: pdf.PdfScores, survey: Survey, weights: np.ndarray | None,
    *, edges: np.ndarray) -> dict[str, Any]:
  """Summaries of PDFs alone: the histogram of PIT values, and n(z) of tomographic bins.

  Args:
    predictions: predictions for galaxies with spectroscopic redshifts.
    scores: scores of their PDFs.
    survey: the survey.
    weights: weight of each galaxy, [n]; None for 1.
    edges: edges of the tomographic bins in z_photo, [number + 1].

  Returns:
    "pit_histogram", [PIT_BINS], and "tomography".
  """
  weights = arguments.weight_column(weights, len(predictions))
  density, _ = np.histogram(scores.pit, bins=PIT_BINS, range=(0.0, 1.0), weights=weights,
                            density=True)
  return {"pit_histogram": density, "tomography": tomography(
      predictions.pdf, predictions.z_spec, predictions.z_photo, edges, survey, weights=weights)}


def _curves(z_spec, z_photo, r_mag, survey, weights, bootstrap, sigma_disp):
  """Residual curves, their slopes, and distances between distributions."""
  drawn = dict(seed=bootstrap.seed, weights=weights)
  if sigma_disp is None:
    sigma_disp = fit_dispersions(z_spec, z_photo, r_mag, survey, weights=weights)
  variance, grid = residuals.variances(
      z_spec, z_photo, r_mag, sigma_disp, survey, weights=weights)
  by_z_spec = residuals.residual_vs_z_spec(z_spec, z_photo, variance, survey, weights=weights)
  by_z_photo = residuals.residual_vs_z_photo(z_spec, z_photo, survey, weights=weights)
  return {
      "total_variation": distributions.total_variation(
          z_spec, z_photo, survey, num_bootstrap=bootstrap.number, **drawn),
      "expected_total_variation": distributions.expected_total_variation(
          z_spec, by_z_spec, survey, num_draws=bootstrap.number, **drawn),
      "slope_z_spec": _slope(by_z_spec, survey.fit_z_min),
      "slope_z_photo": _slope(by_z_photo, survey.fit_z_min),
      "rms_residual_z_photo": _rms(by_z_photo),
      "sigma_disp_bins": sigma_disp,
      "residual_z_spec": by_z_spec,
      "residual_z_photo": by_z_photo,
      "residual_simulated": residuals.simulated_residual(
          z_spec, r_mag, grid, survey, weights=weights),
      "wasserstein_by_magnitude": distributions.wasserstein_by_magnitude(
          z_spec, z_photo, r_mag, survey, num_bootstrap=bootstrap.number, **drawn)}


def to_json(value: Any) -> Any:
  """A summary as JSON values: named tuples to dictionaries, arrays to lists, NaN to None."""
  if hasattr(value, "_asdict"):
    value = value._asdict()
  if isinstance(value, dict):
    return {name: to_json(item) for name, item in value.items()}
  if isinstance(value, np.ndarray):
    return to_json(value.tolist())
  if isinstance(value, list):
    return [to_json(item) for item in value]
  if isinstance(value, (float, np.floating)):
    return float(value) if math.isfinite(value) else None
  return int(value) if isinstance(value, np.integer) else value


def _slope(curve, z_min):
  """The fitted line, NaN if too few bins have data."""
  try:
    return residuals.linear_fit(curve, z_min)
  except ValueError:  # raised for too few bins only
    return _FEW_BINS


def _rms(curve):
  """Root mean square of a residual curve over the bins with data, noise included."""
  return float(np.sqrt(np.nanmean(curve.mean**2))) if np.isfinite(curve.mean).any() else math.nan
