"""catalog.fits: one row a record, in record order.

Labels (redshift bin, magnitude row) are looked up here by a record's `row`, in
double precision, so that records and tables never disagree about a bin.
"""

from __future__ import annotations

import os

import numpy as np
from astropy.table import Table

from pzbias_tf.data import manifest as manifest_lib
from pzbias_tf.files import whole_file

# Column -> (dtype, unit, description).  Missing numbers are NaN, missing words "".
OBJECT_COLUMNS = {
    "id": (str, None, "object id"),
    "z_spec": (np.float64, None, "spectroscopic redshift, NaN where unknown"),
    "r_mag": (np.float64, "mag", "r magnitude (AB) that selects the magnitude row"),
    "r_err": (np.float64, "mag", "error of r_mag"),
    "i_mag": (np.float64, "mag", "i magnitude (AB)"),
    "i_err": (np.float64, "mag", "error of i_mag"),
    "ebv": (np.float64, "mag", "Galactic reddening E(B-V)"),
    "z_photo_ref": (np.float64, None, "photometric redshift of the source catalogue"),
    "field": (str, None, "part of the survey, e.g. W or D"),
    "sample": (str, None, "spectroscopic sample, e.g. HQ or LR"),
    "ra": (np.float64, "deg", "right ascension (ICRS)"),
    "dec": (np.float64, "deg", "declination (ICRS)"),
}
RECORD_COLUMNS = {
    "copy": (np.int16, None, "0, or the number of the augmented copy"),
    "split": (str, None, "train, validation, test or target"),
    "shard": (np.int32, None, "number of the shard within its split"),
    "position": (np.int32, None, "number of the record within its shard"),
}


def object_table(num: int, **columns) -> Table:
  """A table of `num` objects with every column of OBJECT_COLUMNS.

  Args:
    num: number of objects.
    **columns: arrays [num] for some of the columns; the others are missing
      values (NaN or "").

  Raises:
    ValueError: an unknown column, or one of another length.
  """
  unknown = sorted(set(columns) - set(OBJECT_COLUMNS))
  if unknown:
    raise ValueError(f"no catalogue column is called {', '.join(unknown)}; "
                     f"known are {', '.join(OBJECT_COLUMNS)}")
  table = Table()
  for name, (dtype, _, description) in OBJECT_COLUMNS.items():
    values = columns.get(name, [""] * num if dtype is str else np.full(num, np.nan))
    values = np.asarray(values)
    if values.shape != (num,):
      raise ValueError(f"column {name} has shape {values.shape}, expected ({num},)")
    table[name] = values.astype(dtype)
    table[name].description = description
  return table


def save_catalog(table: Table, folder: str) -> None:
  """Writes a record table as catalog.fits, with units."""
  table = table.copy()
  for name, (_, unit, description) in {**OBJECT_COLUMNS, **RECORD_COLUMNS}.items():
    table[name].unit = unit
    table[name].description = description
  path = os.path.join(folder, manifest_lib.CATALOG_NAME)
  with whole_file(path) as hidden:
    table.write(hidden, format="fits", overwrite=True)


def load_catalog(folder: str) -> Table:
  """Reads catalog.fits.

  Returns:
    A table in record order; text columns are str, missing numbers NaN.

  Raises:
    OSError: the file is missing or no FITS file.
    ValueError: a column is missing.
  """
  path = os.path.join(folder, manifest_lib.CATALOG_NAME)
  table = Table.read(path, format="fits", mask_invalid=False)
  missing = [name for name in {**OBJECT_COLUMNS, **RECORD_COLUMNS} if name not in table.colnames]
  if missing:
    raise ValueError(f"{path}: no column {', '.join(missing)}; convert the data set again")
  table.convert_bytestring_to_unicode()
  return table
