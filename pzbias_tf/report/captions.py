"""Captions of the report's figures, and which direction is better in the stage table."""

from __future__ import annotations

import math
from typing import Any, Mapping, Sequence

from pzbias_tf.data.reference_columns import UNNAMED
from pzbias_tf.metrics.rms_residual import WEIGHTED_RMS
from pzbias_tf.metrics.stage_result import StageResult
from pzbias_tf.pictures import colour_channels
from pzbias_tf.report.figures.outliers import Outliers
from pzbias_tf.report.figures.stages import has_magnitudes
from pzbias_tf.report.stage_table import cell, with_error
from pzbias_tf.survey import Survey

DIRECTION = (
    "Better: mean residual, slopes, rms(z_photo) and PIT-KS (the largest distance of the "
    "distribution of PIT values from uniform) nearer to 0; sigma_MAD, eta and CRPS smaller; "
    "TV down to the expected TV, which a sample of this size without mode collapse would show. "
    "rms(z_photo) counts all bins alike, so that bins of a few galaxies dominate it.")
"""How to read the table of stages."""

CATALOG_DIRECTION = (
    "Better: mean residual, slopes and rms(z_photo) nearer to 0; sigma_MAD and eta smaller; "
    "TV down to the expected TV, which a sample of this size without mode collapse would show. "
    "rms(z_photo) counts all bins alike, so that bins of a few galaxies dominate it.")
"""The same without p(z)."""

BETTER = {
    "mean residual": "near 0", "sigma_MAD": "small", "eta": "small", "CRPS": "small",
    "PIT-KS": "near 0",
    "TV": "as expected TV", "slope(z_spec)": "near 0", "slope(z_photo)": "near 0",
    "rms(z_photo)": "small",
}
"""{heading of the stage table: what is better}."""

HEADINGS = {
    "stages": ("Residuals, n(z), scatter and mode collapse of the stages",
               "Panels: mean residual against z_spec; n(z) of each stage; scatter by magnitude; "
               "total variation against slope."),
    "estimates": ("Residuals, n(z), scatter and mode collapse of the estimates",
                  "Panels: mean residual against z_spec; n(z) of each estimate; scatter by "
                  "magnitude; total variation against slope."),
    "calibration": ("Mean residual by z_spec and by z_photo",
                    "Two panels: mean residual against z_spec, and against z_photo."),
    "residual_map": ("Mean residual by magnitude and z_photo",
                     "Maps of the mean residual, z_photo to the right, r magnitude upwards."),
    "pdfs": ("Quality of p(z)", "Three panels: PIT histograms, n(z) of five bins of z_photo, and "
             "the shifts of their means."),
    "density": ("z_photo against z_spec", "One panel per estimate: density of galaxies in the "
                "plane of z_spec and z_photo."),
    "outliers": ("The galaxies with the largest residuals", "Colour pictures of galaxies with "
                 "their ids, redshifts and magnitudes."),
    "comparison": ("All metrics of the runs", "One panel per metric, one line per run."),
}
"""{name of a figure: what it shows, and its description for who does not see it}."""

_RESIDUAL = ("The residual is (z_photo - z_spec) / (1 + z_spec). Points of one bin are side by "
             "side; pale points have errors above a quarter of the axis, and an "
             "arrowhead at the edge marks a bin beyond it.")


def stages(results: Sequence[StageResult], survey: Survey,
           references: Sequence[StageResult] = ()) -> str:
  """Caption of the figure that compares the stages."""
  return (
      f"{_listed(results)}. (a) Mean residual in bins of z_spec, with straight lines fitted "
      f"above z_spec = {survey.fit_z_min:g}; better is flat, at 0. Dotted: the curve of "
      f"{results[0].title} that regression towards crowded redshifts alone would give. "
      f"{_RESIDUAL} "
      "(b) Distribution of the point estimates (line) over that of z_spec (grey); better is the "
      "same shape, without spikes and gaps (mode collapse). "
      f"{_about_scatter(results)} Total variation between the two distributions of (b) against the "
      "slope of (a); open symbols mark the total variation without mode collapse at this sample "
      "size. Better is a slope of 0 and a filled symbol as low as its open one. "
      f"{_missing_slopes([*results, *references], survey)}Errors are one standard deviation."
      f"{_about_references(references)}")


def _about_scatter(results):
  """The sentence on scatter by magnitude, where there are magnitudes, and the next letter."""
  if not has_magnitudes(results):
    return "(c)"
  return "(c) Scatter sigma_MAD by r magnitude; lower is better. (d)"


def calibration(results: Sequence[StageResult]) -> str:
  """Caption of the figure of residuals before and after Step 4."""
  return (
      f"{_listed(results)}. Mean residual in bins of (a) z_spec and (b) z_photo; better is flat, "
      f"at 0. {_about_step4(results)}{_RESIDUAL}{_about_references(results)}")


def residual_map(results: Sequence[StageResult]) -> str:
  """Caption of the map of residuals by magnitude and z_photo."""
  return (
      f"{_listed(results)}. Mean residual of the galaxies in each cell of (z_photo, r magnitude), "
      "the cells that Step 4 corrects. Better is pale, without signs. + and - mark cells "
      "whose mean is more than three standard errors above or below 0. Cells are white where "
      "the error exceeds the colour scale or is unknown.")


def pdfs(results: Sequence[StageResult]) -> str:
  """Caption of the figure of PDFs."""
  calibrated = [result.title for result in results if "calibrated_pdfs" in result.summary]
  return (
      f"p(z) of {_listed(results)}. (a) Histogram of PIT values (the CDF of each p(z) at z_spec), "
      "relative to that of correct PDFs, with its counting noise (grey band); better is flat, "
      "at 1. A bump in the middle means that PDFs are too wide, peaks at both ends that they are "
      "too narrow, a slope that they are biased. (b) n(z) of bins of z_photo with equally many "
      f"galaxies: stacked p(z) of {(calibrated or [results[-1].title])[-1]}"
      f"{', calibrated' * bool(calibrated)} (lines) over the true n(z) (grey); better is the same "
      "shape. (c) Mean redshift of the stacked p(z) minus the true mean of each bin, with "
      "standard errors; better is 0."
      + (" The calibration of p(z) was fitted on validation galaxies, which no network was "
         "trained on." if calibrated else ""))


def density(results: Sequence[StageResult], survey: Survey) -> str:
  """Caption of the figure of z_photo against z_spec."""
  return (
      "Point estimates against spectroscopic redshifts, with one colour scale for all panels. "
      "Solid: one to one; dashed: residuals of "
      f"{survey.outlier_threshold:g}, beyond which an estimate counts as an outlier. Better is a "
      "narrow distribution about the solid line (small sigma_MAD), few galaxies beyond the dashed "
      "lines (small eta) and no horizontal stripes (mode collapse). The axes cover 99.9% of "
      f"z_spec; the numbers are those of all N galaxies.{_about_references(results)}")


COMPARISON = (
    "The columns of the table, one panel each, with errors of one standard deviation. Vertical "
    "lines: 0. Open symbols: the expected TV, which a sample of this size without mode collapse "
    "would show. Runs on the same test galaxies share their noise, so that differences between "
    "them are known better than the error bars suggest.")
"""Caption of the figure that compares runs."""


def outliers(shown: Outliers) -> str:
  """Caption of the figure of outliers."""
  size, names = shown.images.shape[1], [shown.bands[i] for i in colour_channels(shown.bands)]
  return (
      f"The {len(shown.ids)} test galaxies with the largest residuals of {shown.title}, the worst "
      f"first. Colours: the bands {', '.join(names)} as red, green and blue, {size} x {size} "
      "pixels, with the same stretch for all galaxies"
      + (f"; the square marks what the network saw, {shown.seen} x {shown.seen} pixels."
         if shown.seen < size else "."))


def symbols(summaries: Mapping[str, Mapping[str, Any]], survey: Survey, *, pdfs: bool,
            reference: str = "") -> dict[str, str]:
  """{symbol of the table: its meaning}.

  Args:
    summaries: {title: summary} of what the table shows.
    survey: the survey.
    pdfs: whether there are metrics of p(z).
    reference: what the reference is, in words; "" where there is none.
  """
  weighted = ", ".join(f"{cell(with_error(own, WEIGHTED_RMS), 5)} ({title})"
                       for title, own in summaries.items() if WEIGHTED_RMS in own)
  of_pdfs = {
      "CRPS": "continuous ranked probability score: the squared distance of the CDF of p(z) from "
              "the step at z_spec, integrated over redshift; mean of all galaxies",
      "PIT-KS": "largest distance of the distribution of PIT values, each the CDF of p(z) at "
                "z_spec, from the uniform distribution"}
  return {
      "z_spec, z_photo": "spectroscopic redshift, and point estimate"
                         + "; that of a network is the centre of its most probable bin" * pdfs,
      "mean residual": "mean of dz = (z_photo - z_spec) / (1 + z_spec)",
      "sigma_MAD": "scatter: 1.4826 times the median of the distances of dz from its median",
      "eta": f"share of outliers, beyond dz = {survey.outlier_threshold:g} in either direction",
      **(of_pdfs if pdfs else {}),
      "TV, expected TV": "total variation between the distributions of z_photo and z_spec, 0 for "
                         "equal ones and 1 for disjoint ones; it measures mode collapse. Expected: "
                         "of a sample of this size without mode collapse",
      "slope(z_spec), slope(z_photo)": "slope of a straight line through the mean residuals of "
                                       "bins of that redshift above "
                                       f"{survey.fit_z_min:g}",
      "rms(z_photo)": "root mean square of the mean residuals of bins of z_photo; all bins count "
                      "alike, so that bins of a few galaxies dominate it"
                      + (f". Weighted by galaxies it is {weighted}" if weighted else ""),
      **({UNNAMED: reference} if reference else {})}


def _listed(results):
  return ", ".join(result.title for result in results)


def _missing_slopes(results, survey):
  without = [result.title for result in results
             if math.isnan(result.summary["slope_z_spec"].slope)]
  return (f"No slope can be fitted for {', '.join(without)}: fewer than three bins above z_spec = "
          f"{survey.fit_z_min:g} have galaxies. " if without else "")


def _about_step4(results):
  return ("Step 4 is designed to flatten (b), at some cost in (a). "
          if any(result.name == "step4" for result in results) else "")


def _about_references(results):
  titles = [result.title for result in results if result.is_reference]
  if not titles:
    return ""
  named = "Reference" if titles == [UNNAMED] else ", ".join(titles)
  return (f" {named}: the photometric redshifts of the source catalogue, for galaxies that have "
          "one.")
