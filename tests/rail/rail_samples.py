"""Galaxies as RAIL has them, for the tests of its stages; without RAIL, those are skipped."""

import unittest

import h5py
import numpy as np

try:
  from pzbias_tf import rail as stages
except ImportError as error:
  raise unittest.SkipTest(f"pz-rail-base is not installed: {error}") from error

BANDS = "ugrizy"
MAGNITUDES = [f"mag_{band}_lsst" for band in BANDS]
ERRORS = [f"mag_err_{band}_lsst" for band in BANDS]


def make_galaxies(num: int, seed: int) -> dict[str, np.ndarray]:
  """A table as RAIL has them, whose colours tell the redshift; some bands are not measured."""
  rng = np.random.default_rng(seed)
  redshift, r_mag = rng.beta(2, 4, num) * 1.5 + 0.01, rng.uniform(20.0, 24.0, num)
  slopes = np.array([3.0, 1.5, 0.0, -1.0, -1.5, -1.8])
  errors = rng.uniform(0.01, 0.03, (num, 6))
  magnitudes = r_mag[:, None] + slopes * (1.0 + 0.5 * redshift[:, None]) + rng.normal(0, errors)
  magnitudes[::9, 0] = 99.0  # RAIL's number for what was not detected
  magnitudes[4::9, 5] = np.nan
  return {"object_id": np.arange(num) + 1000 * seed, "redshift": redshift,
          **dict(zip(MAGNITUDES, magnitudes.T)), **dict(zip(ERRORS, errors.T))}


def write(path: str, table: dict[str, np.ndarray]) -> None:
  with h5py.File(path, "w") as file:
    for name, values in table.items():
      file[f"photometry/{name}"] = values


def estimator(name: str, model, **settings):
  """An estimator in Python, whose table is no group of a file."""
  return stages.PzbiasEstimator.make_stage(
      name=name, model=model, hdf5_groupname="", output_mode="return", **settings)
