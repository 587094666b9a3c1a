"""Processor time of the metrics.

  python benchmarks/metrics.py [--num=100000,1000000] [--survey=sdss] [--num_bootstrap=100]

Prints, for each number of galaxies, the processor time of each part of the point
metrics with their bootstraps, of all parts together, and of the metrics of PDFs.
The galaxies are random: r magnitudes and redshifts like those of a survey, estimates
with scatter and mode collapse, and PDFs around the estimates.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from pzbias_tf import cells
from pzbias_tf.bias.dispersion import fit_dispersions
from pzbias_tf.metrics import distributions, pdf, point, residuals
from pzbias_tf.metrics.bootstrap import Bootstrap
from pzbias_tf.survey import Survey, load_survey


def galaxies(num: int, survey: Survey) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """z_spec, z_photo (bin centres) and r of random galaxies, [num] each."""
  rng = np.random.default_rng(0)
  z_spec = rng.beta(2, 3, num) * survey.z_max
  r_mag = survey.r_max - rng.gamma(1.5, 0.15 * (survey.r_max - survey.r_min), num)
  scattered = z_spec + rng.normal(0.0, 0.04 * survey.z_max, num)
  bins = survey.redshift_bin(scattered)
  collapsed = np.where(rng.random(num) < 0.3, bins // 8 * 8 + 4, bins)
  return z_spec, survey.centers()[np.minimum(collapsed, survey.bins - 1)], r_mag


def pdfs(z_photo: np.ndarray, survey: Survey) -> np.ndarray:
  """Gaussian PDFs around the estimates, [n, bins] float32."""
  width = 0.04 * survey.z_max
  shapes = np.exp(-0.5 * ((survey.centers() - survey.centers()[:, None]) / width) ** 2)
  shapes /= shapes.sum(axis=1, keepdims=True)
  return shapes.astype(np.float32)[survey.redshift_bin(z_photo)]


def pdf_parts(sample, survey: Survey, bootstrap: Bootstrap):
  """{name of the metrics of PDFs: function without arguments}."""
  z_spec, z_photo, _ = sample
  probabilities = pdfs(z_photo, survey)
  scores = pdf.pdf_scores(probabilities[:1], z_spec[:1], survey)  # warms up

  def measure():
    return pdf.pdf_metrics(scores, np.zeros(len(z_spec), int), 1, bootstrap=bootstrap)

  def score():
    nonlocal scores
    scores = pdf.pdf_scores(probabilities, z_spec, survey)

  return {"scores of PDFs": score, "metrics of PDFs, all galaxies": measure}


def point_parts(sample, survey: Survey, bootstrap: Bootstrap):
  """{name of a metric of point estimates: function without arguments}."""
  z_spec, z_photo, r_mag = sample
  options = dict(num_bootstrap=bootstrap.number, seed=bootstrap.seed)
  variance, grid = residuals.variances(
      z_spec, z_photo, r_mag, np.ones(survey.outputs), survey)
  curve = residuals.residual_vs_z_spec(z_spec, z_photo, variance, survey)

  def grouped(group, number):
    return lambda: point.point_metrics(
        z_spec, z_photo, group, number, survey, bootstrap=bootstrap)

  return {
      "point metrics, all galaxies": grouped(np.zeros(len(z_spec), int), 1),
      "point metrics by magnitude row": grouped(survey.magnitude_row(r_mag), survey.rows),
      "point metrics by wide redshift bin": grouped(
          cells.wide_cell(z_photo, survey), cells.WIDE_CELLS),
      "dispersions": lambda: fit_dispersions(z_spec, z_photo, r_mag, survey),
      "variances": lambda: residuals.variances(
          z_spec, z_photo, r_mag, np.ones(survey.outputs), survey),
      "residual curves": lambda: (
          residuals.residual_vs_z_spec(z_spec, z_photo, variance, survey),
          residuals.residual_vs_z_photo(z_spec, z_photo, survey),
          residuals.simulated_residual(z_spec, r_mag, grid, survey)),
      "total variation": lambda: distributions.total_variation(
          z_spec, z_photo, survey, **options),
      "expected total variation": lambda: distributions.expected_total_variation(
          z_spec, curve, survey),
      "Wasserstein by magnitude": lambda: distributions.wasserstein_by_magnitude(
          z_spec, z_photo, r_mag, survey, **options)}


def main() -> None:
  """Measures for each number of galaxies."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--num", default="100000,1000000")
  parser.add_argument("--survey", default="sdss")
  parser.add_argument("--num_bootstrap", type=int, default=100)
  values = parser.parse_args()
  survey, bootstrap = load_survey(values.survey), Bootstrap(number=values.num_bootstrap)
  for num in map(int, values.num.split(",")):
    print(f"{num} galaxies, {survey.name}, {bootstrap.number} bootstraps: processor time")
    sample = galaxies(num, survey)
    total_s = sum(_timed(name, part) for name, part in point_parts(
        sample, survey, bootstrap).items())
    print(f"  {'point metrics together':36s} {total_s:6.2f} s")
    for name, part in pdf_parts(sample, survey, bootstrap).items():
      _timed(name, part)


def _timed(name, part):
  """Prints and returns the processor time of a part, s."""
  start_s = time.process_time()
  part()
  took_s = time.process_time() - start_s
  print(f"  {name:36s} {took_s:6.2f} s", flush=True)
  return took_s


if __name__ == "__main__":
  main()
