"""Predictions files of a few galaxies, for tests of parts."""

import numpy as np

from pzbias_tf.bias.calibration import Calibration
from pzbias_tf.files import whole_file
from pzbias_tf.guards.hdf5_locks import open_hdf5
from pzbias_tf.predictions.predictions import Predictions
from pzbias_tf.predictions.predictions_file import PdfFormat, PredictionsWriter
from pzbias_tf.survey import SDSS

NUM = 230


def predictions(num=NUM, seed=0) -> Predictions:
  rng = np.random.default_rng(seed)
  pdf = rng.dirichlet(np.ones(180), num).astype(np.float32)
  return Predictions.make(SDSS.edges(), pdf, **{
      "id": np.array([f"gálaxy {number}" for number in range(num)]),
      "redshift": rng.uniform(0, 0.4, num), "r_mag": rng.uniform(13.0, 17.8, num),
      "field": rng.choice(["W", "D"], num), "sample": rng.choice(["HQ", "LR"], num),
      "ra": rng.uniform(0, 360, num), "dec": rng.uniform(-90, 90, num), "row": np.arange(num),
      "flags": rng.integers(0, 8, num).astype(np.int16)})


def write_predictions(path, given, pdf_format=PdfFormat()):
  with whole_file(path) as hidden, open_hdf5(hidden, "w") as file:
    writer = PredictionsWriter(file, given.edges, len(given), pdf_format, weights_digest="abc",
                               simulated="images")
    writer.append(given.pdf, given.ancil)


def calibration() -> Calibration:
  given = predictions(3000, seed=9)
  return Calibration.fit(given.z_spec, given.z_photo, given.r_mag, SDSS)
