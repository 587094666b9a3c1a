"""Catalogues of point estimates that TOPCAT and astropy open: FITS, and Parquet with pyarrow.

The files hold units, descriptions and UCDs (UCD1+ words of the IVOA): in FITS as TUNITn,
TCOMMn and TUCDn, in Parquet as the VOTable header that the IVOA's note "Parquet in the VO"
describes.
"""

from __future__ import annotations

import contextlib
import importlib.util
from typing import Any, Iterable, Mapping, NamedTuple

from astropy.io import fits
from astropy.table import Table
import numpy as np

from pzbias_tf.data import reference_columns
from pzbias_tf.data.galaxy_origin import FITS_MARK, MARK
from pzbias_tf.files import whole_file
from pzbias_tf.predictions.combination import BY_MEAN
from pzbias_tf.predictions.domain import FLAGS
from pzbias_tf.predictions.predictions_file import as_bytes

_PHOTO_Z = "src.redshift.phot"
_FIRST = 1000  # galaxies that tell whether a column's values repeat


class ColumnInfo(NamedTuple):
  """What a file says about a column: description, unit ("" for none) and UCD."""

  description: str
  unit: str
  ucd: str


COLUMN_INFO = {
    "id": ColumnInfo("object id", "", "meta.id;meta.main"),
    "ra": ColumnInfo("right ascension (ICRS)", "deg", "pos.eq.ra;meta.main"),
    "dec": ColumnInfo("declination (ICRS)", "deg", "pos.eq.dec;meta.main"),
    "r_mag": ColumnInfo("r magnitude (AB)", "mag", "phot.mag;em.opt.R"),
    "ebv": ColumnInfo("Galactic reddening E(B-V)", "mag", "phot.color.excess"),
    "field": ColumnInfo("part of the survey", "", "meta.id;obs.field"),
    "sample": ColumnInfo("spectroscopic sample", "", "meta.id"),
    "row": ColumnInfo("row in the catalogue of the data set, from 0", "", "meta.record"),
    "redshift": ColumnInfo("spectroscopic redshift, NaN where unknown", "", "src.redshift"),
    "z_spec": ColumnInfo("spectroscopic redshift", "", "src.redshift"),
    reference_columns.COLUMN: ColumnInfo(
        reference_columns.description(reference_columns.COLUMN), "", _PHOTO_Z),
    "zmode": ColumnInfo("centre of the most probable redshift bin", "", _PHOTO_Z),
    "zmode_calibrated": ColumnInfo("zmode after Step 4", "", _PHOTO_Z),
    "zmean": ColumnInfo("mean of p(z)", "", f"{_PHOTO_Z};stat.mean"),
    "zmedian": ColumnInfo("median of p(z)", "", f"{_PHOTO_Z};stat.median"),
    "zbest": ColumnInfo("redshift of the lowest expected loss", "", _PHOTO_Z),
    "z_low68": ColumnInfo("lower end of the central 68% of p(z)", "", f"{_PHOTO_Z};stat.min"),
    "z_high68": ColumnInfo("upper end of the central 68% of p(z)", "", f"{_PHOTO_Z};stat.max"),
    "z_low95": ColumnInfo("lower end of the central 95% of p(z)", "", f"{_PHOTO_Z};stat.min"),
    "z_high95": ColumnInfo("upper end of the central 95% of p(z)", "", f"{_PHOTO_Z};stat.max"),
    "flags": ColumnInfo("outside of the training domain, sum of " + ", ".join(
        f"{bit} {reason}" for reason, bit in FLAGS.items()), "", "meta.code.qual"),
    BY_MEAN: ColumnInfo("True: the p(z) of several networks nowhere overlap, and this is their "
                        "mean instead of their harmonic mean", "", "meta.code"),
    "z_photo": ColumnInfo("Step 3: centre of the most probable bin", "", _PHOTO_Z),
    "z_photo_calibrated": ColumnInfo("after Step 4", "", _PHOTO_Z),
    "calibration_error": ColumnInfo(
        "standard error of Step 4's correction", "", f"stat.error;{_PHOTO_Z}"),
    "corrected": ColumnInfo("False: Step 4 had no galaxies in this cell", "", "meta.code"),
}
"""The known columns, in the order in which they are written; see `column_info`."""


def column_info(names: Iterable[str]) -> dict[str, ColumnInfo]:
  """The known ones of some columns, in the order in which they are written.

  Several photometric redshifts of the source catalogue take the place of the only one.
  """
  names = set(names)
  known: dict[str, ColumnInfo] = {}
  for name, info in COLUMN_INFO.items():
    if name == reference_columns.COLUMN:
      known.update({column: info._replace(description=reference_columns.description(column))
                    for column in reference_columns.columns_in(names)})
    elif name in names:
      known[name] = info
  return known


def can_write_parquet() -> bool:
  """Whether pyarrow is installed."""
  return importlib.util.find_spec("pyarrow") is not None


def write_fits(path: str, columns: Mapping[str, np.ndarray], *, simulated: str = "") -> None:
  """Writes columns as a FITS table, whole or not at all.

  Args:
    path: the file.
    columns: {a name of `column_info`: values [n]}.
    simulated: `GalaxyOrigin.mark` of the galaxies, for the header.
  """
  table = _as_stored(columns)
  header = _fits_header(table, columns)
  if simulated:
    header[FITS_MARK] = simulated, "what is simulated, nothing was observed"
  with whole_file(path) as hidden:
    # As bytes: astropy would turn each text into a str and back, most of the time that this takes.
    with contextlib.closing(fits.StreamingHDU(hidden, header)) as stream:
      stream.write(table.view(np.uint8))


def _fits_header(table, columns):
  """Header of an array of `_as_stored`: formats, units, descriptions and UCDs."""
  is_bool = {name: np.asarray(columns[name]).dtype == bool for name in table.dtype.names}
  empty = np.empty(0, [(name, bool if is_bool[name] else table.dtype[name]) for name in is_bool])
  header = fits.BinTableHDU(empty).header
  header["NAXIS2"] = len(table)
  for number, info in enumerate(column_info(columns).values(), 1):
    if info.unit:
      header.set(f"TUNIT{number}", info.unit, after=f"TFORM{number}")
    header[f"TCOMM{number}"] = info.description
    header[f"TUCD{number}"] = info.ucd
  return header


def write_parquet(path: str, columns: Mapping[str, np.ndarray], *, simulated: str = "") -> None:
  """Writes columns as Parquet with a VOTable header; arguments as `write_fits`.

  Raises:
    ImportError: pyarrow is not installed.
  """
  from pyarrow import parquet  # an optional dependency
  with whole_file(path) as hidden:
    table = parquet_table(columns, hidden, simulated=simulated)
    parquet.write_table(table, hidden, use_dictionary=_repetitive(table))


def _repetitive(table):
  """Names of the columns whose values repeat; of others, a dictionary takes time and room."""
  first = table.slice(0, _FIRST)
  return [name for name, column in zip(first.column_names, first.columns)
          if len(column.unique()) <= len(column) // 2]


def parquet_table(columns: Mapping[str, np.ndarray], scratch: str, *, simulated: str = "") -> Any:
  """Columns as a pyarrow table with the VOTable header; arguments as `write_fits`.

  Args:
    columns: as there.
    scratch: a file name; astropy makes the header only with a file.
    simulated: as there.
  """
  import pyarrow  # an optional dependency
  from pyarrow import parquet
  table = _with_units(columns)
  table[:1].write(scratch, format="parquet.votable", overwrite=True, metadata={
      name: info._asdict() for name, info in column_info(columns).items()})
  header = dict(parquet.read_schema(scratch).metadata)
  if simulated:
    header[MARK.encode()] = simulated.encode()
  return pyarrow.Table.from_pydict(
      {name: np.asarray(columns[name]) for name in table.colnames}).replace_schema_metadata(header)


def point_table(columns: Mapping[str, np.ndarray]) -> Table:
  """Columns as a table in memory, with units and descriptions; arguments as `write_fits`.

  Columns that `column_info` does not describe come last.
  """
  known = column_info(columns)
  others = {name: column for name, column in columns.items() if name not in known}
  table = _with_units({name: columns[name] for name in known})
  for name, info in known.items():
    table[name].description = info.description
  for name, column in others.items():
    table[name] = column
  return table


def _known(columns):
  """`column_info` of columns, all of which it knows."""
  known = column_info(columns)
  unknown = sorted(set(columns) - set(known))
  if unknown:
    raise ValueError(f"unknown column {', '.join(unknown)}; describe it in COLUMN_INFO")
  return known


def _as_stored(columns):
  """The columns as FITS stores them, one array [n] with their names as fields."""
  stored = {name: as_bytes(np.asarray(columns[name]), encoding="ascii") for name in _known(columns)}
  stored = {name: np.where(column, b"T", b"F") if column.dtype == bool else column
            for name, column in stored.items()}
  table = np.empty(len(next(iter(stored.values()))), [
      (name, column.dtype.newbyteorder(">")) for name, column in stored.items()])
  for name, column in stored.items():
    table[name] = column
  return table


def _with_units(columns):
  """The columns in the order of COLUMN_INFO, with their units."""
  known = _known(columns)
  table = Table({name: columns[name] for name in known})
  for name, info in known.items():
    table[name].unit = info.unit or None
  return table
