"""Parquet tables, of one file or in parts: read some rows at a time into columns on disk."""

from __future__ import annotations

import os
from typing import Any, Iterator, Sequence

import numpy as np

from pzbias_tf.guards import plain_files
from pzbias_tf.tables.binary_tables import set_notes
from pzbias_tf.tables.disk_columns import BLOCK, ColumnWriter
from pzbias_tf.tables.masked_columns import MaskedColumnWriter
from pzbias_tf.tables.scratch_file import ScratchError, ScratchFile
from pzbias_tf.tables.table_contents import TableColumns, filled

PARQUET = (".parquet", ".parq", ".pq")
"""Endings of Parquet files."""
_HATS_SAMPLE = "data_thumbnail.parquet"
_SEVERAL = "several values per row"
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
  schema, rows, noted = _schema_of(files)
  file = ScratchFile(scratch)
  readers = [_ColumnReader(kind, file, rows) for kind in schema.types]
  for part in files:
    _read_part(part, schema, readers)
  return _table(schema, readers, noted)


def _read_part(part: str, schema, readers: Sequence[_ColumnReader]) -> None:
  """Reads the columns of one file; those that may have several values per row one by one.

  Of lists that are missing, pyarrow raises an error, which would take the other columns along.
  """
  plain = [name for name, reader in zip(schema.names, readers) if not reader.is_apart]
  chosen = [(name, reader) for name, reader in zip(schema.names, readers) if name in plain]
  for batch in _batches(part, list(dict.fromkeys(plain))) if plain else ():
    for (_, reader), place in zip(chosen, _places(batch, [name for name, _ in chosen])):
      reader.append(batch.column(place))
  for name, reader in zip(schema.names, readers):
    if reader.is_apart and not reader.problem and name not in plain:
      try:
        for batch in _batches(part, [name]):
          reader.append(batch.column(_places(batch, [name])[0]))
      except ValueError as error:
        reader.problem = f"{schema.field(name).type}: {error.__cause__}"


def _places(batch, names: Sequence[str]) -> list[int]:
  """Where columns are in a batch, which has all columns of one name side by side.

  Asked for a column `a.list.element`, pyarrow also takes the list `a`.
  """
  found = {name: iter(batch.schema.get_all_field_indices(name)) for name in names}
  return [next(found[name]) for name in names]


def _table(schema, readers, noted: TableColumns) -> TableColumns:
  """The columns that were read, with the units that are noted, and why others were not."""
  columns = TableColumns()
  read = [reader.finish() for reader in readers]  # before any is mapped, so that all share a map
  for name, reader, (values, texts) in zip(schema.names, readers, read):
    if reader.problem:
      columns.skip(name, reader.problem)
    else:
      columns.add(name, values.array(), None if texts is None else texts.array())
  columns.header = noted.header
  return columns


class _ColumnReader:
  """A column that is read some rows at a time.

  Args:
    kind: its type, of pyarrow.
    file: where it is kept.
    rows: the number of rows.

  Attributes:
    is_apart: whether it is read by itself, as lists are.
    problem: why it cannot be used; "" if it can.
  """

  def __init__(self, kind: Any, file: ScratchFile, rows: int):
    import pyarrow
    self._kind = kind
    self._values, self._texts = MaskedColumnWriter(file, rows), ColumnWriter(file, rows)
    storage = getattr(kind, "storage_type", kind)
    self.is_apart = pyarrow.types.is_nested(storage)
    # Nothing of these is read.
    self.problem = f"{kind}: {_SEVERAL}" if self.is_apart and (
        getattr(storage, "list_size", 0) != 1) else ""
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


def _schema_of(files: Sequence[str]) -> tuple[Any, int, TableColumns]:
  """The types of all files together, their number of rows, and what they say of columns."""
  import pyarrow
  first, schema, rows, of_first, noted = files[0], None, 0, None, TableColumns()
  for file in files:
    with _opened(file) as opened:
      own, num = opened.schema_arrow, opened.metadata.num_rows
    rows += num
    if of_first is None or not own.equals(of_first, check_metadata=True):
      _note_units(noted, own, file)
    if schema is None:
      schema = of_first = own
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
  return schema, rows, noted


def _note_units(noted: TableColumns, schema, file: str) -> None:
  """Adds units and descriptions that a file states.

  Raises:
    ValueError: an earlier file states another unit of a column.
  """
  own = TableColumns()
  _set_units(schema, own, file)
  if not noted.header:
    noted.header = own.header
    return
  for name in schema.names:
    unit = own.unit(name)
    if unit and noted.unit(name) not in ("", unit):
      raise ValueError(f"{file}: column {name!r} has the unit {unit!r}, but {noted.unit(name)!r} "
                       "in an earlier part; write the parts with the same units")
    noted.set_unit(name, unit, description=own.description(name))


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


def _batches(file: str, names: Sequence[str]) -> Iterator[Any]:
  """The rows of some columns of a file, some at a time."""
  with _opened(file) as opened:
    batches = opened.iter_batches(batch_size=BLOCK, columns=names)
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
    raise ValueError(_SEVERAL)
  return _texts(values.cast("string")), None


def _filled(values: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
  """Whole numbers without those that are masked, and their texts no wider than these are."""
  numbers, texts = filled(values, mask)
  if texts is not None:
    texts = texts.astype(f"U{max(1, np.char.str_len(texts).max(initial=1))}")
  return numbers, texts


def _texts(values) -> np.ndarray:
  return np.array([value or "" for value in values.to_pylist()], str)


def _set_units(schema, columns: TableColumns, path: str) -> None:
  """Units and descriptions that stand with a column, or that astropy has written into the file."""
  for field in schema:
    words = {key.lower(): word.decode("utf-8", "replace")
             for key, word in (field.metadata or {}).items()}
    columns.set_unit(field.name, words.get(b"unit") or words.get(b"units", ""),
                     description=words.get(b"description", ""))
  notes = (schema.metadata or {}).get(b"table_meta_yaml", b"").decode("utf-8", "replace")
  if notes:
    set_notes(columns, notes.splitlines(), path)
