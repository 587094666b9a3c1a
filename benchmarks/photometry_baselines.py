"""Net_C beside k nearest neighbours and gradient boosting, on the split of one data set.

  python -m benchmarks.photometry_baselines --data=data/spec --run=runs/sdss_net6_ne1

Needs scikit-learn (pip install scikit-learn), which the package itself never imports.  All take
magnitudes, neighbouring colours and, where the data set has them, logarithms of errors.
  kNN       the number of neighbours, and whether errors count, are those with the lowest CRPS of
            validation galaxies; p(z) is the histogram of the neighbours' redshifts
  boosting  HistGradientBoostingRegressor, one for each of 19 quantiles; p(z) is the density between
            them
p(z) is on the bins of the survey for all.  Step 3's grid is longer, and its CRPS counts all of it.
"""

from __future__ import annotations

import argparse
import itertools
import os
from typing import Iterator

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.neighbors import NearestNeighbors

import pzbias_tf as pz
from pzbias_tf.data.dataset import Dataset
from pzbias_tf.survey import Survey, load_survey
from pzbias_tf.training.run_folder import PREDICTIONS_TEST
from pzbias_tf.training.stages import STAGES

NEIGHBOURS = (10, 20, 40, 80)
LEVELS = np.arange(1, 20) / 20
ESTIMATES = ("zmode", "zmean", "zmedian")


def features(data: Dataset, *, errors: bool) -> np.ndarray:
  """Magnitudes, colours and perhaps logarithms of errors, standardised, [records, features]."""
  magnitudes, sigma = data.photometry()
  if not np.isfinite(magnitudes).all():
    raise ValueError(f"{data.folder} lacks magnitudes; convert with --missing_magnitudes=reject")
  parts = [magnitudes, magnitudes[:, :-1] - magnitudes[:, 1:]]
  if errors and sigma is not None:
    parts.append(np.log(np.maximum(sigma, 1e-3)))
  values = np.concatenate(parts, 1)
  train = values[data.column("split") == "train"]
  return (values - train.mean(0)) / train.std(0)


def neighbours(data: Dataset, survey: Survey) -> tuple[str, np.ndarray]:
  """Label and p(z) of the test galaxies by the best of several k nearest neighbours."""
  split, z_spec = data.column("split"), data.column("z_spec")
  bins = survey.redshift_bin(np.where(np.isfinite(z_spec), z_spec, 0.0))
  best = (np.inf, "", np.empty(0))
  for errors in (False, True):
    values = features(data, errors=errors)
    search = NearestNeighbors(n_neighbors=max(NEIGHBOURS)).fit(values[split == "train"])
    found = {name: bins[split == "train"][search.kneighbors(
        values[split == name], return_distance=False)] for name in ("validation", "test")}
    for number in NEIGHBOURS:
      pdf = {name: histograms(own[:, :number], survey.bins) for name, own in found.items()}
      score = float(np.mean(pz.crps(pdf["validation"], z_spec[split == "validation"], survey)))
      if score < best[0]:
        best = (score, f"{number} nearest neighbours{' with errors' * errors}", pdf["test"])
  return best[1:]


def histograms(bins: np.ndarray, num: int) -> np.ndarray:
  """Share of each galaxy's neighbours in each bin, [n, num]."""
  galaxy = np.arange(len(bins))[:, np.newaxis]
  counts = np.bincount((galaxy * num + bins).ravel(), minlength=len(bins) * num)
  return counts.reshape(len(bins), num) / bins.shape[1]


def boosting(data: Dataset, survey: Survey) -> tuple[str, np.ndarray]:
  """Label and p(z) of the test galaxies by quantiles of gradient boosting."""
  split, z_spec = data.column("split"), data.column("z_spec")
  values = features(data, errors=True)
  quantiles = [HistGradientBoostingRegressor(
      loss="quantile", quantile=level, max_iter=300, learning_rate=0.05,
      random_state=0).fit(values[split == "train"], z_spec[split == "train"]).predict(
          values[split == "test"]) for level in LEVELS]
  return "gradient boosting", densities(np.sort(np.stack(quantiles, 1), axis=1), survey)


def densities(quantiles: np.ndarray, survey: Survey) -> np.ndarray:
  """p(z) [n, bins] whose distribution is linear between quantiles [n, levels].

  The tails are as long as the outer two quantiles are apart.
  """
  first, last = (quantiles[:, :1] - (quantiles[:, 1:2] - quantiles[:, :1]),
                 quantiles[:, -1:] + (quantiles[:, -1:] - quantiles[:, -2:-1]))
  ends = np.maximum.accumulate(np.concatenate([first, quantiles, last], 1), axis=1)
  ends += 1e-9 * np.arange(ends.shape[1])  # rising
  levels, edges = np.concatenate([[0.0], LEVELS, [1.0]]), survey.edges()
  cdf = np.stack([np.interp(edges, end, levels) for end in ends])
  cdf[:, 0], cdf[:, -1] = 0.0, 1.0
  return np.diff(cdf, axis=1)


def networks(run: str) -> Iterator[tuple[str, pz.Predictions]]:
  """Name and test predictions of the stages of a run."""
  for stage in STAGES:
    path = os.path.join(run, stage.name, PREDICTIONS_TEST)
    if os.path.exists(path):
      yield f"Net_C, {stage.title}", pz.Predictions.load(path)


def scores(table: pz.Predictions, survey: Survey) -> list[float]:
  """sigma_MAD of three estimates, eta of the mode, CRPS, total variation of the mode."""
  mode = table.ancil["zmode"]
  crps = pz.crps(table.pdf, table.z_spec, survey)
  return [*(pz.sigma_mad(table.z_spec, table.ancil[name]) for name in ESTIMATES),
          pz.outlier_fraction(table.z_spec, mode, survey), float(np.mean(crps)),
          pz.total_variation(table.z_spec, mode, survey)[0]]


def main() -> None:
  """Prints the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--data", required=True, help="data set of photometry")
  parser.add_argument("--run", required=True, help="run that was trained on it")
  values = parser.parse_args()
  data = Dataset.open(values.data)
  survey = load_survey(data.manifest.survey)
  counts = [data.manifest.records(split) for split in ("train", "validation", "test")]
  print(f"{values.data}: {counts[0]} training, {counts[1]} validation, {counts[2]} test galaxies")
  print(f"{'':32s} {'sigma_MAD of':>26s}")
  print(f"{'':32s}" + "".join(f" {name:>8s}" for name in (
      *(name[1:] for name in ESTIMATES), "eta", "CRPS", "TV")), flush=True)
  for name, table in itertools.chain(networks(values.run), others(data, survey)):
    print(f"{name:32s}" + "".join(f" {value:8.4f}" for value in scores(table, survey)),
          flush=True)


def others(data: Dataset, survey: Survey) -> Iterator[tuple[str, pz.Predictions]]:
  """Name and test predictions of the methods of scikit-learn."""
  test = data.column("split") == "test"
  for method in (neighbours, boosting):
    name, pdf = method(data, survey)
    yield name, pz.Predictions.make(survey.edges(), pdf, id=data.column("id")[test],
                                    redshift=data.column("z_spec")[test])


if __name__ == "__main__":
  main()
