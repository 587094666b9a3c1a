"""Whether galaxies are real or simulated, and how files say so.

A simulation leaves its settings beside its files, a conversion takes them over into the manifest
of the data set, and the files of estimates carry a mark.  So a report knows what it is of.
"""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any, Mapping

from pzbias_tf.guards.hdf5_locks import open_hdf5

SIMULATION_RECORD = "simulation.json"
"""The file of a simulation's settings, in its folder."""

FITS_MARK, MARK = "SIMULATE", "simulated"
"""Header keyword of FITS tables; attribute of HDF5 files and key of Parquet files."""

SIMULATED, RENDERED, REAL, UNKNOWN = "simulated", "rendered", "real", "unknown"
"""Galaxies that never were; simulated images of real ones; real galaxies; not known."""

MIXED = "mixed"
"""Of a comparison: some of one kind, and some of another."""

_MANIFEST = "manifest.json"
_MARKS = {SIMULATED: "galaxies", RENDERED: "images"}
_HEADLINES = {SIMULATED: "Simulated galaxies", RENDERED: "Simulated images of real galaxies",
              REAL: "Real galaxies", UNKNOWN: "Not known whether real or simulated",
              MIXED: "Galaxies of several kinds"}
_NOT_REAL = ("The numbers tell what the method does, and not how well redshifts of observed "
             "galaxies are estimated.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GalaxyOrigin:
  """Where galaxies come from.

  Attributes:
    kind: SIMULATED, RENDERED, REAL, UNKNOWN or MIXED.
    source: of real galaxies, what they were read from, in words; of RENDERED ones, the table of
      their redshifts and magnitudes; of UNKNOWN, why it is not known; of MIXED, which are what.
  """

  kind: str
  source: str = ""

  @property
  def headline(self) -> str:
    """What they are, in a few words."""
    return _HEADLINES[self.kind]

  @property
  def note(self) -> str:
    """What follows from that, in one or two sentences."""
    table = f" of {self.source}" if self.source else " of a table"
    return {
        SIMULATED: f"Redshifts, magnitudes and images are made by a simulation. {_NOT_REAL}",
        RENDERED: f"Redshifts and magnitudes are those{table}, the images are made by a "
                  f"simulation. {_NOT_REAL}",
        REAL: f"{self.source[:1].upper()}{self.source[1:]}, which nothing marks as simulated.",
        UNKNOWN: self.source, MIXED: self.source}[self.kind]

  @property
  def mark(self) -> str:
    """What files of estimates say of them, "" of those that are not known to be simulated."""
    return _MARKS.get(self.kind, "")


def origin_of_record(record: Mapping[str, Any] | None, source: str) -> GalaxyOrigin:
  """The origin by the record of a simulation.

  Args:
    record: `simulation_record`, or "simulated" in the source of a manifest; None for none.
    source: what the galaxies were read from, in words.
  """
  if record is None:
    return GalaxyOrigin(kind=REAL, source=source)
  table = record.get("photometry")
  if not table:
    return GalaxyOrigin(kind=SIMULATED)
  return GalaxyOrigin(kind=RENDERED, source=str(table.get("file", "")))


def simulation_record(path: str) -> dict[str, Any] | None:
  """The settings of the simulation that a file or folder comes from; None for none.

  Looks for the mark of a table, then for the record of a simulation and for the manifest of a
  data set in the folder.

  Args:
    path: local file or folder of galaxies.

  Raises:
    ValueError: the record is damaged.
  """
  if not os.path.exists(path):
    return None
  mark = read_mark(path)
  if mark:
    return {"photometry": {"file": ""}} if mark == _MARKS[RENDERED] else {"marked": mark}
  folder = path if os.path.isdir(path) else os.path.dirname(path) or "."
  record = os.path.join(folder, SIMULATION_RECORD)
  if os.path.isfile(record):
    return _read_record(record)
  return _manifest_record(os.path.join(folder, _MANIFEST))


def _manifest_record(path):
  """The record in the manifest of a data set; None without."""
  try:
    with open(path, encoding="utf-8") as file:
      return json.load(file)["source"].get("simulated")
  except (OSError, ValueError, TypeError, KeyError, AttributeError):  # or that of something else
    return None


def read_mark(path: str) -> str:
  """What a file of estimates says of its galaxies: "galaxies", "images" (simulated), or "".

  Args:
    path: the file, or a folder of parts in Parquet.
  """
  if os.path.isdir(path):
    schemas = [os.path.join(path, *below, "_common_metadata") for below in ((), ("dataset",))]
    return "".join(map(_parquet_mark, filter(os.path.isfile, schemas)))
  plain = path.removesuffix(".gz")
  try:
    if plain.endswith((".fits", ".fit")):
      from astropy.io import fits  # slow, and read where commands read their flags

      with fits.open(path) as hdus:
        return str(next((hdu.header[FITS_MARK] for hdu in hdus if FITS_MARK in hdu.header), ""))
    if plain.endswith((".hdf5", ".h5", ".hdf")):
      with open_hdf5(path) as file:
        return str(file.attrs.get(MARK, ""))
    return _parquet_mark(path) if plain.endswith(".parquet") else ""
  except OSError:  # not such a file: its reader says what is wrong
    return ""


def _parquet_mark(path):
  try:
    import pyarrow
    from pyarrow import parquet  # an optional dependency
  except ImportError:
    return ""
  try:
    metadata = parquet.read_schema(path).metadata or {}
  except pyarrow.ArrowException:
    return ""
  return metadata.get(MARK.encode(), b"").decode()


def _read_record(path):
  with open(path, encoding="utf-8") as file:
    try:
      record = json.load(file)
    except ValueError as error:
      raise ValueError(f"{path} is damaged ({error}); simulate again, or delete the file if these "
                       "galaxies are not simulated") from error
  return record if isinstance(record, dict) else {}
