"""A small table of photometry for the tests, whose colours tell the redshift."""

import os

from astropy.table import Table
import numpy as np

from data_tools import make_tfrecords
from data_tools.conversion.command_line.conversion_config import ConversionConfig
from data_tools.conversion.conversion_settings import ConversionSettings
from data_tools.readers import ReaderOptions
from pzbias_tf.data.dataset import Dataset

BANDS = "ugriz"
ERRORS = tuple(f"e{band}" for band in BANDS)


def make_table(num: int = 400, seed: int = 0) -> Table:
  """Galaxies `id`, `zs`, `u` to `z`, `eu` to `ez` and `mag_J`, as a survey delivers them."""
  rng = np.random.default_rng(seed)
  z_spec, r_mag = rng.beta(2, 4, num) * 0.38 + 0.01, rng.uniform(14.0, 17.7, num)
  slopes = np.array([3.0, 1.5, 0.0, -1.0, -1.5])
  errors = rng.uniform(0.01, 0.03, (num, 5))
  magnitudes = r_mag[:, None] + slopes * (1.0 + 2.0 * z_spec[:, None]) + rng.normal(0, errors)
  return Table({
      "id": [f"g{row:05d}" for row in range(num)], "zs": z_spec,
      **dict(zip(BANDS, magnitudes.T)),
      **dict(zip(ERRORS, errors.T)),
      "mag_J": r_mag - 2.0 * z_spec + rng.normal(0, 0.1, num), "ebv": rng.uniform(0, 0.1, num)})


def convert_table(path: str, output: str, *, survey: str = "sdss", split=(0.6, 0.1, 0.3),
                  columns=None, ebv=None, max_r_mag: str = "", **options) -> Dataset:
  """Converts a table with the command's own code, magnitudes and errors unless told otherwise."""
  options = {"magnitude_columns": tuple(BANDS), "error_columns": ERRORS, **options}
  make_tfrecords.run(ConversionConfig(
      survey=survey, input=path, output=output, max_r_mag=max_r_mag,
      options=ReaderOptions(columns=columns or {}, ebv=ebv, **options),
      settings=ConversionSettings(split=split)))
  return Dataset.open(output)


def make_photometry(folder: str, table: Table | None = None, **settings) -> Dataset:
  """Writes a table as FITS beside a data set of it, and opens that."""
  os.makedirs(os.path.dirname(folder), exist_ok=True)
  (make_table() if table is None else table).write(f"{folder}.fits", overwrite=True)
  return convert_table(f"{folder}.fits", folder, **settings)
