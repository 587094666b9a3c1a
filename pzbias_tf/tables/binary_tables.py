"""Tables that say of each column what it holds: VOTable, and those of astropy."""

from __future__ import annotations

import io
from typing import Sequence
import warnings

from absl import logging
from astropy.io import votable
from astropy.table import Column, Table
import numpy as np

from pzbias_tf.tables.table_contents import TableColumns

_SYSTEMS = {"eq_fk4": "FK4", "eq_fk5": "FK5", "icrs": "ICRS"}
"""{system of a VOTable: RADESYS}."""


def read_votable(path: str, content: bytes) -> TableColumns:
  """The columns of the first table with rows, and the system of its positions."""
  with warnings.catch_warnings(action="ignore"):
    document = votable.parse(io.BytesIO(content), verify="ignore")
    tables = list(document.iter_tables())
    with_rows = [table for table in tables if len(table.array)] or tables
    _check_status(document, path)
    if not with_rows:
      raise ValueError("the VOTable holds no table")
    if len(with_rows) > 1:
      logging.warning("%s: %d tables; the first is read", path, len(with_rows))
    columns = from_astropy(with_rows[0].to_table(use_names_over_ids=True))
  for field in with_rows[0].fields:
    columns.set_unit(field.name, str(field.unit or ""), field.ucd or "",
                     description=field.description or "")
  for system in document.iter_coosys():
    columns.header["RADESYS"] = _SYSTEMS.get(system.system.lower(), system.system)
    if system.equinox:
      columns.header["EQUINOX"] = system.equinox
    break
  return columns


def _check_status(document, path: str) -> None:
  """Refuses the report of an error in place of a table; warns of one that was cut off."""
  for info in (*document.infos, *(info for part in document.resources for info in part.infos)):
    if info.name == "QUERY_STATUS" and str(info.value).upper() == "ERROR":
      raise ValueError(f"the archive reports an error in place of a table: {info.content}")
    if info.name == "QUERY_STATUS" and str(info.value).upper() == "OVERFLOW":
      logging.warning("%s: the archive says that this is not all (OVERFLOW); ask for more rows",
                      path)


def set_notes(columns: TableColumns, lines: Sequence[str], path: str) -> None:
  """Sets units and descriptions that astropy keeps beside a table, where the file has no others.

  Args:
    columns: the table.
    lines: the notes, in YAML.
    path: the file, for a warning where they cannot be read: the numbers do not need them.
  """
  from astropy.table import meta
  try:
    notes = {str(note["name"]): note for note in meta.get_header_from_yaml(lines)["datatype"]}
  except Exception as error:  # of many kinds
    logging.warning("%s: descriptions of columns that astropy wrote cannot be read: %s", path,
                    error)
    return
  for name, note in notes.items():
    columns.set_unit(name, "" if columns.unit(name) else str(note.get("unit") or ""),
                     description=str(note.get("description") or ""))


def from_astropy(table: Table) -> TableColumns:
  """The columns of a table of astropy; positions, times and the like are skipped."""
  columns = TableColumns()
  for name in table.colnames:
    column = table[name]
    if not isinstance(column, Column):
      columns.skip(name, f"{type(column).__name__} in place of numbers")
    elif column.dtype.kind == "O" and any(
        isinstance(value, (list, dict, np.ndarray)) for value in column[:100]):
      columns.skip(name, "values of different lengths per row")
    else:
      columns.add(name, np.ma.asarray(column) if hasattr(column, "mask") else np.asarray(column))
      columns.set_unit(name, str(column.unit or ""), description=column.description or "")
  return columns
