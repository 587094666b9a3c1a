"""Tables that say of each column what it holds: FITS, VOTable, Parquet, and those of astropy."""

from __future__ import annotations

import io
import os
from typing import Any
import warnings

from absl import logging
from astropy.io import fits, votable
from astropy.table import Column, Table
import numpy as np

from pzbias_tf.guards import plain_files
from pzbias_tf.tables.table_contents import TableColumns

PARQUET = (".parquet", ".parq", ".pq")
"""Endings of Parquet files."""
_HATS_SAMPLE = "data_thumbnail.parquet"
_FITS_BLOCK_BYTES = 2880
_BEGIN, _END = "--BEGIN-ASTROPY-SERIALIZED-COLUMNS--", "--END-ASTROPY-SERIALIZED-COLUMNS--"
_COMMENT = 70  # letters of a line of astropy's notes; a backslash follows where it goes on
_SYSTEMS = {"eq_fk4": "FK4", "eq_fk5": "FK5", "icrs": "ICRS"}
"""{system of a VOTable: RADESYS}."""


def read_fits(path: str, content: bytes) -> TableColumns:
  """The columns of the first table with several rows and numbers, or else with rows.

  So the headers and remarks of images, which SExtractor's LDAC and others put first, are passed
  over.  A table of one row, most of whose cells are arrays of one length, is one of columns.

  Raises:
    ValueError: there is no table.
  """
  with warnings.catch_warnings(action="ignore"), fits.open(io.BytesIO(content)) as file:
    units = [unit for unit in file if isinstance(unit, (fits.BinTableHDU, fits.TableHDU))
             and not isinstance(unit, fits.CompImageHDU)]
    if not units:
      raise ValueError("the FITS file holds no table" + ", or is cut short" * bool(
          len(content) % _FITS_BLOCK_BYTES))
    with_rows = [unit for unit in units if unit.header["NAXIS2"]] or units
    unit = next(filter(_holds_objects, with_rows), with_rows[0])
    if len(with_rows) > 1:
      logging.warning("%s: %d tables; the one of extension %s is read", path, len(with_rows),
                      unit.name or file.index_of(unit))
    return _fits_columns(unit)


def _holds_objects(unit) -> bool:
  """Whether a table has several rows, and numbers in them."""
  kinds = {column.format.strip("0123456789.")[:1] for column in unit.columns}
  return unit.header["NAXIS2"] > 1 and kinds != {"A"}


def _fits_columns(unit) -> TableColumns:
  columns = TableColumns()
  columns.header = unit.header.copy()
  _add_astropy_notes(columns)
  cells = {}
  _ = unit.data  # raises an error of the whole table
  for number, column in enumerate(unit.columns):
    try:
      cells[number] = column.name, _fits_values(unit, number, column)
    except (ValueError, TypeError, UnicodeDecodeError) as error:
      columns.skip(column.name, str(error))
  turned = _rows_in_cells(unit, [values for _, values in cells.values()])
  for name, values in cells.values():
    if turned and values.shape[1:] != (turned,):
      columns.skip(name, "one value for all rows")
      continue
    columns.add(name, values[0] if turned else values)
  return columns


def _add_astropy_notes(columns: TableColumns) -> None:
  """Units and descriptions that astropy writes into comments of the header."""
  from astropy.table import meta
  comments = [str(comment) for comment in columns.header.get("COMMENT", ())]
  if not {_BEGIN, _END} <= set(comments):
    return
  own = comments[comments.index(_BEGIN) + 1:comments.index(_END)]
  lines = "".join(comment[:_COMMENT] + "\n" * (len(comment) <= _COMMENT)  # else it goes on
                  for comment in own).splitlines()
  try:
    notes = meta.get_header_from_yaml(lines)["datatype"]
  except Exception as error:  # of the YAML; the numbers do not need it
    logging.warning("descriptions of columns that astropy wrote cannot be read: %s", error)
    return
  for column in notes:
    name = str(column["name"])
    columns.set_unit(name, "" if columns.unit(name) else str(column.get("unit") or ""),
                     description=str(column.get("description") or ""))


def _rows_in_cells(unit, values) -> int:
  """Number of rows of a table that stand in the cells of its only row; else 0."""
  lengths = [cells.shape[1] for cells in values if cells.ndim == 2 and cells.shape[1] > 1]
  most = 2 * len(lengths) > len(values)  # of one galaxy, few have several values
  return lengths[0] if unit.header["NAXIS2"] == 1 and most and len(set(lengths)) == 1 else 0


def _fits_values(unit, number, column) -> Any:
  """The values of a column: masked where null, texts as bytes where they are not ASCII."""
  if column.format.lstrip("0123456789")[:1] in "PQ":
    raise ValueError("values of different lengths per row")
  raw = unit.data.view(np.ndarray)[unit.data.dtype.names[number]]
  try:
    values = np.array(unit.data.field(number))
  except UnicodeDecodeError:
    values = _decoded(raw)
  if values.dtype.kind in "SU":
    values = _until_zero(_decoded(values) if values.dtype.kind == "S" else values)
  if column.null is not None and raw.dtype.kind in "iu":
    return np.ma.MaskedArray(values, raw == int(column.null))
  if column.null is not None and values.dtype.kind in "iuf":  # of a table of text
    return np.ma.MaskedArray(values, np.char.strip(raw) == str(column.null).strip().encode())
  return values


def _until_zero(texts: np.ndarray) -> np.ndarray:
  """Texts up to the first character of value 0, which ends them by the standard."""
  if not texts.size or not texts.dtype.itemsize:
    return texts
  texts = np.ascontiguousarray(texts, texts.dtype.newbyteorder("="))
  codes = texts.view(np.uint32).reshape(*texts.shape, -1)
  if np.any((codes[..., :-1] == 0) & (codes[..., 1:] != 0)):
    codes[np.logical_or.accumulate(codes == 0, axis=-1)] = 0
  return texts


def _decoded(raw: np.ndarray) -> np.ndarray:
  try:
    return np.char.decode(raw, "utf-8")
  except UnicodeDecodeError:
    return np.char.decode(raw, "latin-1")


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


def parquet_parts(folder: str) -> list[str]:
  """The Parquet files of a table in parts, sorted, in subfolders too; [] if there are none.

  Hidden files, those that begin with _ and the sample of HATS catalogues are no parts.
  """
  found = []
  for root, folders, names in os.walk(folder):
    folders[:] = [name for name in folders if not name.startswith((".", "_"))]
    found += [os.path.join(root, name) for name in names
              if name.lower().endswith(PARQUET) and not name.startswith((".", "_"))
              and name != _HATS_SAMPLE]
  return sorted(found)


def read_parquet(path: str) -> TableColumns:
  """The columns of a Parquet file, or of the parts in a folder, which must have the same.

  Raises:
    OSError: the file is missing.
    ValueError: it is damaged, a part has other columns, or pyarrow is not installed.
  """
  try:
    from pyarrow import parquet  # an optional dependency
  except ImportError as error:
    raise ValueError(f"{path}: Parquet needs pyarrow: pip install '.[parquet]'") from error
  tables = {}
  for file in parquet_parts(path) or [path]:
    plain_files.check(file)
    try:
      tables[file] = parquet.ParquetFile(file).read()
    except FileNotFoundError:
      raise
    except Exception as error:  # pyarrow raises many kinds of errors
      raise ValueError(f"{file}: not a readable table: {error}") from error
  table = _joined(tables)
  columns = TableColumns()
  for number, name in enumerate(table.schema.names):
    try:
      columns.add(name, *_parquet_values(table.column(number)))
    except Exception as error:  # of a column that may not be needed
      columns.skip(name, f"{table.schema.types[number]}: {error}")
  _parquet_units(table.schema, columns)
  return columns


def _joined(tables: dict[str, Any]) -> Any:
  """One table of pyarrow from those of several files."""
  import pyarrow
  (first, table), *others = tables.items()
  for file, other in others:
    differing = sorted({*table.schema.names} ^ {*other.schema.names})
    if differing:
      raise ValueError(f"{file}: other columns than {first} has: {', '.join(differing)}; write "
                       "the parts with the same columns, or take one of these files away")
    try:
      pyarrow.unify_schemas([table.schema, other.schema])
    except pyarrow.ArrowException as error:
      raise ValueError(f"{file}: other types than {first} has: {error}; write the parts with the "
                       "same types") from error
  return pyarrow.concat_tables(tables.values(), promote_options="default") if others else table


def _parquet_values(values) -> tuple[np.ndarray, np.ndarray | None]:
  """The values of a column, and as texts where these are more exact."""
  from pyarrow import compute, types
  kind = values.type
  if types.is_dictionary(kind):
    values, kind = values.cast(kind.value_type), kind.value_type
  if types.is_fixed_size_list(kind) and kind.list_size == 1 and not values.null_count:
    values, kind = compute.list_flatten(values), kind.value_type
  if types.is_null(kind):
    return np.full(len(values), np.nan), np.full(len(values), "")
  if types.is_decimal(kind):
    return values.cast("float64").to_numpy(), _texts(values.cast("string"))
  if types.is_integer(kind) and values.null_count:
    return values.to_numpy(), _texts(values.cast("string"))
  if types.is_integer(kind) or types.is_floating(kind):
    return values.to_numpy(), None
  if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
    return np.array([(value or b"").decode("utf-8").rstrip("\0") for value in values.to_pylist()],
                    str), None
  if types.is_nested(kind):
    raise ValueError("several values per row")
  return _texts(values.cast("string")), None


def _texts(values) -> np.ndarray:
  return np.array([value or "" for value in values.to_pylist()], str)


def _parquet_units(schema, columns: TableColumns) -> None:
  """Units and descriptions that astropy has written into the file, or that stand with a column."""
  from astropy.table import meta
  described = (schema.metadata or {}).get(b"table_meta_yaml", b"").decode().splitlines()
  known = {column["name"]: column
           for column in (meta.get_header_from_yaml(described)["datatype"] if described else ())}
  for field in schema:
    own = {key: str(known.get(field.name, {}).get(key) or "")
           or (field.metadata or {}).get(key.encode(), b"").decode()
           for key in ("unit", "description")}
    columns.set_unit(field.name, own["unit"], description=own["description"])
