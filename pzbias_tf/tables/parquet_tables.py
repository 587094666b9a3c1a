"""Parquet tables, of one file or in parts: read some rows at a time into columns on disk."""

from __future__ import annotations

import os
from typing import Any, Iterator, Sequence

import numpy as np

from pzbias_tf.guards import plain_files
from pzbias_tf.tables.disk_columns import BLOCK, ColumnWriter
from pzbias_tf.tables.masked_columns import MaskedColumnWriter
from pzbias_tf.tables.scratch_file import ScratchError, ScratchFile
from pzbias_tf.tables.table_contents import TableColumns, filled

PARQUET = (".parquet", ".parq", ".pq")
"""Endings of Parquet files."""
_HATS_SAMPLE = "data_thumbnail.parquet"
_BUFFER_BYTES = 1 << 18  # of each column; else, or with pre_buffer, a row group is read as a whole


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


def read_parquet(path: str, scratch: str = "") -> TableColumns:
  """The columns of a Parquet file, or of the parts in a folder, which must have the same.

  Args:
    path: the file or folder.
    scratch: folder for long columns; "" is the system's folder for temporary files.

  Raises:
    OSError: the file is missing, or the scratch folder is full.
    ValueError: it is damaged, a part has other columns, or pyarrow is not installed.
  """
  try:
    import pyarrow.parquet  # noqa: F401 (an optional dependency)
  except ImportError as error:
    raise ValueError(f"{path}: Parquet needs pyarrow: pip install '.[parquet]'") from error
  files = parquet_parts(path) or [path]
  schema, rows = _schema_of(files)
  file = ScratchFile(scratch)
  readers = [_ColumnReader(kind, file, rows) for kind in schema.types]
  for part in files:
    for batch in _batches(part):
      # Of one file, several columns may have the same name; parts may have another order.
      places = (range(len(readers)) if len(files) == 1 else
                map(batch.schema.get_field_index, schema.names))
      for reader, place in zip(readers, places):
        reader.append(batch.column(place))
  return _table(schema, readers)


def _table(schema, readers) -> TableColumns:
  """The columns that were read, and why others were not."""
  columns = TableColumns()
  read = [reader.finish() for reader in readers]  # before any is mapped, so that all share a map
  for name, reader, (values, texts) in zip(schema.names, readers, read):
    if reader.problem:
      columns.skip(name, reader.problem)
    else:
      columns.add(name, values.array(), None if texts is None else texts.array())
  _set_units(schema, columns)
  return columns


class _ColumnReader:
  """A column that is read some rows at a time.

  Args:
    kind: its type, of pyarrow.
    file: where it is kept.
    rows: the number of rows.

  Attributes:
    problem: why it cannot be used; "" if it can.
  """

  def __init__(self, kind: Any, file: ScratchFile, rows: int):
    self._kind = kind
    self._values, self._texts = MaskedColumnWriter(file, rows), ColumnWriter(file, rows)
    self.problem = ""
    if not rows:
      self.append(_no_values(kind))

  def append(self, values: Any) -> None:
    """Adds the next rows, an array of pyarrow."""
    if self.problem:
      return
    try:
      numbers, texts = _values(_of_type(values, self._kind))
      self._values.append(numbers)
      if texts is not None:
        self._texts.append(texts)
    except ScratchError:
      raise
    except Exception as error:  # of a column that may not be needed; of many kinds
      self.problem = f"{self._kind}: {error}"

  def finish(self) -> tuple[ColumnWriter, ColumnWriter | None]:
    """The values, and as texts where these are more exact."""
    values, texts = self._values.finish(_filled)
    return values, self._texts if self._texts.rows else texts


def _schema_of(files: Sequence[str]) -> tuple[Any, int]:
  """The types of all files together, and their number of rows."""
  import pyarrow
  first, schema, rows = files[0], None, 0
  for file in files:
    with _opened(file) as opened:
      own, num = opened.schema_arrow, opened.metadata.num_rows
    rows += num
    if schema is None:
      schema = own
      continue
    differing = sorted({*schema.names} ^ {*own.names})
    if differing:
      raise ValueError(f"{file}: other columns than {first} has: {', '.join(differing)}; write "
                       "the parts with the same columns, or take one of these files away")
    try:
      schema = pyarrow.unify_schemas([schema, own])
    except pyarrow.ArrowException as error:
      raise ValueError(f"{file}: other types than {first} has: {error}; write the parts with the "
                       "same types") from error
  return schema, rows


def _opened(file: str) -> Any:
  """A Parquet file of pyarrow, open for reading."""
  from pyarrow import parquet
  plain_files.check(file)
  try:
    return parquet.ParquetFile(file, buffer_size=_BUFFER_BYTES, pre_buffer=False)
  except FileNotFoundError:
    raise
  except Exception as error:  # pyarrow raises many kinds of errors
    raise ValueError(f"{file}: not a readable table: {error}") from error


def _batches(file: str) -> Iterator[Any]:
  """The rows of a file, some at a time."""
  with _opened(file) as opened:
    batches = opened.iter_batches(batch_size=BLOCK)
    while True:
      try:
        batch = next(batches, None)
      except Exception as error:  # pyarrow raises many kinds of errors
        raise ValueError(f"{file}: not a readable table: {error}") from error
      if batch is None:
        return
      yield batch


def _of_type(values, kind) -> Any:
  """Values as a chunked array of a type: those of a part without any have no type of their own."""
  import pyarrow
  return pyarrow.chunked_array([values if values.type == kind else values.cast(kind)], kind)


def _no_values(kind) -> Any:
  import pyarrow
  return pyarrow.array([], kind)


def _values(values) -> tuple[np.ndarray, np.ndarray | None]:
  """Some values of a column, whole numbers masked, and as texts where these are more exact."""
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
    return np.ma.MaskedArray(values.fill_null(0).to_numpy(), values.is_null().to_numpy()), None
  if types.is_integer(kind) or types.is_floating(kind):
    return values.to_numpy(), None
  if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
    return np.array([(value or b"").decode("utf-8").rstrip("\0") for value in values.to_pylist()],
                    str), None
  if types.is_nested(kind):
    raise ValueError("several values per row")
  return _texts(values.cast("string")), None


def _filled(values: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
  """Whole numbers without those that are masked, and their texts no wider than these are."""
  numbers, texts = filled(values, mask)
  if texts is not None:
    texts = texts.astype(f"U{max(1, np.char.str_len(texts).max(initial=1))}")
  return numbers, texts


def _texts(values) -> np.ndarray:
  return np.array([value or "" for value in values.to_pylist()], str)


def _set_units(schema, columns: TableColumns) -> None:
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
